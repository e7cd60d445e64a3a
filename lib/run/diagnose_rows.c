/* The held-out rows of a diagnosis. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "run/diagnose_run.h"
#include "run/weighed.h"

/* Rows that are quick: all tests together take some seconds. */
static size_t diagnose_most_rows(const diagnosis *d)
{
    enum { VALUES = 1 << 22, MOST = 100000, WITH_CONTEXT = 20000, LEAST = 500 };
    if (d->o->most > 0)
        return (size_t)d->o->most;
    size_t most = VALUES / d->width;
    most = most < LEAST ? LEAST : most;
    const size_t limit = d->c > 0 ? WITH_CONTEXT : MOST;
    return most < limit ? most : limit;
}

flow_status diagnose_read_all(const diagnosis *d, flow_input *in, flow_reservoir *r, flow_moments *weights,
                              flow_error *err)
{
    const size_t most = flow_batch_rows(d->width + 1);
    double *batch = malloc(most * (d->width + 2) * sizeof *batch);
    size_t n = 0;
    flow_status status = batch == NULL ? flow_error_memory(err, "the rows") : FLOW_OK;
    while (status == FLOW_OK) {
        double *weight = batch + most * (d->width + 1);
        status = diagnose_check_stop(d, err);
        if (status == FLOW_OK)
            status = flow_input_read(in, batch, NULL, most, &n, err);
        if (status != FLOW_OK || n == 0)
            break;
        flow_weighed_split(in, d->width, n, batch, weight);
        for (size_t i = 0; i < n && status == FLOW_OK; i++) {
            if (weight[i] < 0)
                status = flow_error_set(err, FLOW_DATA,
                                        "%s: row %lld has a negative weight; the tests need rows that are a sample, "
                                        "whose weights are probabilities",
                                        in->reader->name, (long long)r->n_seen + 1);
            flow_reservoir_add(r, batch + i * d->width, weight[i]);
            flow_moments_add(weights, 0, weight[i]);
        }
    }
    free(batch);
    return status;
}

/* Leaves the values of the model, without the weight, in d->rows. */
static flow_status diagnose_keep_rows(diagnosis *d, flow_reservoir *r, const flow_input *in,
                                      const flow_moments *weights, flow_error *err)
{
    flow_run_diagnose_result *out = d->result;
    out->all_rows = r->n_seen;
    out->effective_rows = flow_moments_effective(weights);
    if (out->weight != NULL) {
        flow_reservoir_thin(r); /* then all of them count the same */
        r->n = r->n < diagnose_most_rows(d) ? r->n : diagnose_most_rows(d);
    }
    if (r->n < FLOW_DIAGNOSE_ROWS_LEAST)
        return flow_error_set(err, FLOW_DATA, "%s: %zu row%s%s, and the tests need %d or more", in->reader->name, r->n,
                              r->n == 1 ? "" : "s", out->weight != NULL ? " are left as their weights say" : "",
                              FLOW_DIAGNOSE_ROWS_LEAST);
    for (size_t i = 0; i < r->n; i++)
        memmove(r->rows + i * d->width, r->rows + i * r->size, d->width * sizeof *r->rows);
    d->n = r->n;
    d->rows = r->rows;
    r->rows = NULL;
    out->rows = (int64_t)d->n;
    return FLOW_OK;
}

flow_status diagnose_read(diagnosis *d, flow_error *err)
{
    const flow_row_options *rows = &d->o->rows;
    const char *trained = d->s->model->spec->data->weight;
    const flow_weighed_options how = {.asked = d->o->weight, .trained = trained};
    flow_input in = {0};
    flow_moments weights = {0};
    flow_reservoir r = {0};
    flow_status status = flow_weighed_open(&in, &d->result->weight, d->s, rows, &how, err);
    const size_t most = diagnose_most_rows(d) * (d->result->weight != NULL ? 4 : 1);
    if (status == FLOW_OK)
        status = flow_reservoir_start(&r, d->width + 1, most, diagnose_seed(d, 1), err);
    if (status == FLOW_OK)
        flow_run_begin(&rows->hooks);
    if (status == FLOW_OK)
        status = diagnose_read_all(d, &in, &r, &weights, err);
    if (status == FLOW_OK) {
        flow_run_say_remarks(&rows->hooks, rows->input, &in.reader->remarks);
        const flow_skipped skipped = flow_reader_skipped(in.reader, NULL);
        flow_run_warn_skipped(&rows->hooks, rows->input, &skipped, "", "");
        flow_reservoir_shuffle(&r);
        status = diagnose_keep_rows(d, &r, &in, &weights, err);
    }
    flow_input_close(&in);
    free(r.rows);
    return status;
}
