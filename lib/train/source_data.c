/* Data sets as a source. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "train/evaluate.h"
#include "train/source.h"

/* Of the held-out rows after each epoch, where columns are discrete: enough to tell epochs apart, since the noise is
 * the same in all of them. */
enum { DATA_NOISE_DRAWS = 4 };

typedef struct data_source {
    flow_source base;
    flow_arena arena; /* of the arrays below */
    flow_dataset *training, *validation; /* validation: NULL without */
    flow_evaluator *evaluator;           /* NULL without validation */
    uint64_t seed;
    /* Of the last batch, the rows of this process: */
    flow_row_range own;
    double *rows;     /* (batch, columns of the data set) */
    int64_t *numbers; /* (batch) */
    bool *left_out;   /* (batch) */
    int64_t *bounds;  /* (ranks + 1) of the rows of each rank */
    const flow *f;
    flow_far_rows far; /* rows that are left out; found with the fitted values, when the first epoch begins */
    bool has_looked;
} data_source;

/* ---- checks ---- */

static flow_status data_check_columns(const flow *f, const flow_dataset *data, flow_error *err)
{
    FLOW_TRY(flow_check_columns(f, data, err));
    if (data->n_rows < 1)
        return flow_error_set(err, FLOW_DATA, "%s: there are no rows to use", data->location);
    return FLOW_OK;
}

/* One row has no spread, in any column. */
static flow_status data_check_rows(const flow_dataset *data, flow_error *err)
{
    if (data->n_rows < 2)
        return flow_error_set(err, FLOW_DATA, "%s: there is one row to train on, and a density needs hundreds of them; "
                              "give it more rows", data->location);
    return FLOW_OK;
}

/* Other columns, or another order of them, would be an error that nothing shows. */
static flow_status check_names(const flow_dataset *training, const flow_dataset *validation, flow_error *err)
{
    if (!training->has_names || !validation->has_names)
        return FLOW_OK;
    for (int i = 0; i < training->n_columns; i++) {
        const char *a = training->columns[i], *b = validation->columns[i];
        if (strcmp(a, b) != 0)
            return flow_error_set(err, FLOW_DATA, "column %d is \"%.80s\" in %s and \"%.80s\" in %s; name the "
                                  "\"columns\" to use", i + 1, a, training->location, b, validation->location);
    }
    return FLOW_OK;
}

/* A column of a lattice has probabilities, which have a bound. */
static flow_status data_check_spread(const flow *f, const flow_dataset *data, flow_error *err)
{
    bool *discrete = calloc((size_t)f->dim, sizeof *discrete);
    if (discrete == NULL)
        return flow_error_memory(err, "training");
    flow_mark_discrete(f, discrete);
    flow_status status = flow_dataset_check_spread(data, discrete, err);
    free(discrete);
    return status;
}

static flow_status check_data(const flow *f, const flow_dataset *training, const flow_dataset *validation,
                              flow_error *err)
{
    FLOW_TRY(data_check_columns(f, training, err));
    FLOW_TRY(data_check_rows(training, err));
    FLOW_TRY(data_check_spread(f, training, err));
    if (validation == NULL)
        return FLOW_OK;
    FLOW_TRY(data_check_columns(f, validation, err));
    return check_names(training, validation, err);
}

/* ---- rows of an epoch ---- */

/* From rows (n, width, and a weight) to rows (n, width) in proportion to their weights, so that what is fitted to them
 * is fitted to the weighted data: one for each of n even steps of the summed weights (systematic resampling, Kitagawa
 * 1996). Equal weights give every row once. A row of negative weight is not drawn. */
