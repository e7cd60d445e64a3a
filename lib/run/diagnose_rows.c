/* The held-out rows of a diagnosis. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "run/diagnose_run.h"
#include "run/origin.h"
#include "run/root.h"
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

/* The next rows, with a weight behind each where there is one. */
static flow_status diagnose_source_read(diagnose_source *source, double *rows, size_t most, size_t *n, flow_error *err)
{
    return source->set != NULL ? flow_dataset_next(source->set, rows, NULL, most, n, err)
                               : flow_input_read(&source->in, rows, NULL, most, n, err);
}

flow_status diagnose_read_all(const diagnosis *d, diagnose_source *source, flow_reservoir *r, flow_moments *weights,
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
            status = diagnose_source_read(source, batch, most, &n, err);
        if (status != FLOW_OK || n == 0)
            break;
        flow_input_split(&source->in, d->width, n, batch, weight);
        for (size_t i = 0; i < n && status == FLOW_OK; i++) {
            if (weight[i] < 0)
                status = flow_error_set(err, FLOW_DATA,
                                        "%s: row %lld has a negative weight; the tests need rows that are a sample, "
                                        "whose weights are probabilities",
                                        d->result->data, (long long)r->n_seen + 1);
            flow_reservoir_add(r, batch + i * d->width, weight[i]);
            flow_moments_add(weights, 0, weight[i]);
        }
    }
    free(batch);
    return status;
}

/* Leaves the values of the model, without the weight, in d->rows. */
static flow_status diagnose_keep_rows(diagnosis *d, flow_reservoir *r, const flow_moments *weights, flow_error *err)
{
    flow_run_diagnose_result *out = d->result;
    out->all_rows = r->n_seen;
    out->effective_rows = flow_moments_effective(weights);
    if (out->weight != NULL) {
        flow_reservoir_thin(r); /* then all of them count the same */
        r->n = r->n < diagnose_most_rows(d) ? r->n : diagnose_most_rows(d);
    }
    if (r->n < FLOW_DIAGNOSE_ROWS_LEAST)
        return flow_error_set(err, FLOW_DATA, "%s: %zu row%s%s, and the tests need %d or more", out->data, r->n,
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

/* ---- where the rows come from ---- */

static flow_status diagnose_open_data(diagnosis *d, diagnose_source *source, flow_error *err)
{
    const flow_weighed_options how = {.asked = d->o->weight, .trained = d->s->model->spec->data->weight};
    return flow_weighed_open(&source->in, &d->result->weight, d->s, &d->o->rows, &how, err);
}

/* Without DATA: the rows of the test, or else of the validation, that the model was trained with; a share of the
 * training rows is the one that was held out then. */
static flow_status diagnose_open_held_out(diagnosis *d, diagnose_source *source, flow_error *err)
{
    const flow_spec *spec = d->s->model->spec;
    const flow_data_options *data = spec->data;
    const cJSON *origins = cJSON_GetObjectItemCaseSensitive(d->s->model->provenance, "data");
    const flow_data_origin train = flow_data_origin_read(origins, "train");
    const bool test = data->test.text != NULL || data->test.number > 0;
    const flow_text_or_number *asked = test ? &data->test : &data->validation;
    const bool share = asked->number > 0;
    const flow_data_origin whole = share ? train : flow_data_origin_read(origins, test ? "test" : "validation");
    const flow_part part = !share ? FLOW_PART_ALL : test ? FLOW_PART_TEST : FLOW_PART_HELD_OUT;
    if (whole.location == NULL)
        return flow_error_set(
            err, FLOW_ARGUMENT,
            "%s: was trained without rows for a test or a validation; name DATA, rows that it has not "
            "seen",
            d->s->name);
    const flow_dataset_options how = {
        .columns = train.has_names ? d->s->columns : NULL,
        .n_columns = train.has_names ? d->s->dim : 0,
        .context = d->s->context,
        .n_context = d->s->n_context,
        .weight = data->weight,
        .allow_negative_weights = true,
        .image = flow_session_image(d->s),
        .skip_invalid = data->skip_invalid,
        .missing = flow_session_missing(d->s, &d->o->rows.missing),
        .csv = flow_csv_words_format(&data->csv),
        .memory_bytes = 1,
        .part = part,
        .share = data->validation.number,
        .test_share = data->test.number,
        .seed = spec->seed,
    };
    d->shared = share;
    d->result->data = whole.location;
    d->result->held_out = test ? "test" : "validation";
    d->result->weight = data->weight;
    if (!flow_is_root(d->s->options.comm))
        return FLOW_OK;
    FLOW_TRY(flow_dataset_open(&source->set, whole.location, &how, err));
    if ((size_t)source->set->n_columns != d->width + (data->weight != NULL))
        return flow_error_set(err, FLOW_DATA, "%s: has other columns than when the model was trained", whole.location);
    source->in = (flow_input){.n_columns = source->set->n_columns, .has_optional = data->weight != NULL};
    flow_dataset_rewind(source->set);
    return FLOW_OK;
}

void diagnose_source_close(diagnose_source *source)
{
    flow_input_close(&source->in);
    flow_dataset_close(source->set);
    *source = (diagnose_source){0};
}

static flow_status diagnose_read_source(diagnosis *d, diagnose_source *source, flow_error *err)
{
    const flow_row_options *rows = &d->o->rows;
    const size_t most = diagnose_most_rows(d) * (d->result->weight != NULL ? 4 : 1);
    flow_moments weights = {0};
    flow_reservoir r = {0};
    flow_status status = flow_reservoir_start(&r, d->width + 1, most, diagnose_seed(d, 1), err);
    if (status == FLOW_OK)
        status = diagnose_read_all(d, source, &r, &weights, err);
    if (status == FLOW_OK && source->in.reader != NULL) {
        flow_run_say_remarks(&rows->hooks, rows->input, &source->in.reader->remarks);
        const flow_skipped skipped = flow_reader_skipped(source->in.reader, NULL);
        flow_run_warn_skipped(&rows->hooks, rows->input, &skipped, "", "");
    }
    if (status == FLOW_OK) {
        flow_reservoir_shuffle(&r);
        status = diagnose_keep_rows(d, &r, &weights, err);
    }
    free(r.rows);
    return status;
}

flow_status diagnose_read(diagnosis *d, flow_error *err)
{
    const flow_comm *comm = d->s->options.comm;
    diagnose_source source = {0};
    flow_status status = d->o->rows.input != NULL
                             ? diagnose_open_data(d, &source, err)
                             : flow_root_status(comm, diagnose_open_held_out(d, &source, err), err);
    if (status == FLOW_OK) {
        flow_run_begin(&d->o->rows.hooks);
        status = flow_is_root(comm) ? diagnose_read_source(d, &source, err) : FLOW_OK;
        status = diagnose_spread(d, status, &d->rows, &d->n, err);
    }
    diagnose_source_close(&source);
    return status;
}
