/* The rows that a model was trained on beside the held-out ones. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/diagnose_run.h"
#include "run/origin.h"
#include "run/root.h"

/* The share of log p of training rows above all but 0.1 % of the held-out rows. */
static double diagnose_count_memorised(const diagnosis *d, const double *logp, size_t n)
{
    double *sorted = malloc(d->n * sizeof *sorted);
    size_t above = 0;
    if (sorted == NULL)
        return NAN;
    memcpy(sorted, d->logp, d->n * sizeof *sorted);
    gsl_sort(sorted, 1, d->n);
    const double limit = sorted[d->n - 1 - d->n / 1000];
    for (size_t i = 0; i < n; i++)
        above += logp[i] > limit;
    free(sorted);
    return (double)above / (double)n;
}

/* Some of the rows (n, d + c); *rows are the caller's (free). */
static flow_status diagnose_read_training(const diagnosis *d, diagnose_source *source, double **rows, size_t *n,
                                          flow_error *err)
{
    flow_reservoir r = {0};
    flow_moments weights = {0};
    flow_status status = flow_reservoir_start(&r, d->width + 1, d->n, diagnose_seed(d, 3), err);
    if (status == FLOW_OK)
        status = diagnose_read_all(d, source, &r, &weights, err);
    for (size_t i = 0; i < r.n; i++)
        memmove(r.rows + i * d->width, r.rows + i * r.size, d->width * sizeof *r.rows);
    *rows = r.rows;
    *n = r.n;
    return status;
}

static flow_status diagnose_evaluate_training(diagnosis *d, diagnose_source *source, const char *location,
                                              flow_error *err)
{
    double *rows = NULL, *logp = NULL;
    size_t n = 0;
    flow_status status = FLOW_OK;
    if (flow_is_root(d->s->options.comm))
        status = diagnose_read_training(d, source, &rows, &n, err);
    status = diagnose_spread(d, status, &rows, &n, err);
    if (status == FLOW_OK && n > 1) {
        logp = malloc(n * sizeof *logp);
        status = flow_comm_agree(d->s->options.comm, logp != NULL ? FLOW_OK : flow_error_memory(err, "log p"), err);
        if (status == FLOW_OK)
            status = diagnose_evaluate(d, rows, n, logp, err);
    }
    if (status == FLOW_OK && n > 1) {
        d->result->train_logprob = diagnose_mean(logp, n);
        d->result->memorised = diagnose_count_memorised(d, logp, n);
        d->result->train_rows = (int64_t)n;
        d->result->train = location;
    }
    free(logp);
    free(rows);
    return status;
}

/* Training data that the model names may be gone, or have changed; then there is nothing to compare with. */
flow_status diagnose_training(diagnosis *d, flow_error *err)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(d->s->model->provenance, "data");
    const flow_data_origin origin = flow_data_origin_read(data, "train");
    const char *location = d->o->train != NULL ? d->o->train : origin.location;
    d->result->train_logprob = (flow_mean){NAN, NAN};
    d->result->memorised = NAN;
    d->result->is_training = origin.location != NULL && d->o->rows.input != NULL &&
                             flow_output_is_same_table(d->o->rows.input, origin.location);
    flow_comm_broadcast(d->s->options.comm, 0, &d->result->is_training, sizeof d->result->is_training);
    if (location == NULL || d->result->is_training || (d->o->train == NULL && !origin.is_table) ||
        d->result->weight != NULL)
        return FLOW_OK;
    diagnose_source source = {0};
    flow_csv_format csv = d->o->rows.csv;
    if (d->o->train == NULL)
        FLOW_TRY(flow_csv_words_read(&csv, &d->s->model->spec->data->csv, err));
    const char **names = flow_session_names(d->s, d->s->columns);
    const flow_input_options how = {.skip_invalid = true,
                                    .missing = flow_session_missing(d->s, &d->o->rows.missing),
                                    .csv = csv,
                                    .image = flow_session_image(d->s)};
    flow_status status = names == NULL ? flow_error_memory(err, "column names") : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_session_open_input(d->s, &source.in, location, names, d->s->width, &how, err);
    if (status == FLOW_OK)
        status = diagnose_evaluate_training(d, &source, location, err);
    diagnose_source_close(&source);
    free(names);
    return d->o->train != NULL || status == FLOW_MEMORY || status == FLOW_INTERRUPTED
               ? flow_error_prefix(err, status, "%s", d->o->train != NULL ? "--train: " : "")
               : FLOW_OK;
}