static void draw_by_weight(const double *rows, size_t n, size_t width, double *drawn)
{
    double total = 0, sum = 0;
    for (size_t r = 0; r < n; r++)
        total += fmax(rows[r * (width + 1) + width], 0);
    for (size_t r = 0, k = 0; r < n; r++) {
        sum += fmax(rows[r * (width + 1) + width], 0);
        for (; k < n && (sum > ((double)k + 0.5) * (total / (double)n) || r + 1 == n); k++)
            memcpy(drawn + k * width, rows + r * (width + 1), width * sizeof *drawn);
    }
}

/* Drops rows that would decide about a mean or a deviation alone; not where hardly any others are left. */
static flow_status fit_leave_out(const flow_dataset *data, double *rows, size_t *n, flow_error *err)
{
    const size_t stride = (size_t)data->n_columns;
    const int dim = data->n_columns - data->n_context - (data->is_weighted ? 1 : 0);
    flow_far_rows far = {0};
    flow_status status = flow_far_rows_of_fit(&far, data->survey, dim, err);
    size_t kept = 0;
    for (size_t r = 0; r < *n && far.dim > 0; r++)
        kept += !flow_far_rows_has(&far, rows + r * stride);
    if (kept > *n / 2 && kept < *n) {
        for (size_t r = kept = 0; r < *n; r++)
            if (!flow_far_rows_has(&far, rows + r * stride))
                memmove(rows + kept++ * stride, rows + r * stride, stride * sizeof *rows);
        *n = kept;
    }
    flow_far_rows_free(&far);
    return status;
}

/* Initial values from all rows, or from so many of them that the values are right to a fraction of a percent. */
static flow_status data_fit(flow_source *self, flow *f, real *weights, flow_error *err)
{
    enum { MOST_VALUES = 1 << 24, MOST_ROWS = 1 << 16, LEAST_ROWS = 1 << 10 };
    data_source *source = (data_source *)self;
    flow_dataset *data = source->training;
    size_t stride = (size_t)data->n_columns, width = (size_t)flow_width(f);
    int64_t n_max = MOST_VALUES / (int64_t)stride;
    n_max = n_max < LEAST_ROWS ? LEAST_ROWS : n_max > MOST_ROWS ? MOST_ROWS : n_max;
    n_max = n_max > self->n_rows ? self->n_rows : n_max;
    bool weighted = data->is_weighted;
    flow_arena arena = {0};
    double *rows = flow_arena_take(&arena, (size_t)n_max, stride * sizeof *rows);
    double *drawn = weighted ? flow_arena_take(&arena, (size_t)n_max, width * sizeof *drawn) : rows;
    size_t n = 0;
    flow_status status = arena.failed ? flow_error_memory(err, "a sample of the data")
                                      : flow_dataset_sample(data, rows, (size_t)n_max, &n, err);
    if (status == FLOW_OK)
        status = fit_leave_out(data, rows, &n, err);
    if (status == FLOW_OK && weighted)
        draw_by_weight(rows, n, width, drawn);
    if (status == FLOW_OK)
        status = flow_fit(f, weights, drawn, n, data->columns, err);
    flow_arena_release(&arena);
    return status;
}

static flow_status data_seek(flow_source *self, int64_t epoch, int64_t row, flow_error *err)
{
    data_source *source = (data_source *)self;
    if (!source->has_looked) {
        FLOW_TRY(flow_far_rows_of_training(&source->far, source->training->survey, source->f, err));
        source->has_looked = true;
        if (source->evaluator != NULL)
            flow_evaluator_leave_out(source->evaluator, &source->far);
    }
    return flow_dataset_shuffle(source->training, source->seed, epoch, row, err);
}

static void data_leave_out(data_source *source, flow_batch *batch)
{
    for (int64_t i = 0; i < source->own.n; i++) {
        double *row = source->rows + (size_t)i * batch->stride;
        source->left_out[i] = flow_far_rows_has(&source->far, row);
        if (source->left_out[i])
            memcpy(row, source->far.middle, (size_t)flow_width(source->f) * sizeof *row);
    }
    batch->left_out = source->left_out;
}

