/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "num/real.h"
#include "run/format.h"
#include "run/given.h"
#include "run/root.h"

/* The context of draws: row i of the draws belongs to row i / n of the table. Under skip_invalid the draws for a row
 * that is skipped are NaN; the flow is given the row that follows it in its place, or the last one. */
typedef struct context_rows {
    flow_input in;
    double *values;   /* (c): of a table that consists of what was typed; NULL: the table is a file */
    double *rows;     /* (n_room, c): valid rows of the table that were read, */
    int64_t *numbers; /* (n_room) and their numbers in the table */
    size_t n_room, n, at;
    int64_t row;     /* the row of the table that draws are made for; -1: none yet */
    int64_t n_table; /* its rows, once the end was reached; before, -1 */
    uint64_t left;   /* how many more draws it is for */
    bool in_place;   /* it is that of the next draw */
} context_rows;

typedef struct sampling {
    const flow_session *s;
    const flow_run_sample_options *o;
    flow_run_sample_result *result;
    context_rows context;
    uint64_t begin;                  /* the row of the seed's list at which the first tile begins, */
    uint64_t at, end;                /* the next row to be read, and the end of the rows */
    uint64_t failed;                 /* the first row that fails on its way there or back, */
    char place[FLOW_DIAGNOSIS_SIZE]; /* and where; "": none did */
} sampling;

/* What was typed as a table of one row. */
static flow_status sample_type_context(sampling *run, const char *given, flow_error *err)
{
    const flow_session *s = run->s;
    context_rows *context = &run->context;
    const int c = s->n_context;
    FLOW_TRY(flow_given_read(&context->values, s, given, true, err));
    context->in = (flow_input){.n_columns = c, .n_read = c};
    const flow_table_rows table = {.name = "--given", .rows = context->values, .n = 1, .d = c, .columns = s->context};
    return flow_reader_open_rows(&context->in.reader, &table, &(flow_reader_options){0}, err);
}

static flow_status sample_open_context(sampling *run, flow_error *err)
{
    const flow_session *s = run->s;
    const char *path = s->name, *given = run->o->rows.input;
    if (given != NULL)
        FLOW_TRY(flow_given_check(s, err));
    if (s->n_context == 0)
        return FLOW_OK;
    if (given == NULL)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s is conditional on %s%s; give the values of its context with "
                              "--given FILE or --given %s=VALUE",
                              path, s->context[0], s->n_context > 1 ? " and more columns" : "", s->context[0]);
    context_rows *context = &run->context;
    size_t c = (size_t)s->n_context;
    context->n_room = flow_batch_rows(c);
    context->row = context->n_table = -1;
    context->rows = malloc(context->n_room * c * sizeof *context->rows);
    context->numbers = malloc(context->n_room * sizeof *context->numbers);
    if (context->rows == NULL || context->numbers == NULL)
        return flow_error_memory(err, "rows of context");
    if (flow_given_is_typed(given))
        return sample_type_context(run, given, err);
    const flow_input_options options = {.chosen = true,
                                        .skip_invalid = run->o->rows.skip_invalid,
                                        .missing = flow_session_missing(s, &run->o->rows.missing),
                                        .csv = run->o->rows.csv};
    flow_status status = flow_session_open_input(s, &context->in, given, s->context, s->n_context, &options, err);
    return flow_error_prefix(err, status, "--given: ");
}

/* Reads rows, the first of which follows those before; at the end of the table the last one stays. */
static flow_status sample_read_context(sampling *run, flow_error *err)
{
    context_rows *context = &run->context;
    const size_t c = (size_t)run->s->n_context, last = context->n;
    char count[FLOW_FORMAT_SIZE];
    if (last > 0) /* behind the room for what is read */
        memmove(context->rows + (context->n_room - 1) * c, context->rows + (last - 1) * c, c * sizeof *context->rows);
    FLOW_TRY(flow_input_read(&context->in, context->rows, context->numbers, context->n_room - 1, &context->n, err));
    context->at = 0;
    if (context->n > 0)
        return FLOW_OK;
    context->n_table = flow_reader_tell(context->in.reader).row;
    context->numbers[0] = context->n_table;
    if (last > 0)
        memmove(context->rows, context->rows + (context->n_room - 1) * c, c * sizeof *context->rows);
    context->n = last > 0;
    return last > 0 || context->n_table == 0
               ? FLOW_OK
               : flow_error_set(err, FLOW_DATA, "--given: %s: no row can be used; all %s are invalid",
                                run->o->rows.input, flow_format_count(count, context->n_table));
}