static flow_status data_next(flow_source *self, int64_t n, flow_batch *out, flow_error *err)
{
    data_source *source = (data_source *)self;
    flow_dataset *data = source->training;
    size_t stride = (size_t)data->n_columns;
    for (int r = 0; r <= flow_comm_size(data->comm); r++)
        source->bounds[r] = flow_batch_first(data->comm, n, r);
    source->own = flow_batch_share(data->comm, n);
    FLOW_TRY(flow_dataset_next_share(data, source->rows, source->numbers, source->bounds, err));
    *out = (flow_batch){.n = n, .rows = source->rows, .stride = stride, .weighted = data->is_weighted};
    if (source->far.dim > 0)
        data_leave_out(source, out);
    return FLOW_OK;
}

static int64_t data_number(const flow_source *self, int64_t i)
{
    const data_source *source = (const data_source *)self;
    const int64_t here = i - source->own.first;
    return flow_comm_most(source->training->comm, here >= 0 && here < source->own.n ? source->numbers[here] : -1);
}

static flow_status data_evaluate(flow_source *self, flow_likelihood *out, double *scores, double *row_weights,
                                 const flow_train_hooks *hooks, flow_error *err)
{
    data_source *source = (data_source *)self;
    return flow_evaluator_run(source->evaluator, out, scores, row_weights, source->validation, hooks, err);
}

static void data_release(flow_source *self)
{
    data_source *source = (data_source *)self;
    flow_evaluator_free(source->evaluator);
    flow_far_rows_free(&source->far);
    flow_arena_release(&source->arena);
    free(source);
}

static const flow_source_type source_data = {
    .row_name = "row", .score_name = "log p", .fit = data_fit, .seek = data_seek, .next = data_next,
    .number = data_number, .evaluate = data_evaluate, .free = data_release,
};

static void describe(flow_source *base, const flow_dataset *training, const flow_dataset *validation)
{
    base->type = &source_data;
    base->name = training->location;
    base->n_rows = training->n_rows;
    base->checksum = training->checksum;
    base->mean_weight = 1;
    if (training->is_weighted)
        base->mean_weight = training->summary[training->n_columns - 1].mean / training->weight_unit;
    base->held_out_name = "validation";
    if (validation == NULL)
        return;
    base->held_out_name = validation->location;
    base->n_held_out = validation->n_rows;
    base->held_out_checksum = validation->checksum;
}

flow_status flow_source_data(flow_source **out, const flow *f, flow_dataset *training, flow_dataset *validation,
                             const real *evaluated, const flow_train_options *options, uint64_t seed, int n_threads,
                             flow_error *err)
{
    *out = NULL;
    FLOW_TRY(check_data(f, training, validation, err));
    data_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return flow_error_memory(err, "training");
    source->training = training;
    source->validation = validation;
    source->seed = seed;
    source->f = f;
    describe(&source->base, training, validation);
    size_t batch = (size_t)(options->batch < source->base.n_rows ? options->batch : source->base.n_rows);
    source->rows = flow_arena_take(&source->arena, batch, (size_t)training->n_columns * sizeof *source->rows);
    source->numbers = flow_arena_take(&source->arena, batch, sizeof *source->numbers);
    source->left_out = flow_arena_take(&source->arena, batch, sizeof *source->left_out);
    source->bounds = flow_arena_take(&source->arena, (size_t)flow_comm_size(training->comm) + 1,
                                     sizeof *source->bounds);
    flow_status status = source->arena.failed ? flow_error_memory(err, "training") : FLOW_OK;
    if (status == FLOW_OK && validation != NULL)
        status = flow_evaluator_new(&source->evaluator, f, evaluated, n_threads, err);
    if (status == FLOW_OK && validation != NULL)
        flow_evaluator_set_noise_draws(source->evaluator, DATA_NOISE_DRAWS);
    FLOW_RETURN_MADE(out, &source->base, data_release, status);
}