/* Goes to the next row of the table when the present one is used up; false at the end. */
static bool sample_advance_context(sampling *run, flow_status *status, flow_error *err)
{
    context_rows *context = &run->context;
    *status = FLOW_OK;
    if (context->left > 0)
        return true;
    context->row++;
    while (context->at + 1 < context->n && context->numbers[context->at] < context->row)
        context->at++;
    if (context->n_table < 0 && (context->n == 0 || context->numbers[context->at] < context->row))
        *status = sample_read_context(run, err);
    if (*status != FLOW_OK || (context->n_table >= 0 && context->row >= context->n_table))
        return false;
    context->left = (uint64_t)run->o->n;
    return true;
}

static bool sample_context_is_valid(const context_rows *context)
{
    return context->numbers[context->at] == context->row;
}

/* Passes over the context of the draws before the first tile. */
static flow_status sample_skip_context(sampling *run, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (uint64_t n = run->at, some; n > 0 && sample_advance_context(run, &status, err); n -= some) {
        some = n < run->context.left ? n : run->context.left;
        run->context.left -= some;
    }
    run->context.in_place = true;
    return status;
}

/* The first tile may begin before the first row. */
static flow_status sample_read(void *context, flow_row_batch *batch, size_t n_max, flow_error *err)
{
    sampling *run = context;
    const uint64_t first = (uint64_t)run->o->first;
    const size_t c = (size_t)run->s->n_context;
    size_t n = run->at >= run->end ? 0 : run->end - run->at < n_max ? (size_t)(run->end - run->at) : n_max;
    flow_status status = FLOW_OK;
    if (c == 0)
        batch->n = n;
    else if (n > 0 && !run->context.in_place)
        status = sample_skip_context(run, err);
    while (status == FLOW_OK && batch->n < n && sample_advance_context(run, &status, err)) {
        memcpy(batch->in + batch->n * c, run->context.rows + run->context.at * c, c * sizeof *batch->in);
        batch->numbers[batch->n++] = sample_context_is_valid(&run->context) ? 0 : -1;
        run->context.left--;
    }
    batch->first = run->at < first ? (size_t)(first - run->at) : 0;
    if (batch->n <= batch->first)
        batch->n = 0;
    run->at += batch->n;
    return status;
}

/* A draw, its context and its log-density. */
static size_t sample_width(const sampling *run)
{
    return (size_t)run->s->width + (run->o->logprob ? 1 : 0);
}

/* Tells the largest round-trip error of the batch. */
static flow_status sample_map(void *context, flow_row_batch *batch, flow_error *err)
{
    (void)err;
    const sampling *run = context;
    const flow_run_sample_options *o = run->o;
    const size_t d = (size_t)run->s->dim, c = (size_t)run->s->n_context, n = batch->n, width = sample_width(run);
    double *x = batch->scratch, *logp = o->logprob ? x + n * d : NULL;
    flow_ensemble_sample(run->s->ensemble, (uint64_t)o->seed, run->begin + (uint64_t)batch->at, n, o->temperature,
                         batch->in, x, logp, batch->facts);
    for (size_t i = 0; i < n; i++) {
        double *row = batch->out + i * width;
        memcpy(row, x + i * d, d * sizeof *x);
        memcpy(row + d, batch->in + i * c, c * sizeof *x);
        if (o->logprob)
            row[d + c] = logp[i];
    }
    return FLOW_OK;
}

static void sample_count(void *context, flow_row_batch *batch)
{
    sampling *run = context;
    const flow_run_sample_options *o = run->o;
    flow_run_sample_result *r = run->result;
    const size_t d = (size_t)run->s->dim, n = batch->n, width = sample_width(run);
    const double round_trip = batch->facts[0];
    if (!(round_trip <= r->round_trip)) /* a NaN stays */
        r->round_trip = isnan(r->round_trip) ? r->round_trip : round_trip;
    if (!isfinite(round_trip) && run->place[0] == '\0')
        flow_ensemble_diagnose_draws(run->s->ensemble, (uint64_t)o->seed, run->begin + (uint64_t)batch->at, n,
                                     o->temperature, batch->in, o->logprob, &run->failed, run->place,
                                     sizeof run->place);
    for (size_t i = batch->first; i < n; i++) {
        double *row = batch->out + i * width;
        bool finite = true;
        if (batch->numbers[i] < 0) { /* its context was skipped */
            for (size_t k = 0; k < width; k++)
                row[k] = (double)NAN;
            continue;
        }
        for (size_t k = 0; k < d; k++)
            finite = finite && isfinite(row[k]);
        r->non_finite += !finite;
    }
    r->rows += (int64_t)(n - batch->first);
}

/* Draws of which most are no values are no sample. */
static flow_status sample_finish(void *context, flow_error *err)
{
    const sampling *run = context;
    const flow_run_sample_result *r = run->result;
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE];
    if (2 * r->non_finite <= r->rows)
        return FLOW_OK;
    flow_format_count(count, r->non_finite);
    flow_format_count(all, r->rows);
    if (run->place[0] != '\0')
        return flow_error_set(err, FLOW_NUMERIC,
                              "%s of %s draws have values that are not finite, which is no sample of the model; row "
                              "%lld, counted from 0, fails in %s",
                              count, all, (long long)run->failed, run->place);
    return flow_error_set(err, FLOW_NUMERIC,
                          "%s of %s draws have values that are not finite, which is no sample of the model; train it "
                          "longer, or at a lower learning rate",
                          count, all);
}

static void sample_warn(const sampling *run)
{
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE], reason[FLOW_ERROR_SIZE];
    const flow_run_sample_options *o = run->o;
    const flow_run_hooks *hooks = &o->rows.hooks;
    const flow_run_sample_result *r = run->result;
    if (run->context.in.reader != NULL) {
        flow_run_say_remarks(hooks, r->given, &run->context.in.reader->remarks);
        const flow_skipped skipped = flow_reader_skipped(run->context.in.reader, NULL);
        flow_run_warn_skipped(hooks, r->given, &skipped, "; the rows of their draws are nan", "");
    }
    if (r->given != NULL && o->n > 0 && r->rows == 0 && o->limit != 0)
        flow_run_warn(hooks, "%s has no context for row %lld and what follows; no rows are drawn", r->given,
                      (long long)o->first);
    if (r->non_finite > 0)
        flow_run_warn(hooks, "%s of %s rows have values that are not finite%s", flow_format_count(count, r->non_finite),
                      flow_format_count(all, r->rows),
                      run->place[0] != '\0' ? ""
                                            : "; the model leaves the range of numbers there, train it longer or "
                                              "with smaller rates");
    if (run->place[0] != '\0') {
        flow_run_warn(hooks,
                      "row %lld of the list, counted from 0, has no values or does not come back: it fails "
                      "in %s",
                      (long long)run->failed, run->place);
    } else if (r->non_finite == 0 && !(r->round_trip < FLOW_ROUND_TRIP_MOST)) {
        flow_session_diagnose_round_trip(run->s, reason, sizeof reason);
        flow_run_warn(hooks, "the largest round-trip error is %.1e (in %s): %s", r->round_trip,
                      flow_session_round_trip_unit(run->s), reason);
    }
}

flow_status flow_run_sample(flow_run_sample_result *out, const flow_session *s, const flow_run_sample_options *options,
                            flow_error *err)
{
    *out = (flow_run_sample_result){
        .model = s->model->path,
        .given = options->rows.input,
        .output = flow_run_file(options->rows.output),
        .steps = s->options.steps,
        .seed = options->seed,
        .first = options->first,
        .rows_per_context = options->n,
    };
    sampling run = {.s = s, .o = options, .result = out, .begin = (uint64_t)options->first / FLOW_TILE * FLOW_TILE};
    run.at = run.begin;
    const int64_t most = INT64_MAX / 2, limit = options->limit >= 0 ? options->limit : most;
    int64_t n = options->rows.input == NULL ? options->n : most;
    n = options->n == 0 ? 0 : limit < n ? limit : n;
    run.end = n > 0 ? (uint64_t)options->first + (uint64_t)n : run.at;
    const char **columns = flow_session_names(s, s->columns);
    char room[FLOW_ADDED_NAME_SIZE];
    if (columns != NULL && options->logprob)
        flow_session_add_name(s, columns, "logprob", room, &options->rows.hooks);
    flow_picture_options picture = flow_session_picture(s);
    picture.first = options->first;
    const flow_row_walk walk = {
        .context = &run,
        .comm = s->options.comm,
        .options = &options->rows,
        .columns = columns,
        .n_columns = sample_width(&run),
        .n_in = (size_t)s->n_context,
        .n_facts = 1,
        .n_scratch = (size_t)s->dim + 1,
        .total = n < most ? n : 0,
        .read = sample_read,
        .map = sample_map,
        .count = sample_count,
        .finish = sample_finish,
        .picture = picture,
    };
    flow_status status = columns == NULL ? flow_error_memory(err, "column names") : sample_open_context(&run, err);
    if (status == FLOW_OK)
        status = flow_walk_rows(&walk, &out->closed, err);
    if (status == FLOW_OK)
        out->solving = flow_session_solving(s, FLOW_TO_DATA);
    out->skipped = run.context.in.reader != NULL ? run.context.in.reader->n_skipped : 0;
    if (status == FLOW_OK && !out->closed && flow_is_root(s->options.comm))
        sample_warn(&run);
    flow_input_close(&run.context.in);
    free(run.context.rows);
    free(run.context.numbers);
    free(run.context.values);
    free(columns);
    return status;
}
