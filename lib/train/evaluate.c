/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

flow_status flow_check_columns(const flow *f, const flow_dataset *data, flow_error *err)
{
    int n = data->n_columns - (data->is_weighted ? 1 : 0);
    if (n != flow_width(f))
        return flow_error_set(err, FLOW_DATA, "%s: has %d columns, the model has %d", data->location, n, flow_width(f));
    if (data->n_context != f->context.n)
        return flow_error_set(err, FLOW_DATA, "%s: has %d columns of context, the model has %d", data->location,
                              data->n_context, f->context.n);
    return FLOW_OK;
}

void flow_likelihood_finish(flow_likelihood *out, const flow_moments *moments)
{
    out->mean = out->not_finite > 0 ? -HUGE_VAL : flow_moments_mean(moments);
    out->error = out->not_finite > 0 ? NAN : flow_moments_error(moments);
    out->effective_rows = flow_moments_effective(moments);
}

struct flow_evaluator {
    size_t width;             /* d + c */
    const flow_far_rows *far; /* borrowed; NULL: none */
    flow_runner *runner;
    size_t n_max;               /* rows in a piece */
    double *rows;               /* (n_max, width, and one more for a weight); owned, with the two below */
    double *row_weights, *logp; /* (n_max) */
    int64_t *numbers;           /* (n_max); owned */
};

flow_status flow_evaluator_new(flow_evaluator **out, const flow *f, const real *weights, int n_threads, flow_error *err)
{
    /* Enough rows to keep all threads busy, few enough to stay in the cache when rows are wide. */
    enum { MOST_VALUES = 1 << 20, MOST_ROWS = 1 << 14 };
    *out = NULL;
    flow_evaluator *e = calloc(1, sizeof *e);
    if (e == NULL)
        return flow_error_memory(err, "an evaluation");
    e->width = (size_t)flow_width(f);
    e->n_max = MOST_VALUES / e->width / FLOW_TILE * FLOW_TILE;
    if (e->n_max < (size_t)n_threads * FLOW_TILE)
        e->n_max = (size_t)n_threads * FLOW_TILE;
    if (e->n_max > MOST_ROWS)
        e->n_max = MOST_ROWS;
    e->rows = malloc(e->n_max * (e->width + 3) * sizeof *e->rows);
    e->numbers = malloc(e->n_max * sizeof *e->numbers);
    bool has_memory = e->rows != NULL && e->numbers != NULL;
    e->row_weights = has_memory ? e->rows + e->n_max * (e->width + 1) : NULL;
    e->logp = has_memory ? e->row_weights + e->n_max : NULL;
    flow_status status =
        has_memory ? flow_runner_new(&e->runner, f, weights, n_threads, err) : flow_error_memory(err, "an evaluation");
    FLOW_RETURN_MADE(out, e, flow_evaluator_free, status);
}

void flow_evaluator_free(flow_evaluator *evaluator)
{
    if (evaluator == NULL)
        return;
    flow_runner_free(evaluator->runner);
    free(evaluator->rows);
    free(evaluator->numbers);
    free(evaluator);
}

void flow_evaluator_leave_out(flow_evaluator *evaluator, const flow_far_rows *far)
{
    evaluator->far = far;
}

void flow_evaluator_set_noise_draws(flow_evaluator *evaluator, int n)
{
    flow_runner_set_noise_draws(evaluator->runner, n);
}

/* Gives rows that are left out the weight 0, and values like those of the others. The n rows are row `first` of the
 * piece and those that follow. */
static void evaluator_leave_out(flow_evaluator *e, flow_likelihood *out, size_t first, size_t n)
{
    for (size_t i = 0; e->far != NULL && e->far->dim > 0 && i < n; i++) {
        double *row = e->rows + i * e->width;
        if (!flow_far_rows_has(e->far, row))
            continue;
        if (out->left_out++ == 0)
            out->first_left_out = e->numbers[first + i];
        memcpy(row, e->far->middle, e->width * sizeof *row);
        e->row_weights[first + i] = 0;
    }
}

/* Moves the weights, which are the last column of n rows, to their own array, and the rows together. Without weights,
 * all are 1. The rows are as in the function above. */
static void evaluator_part_weights(flow_evaluator *e, bool weighted, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        e->row_weights[first + i] = weighted ? e->rows[i * (e->width + 1) + e->width] : 1;
    for (size_t i = 1; weighted && i < n; i++)
        memmove(e->rows + i * e->width, e->rows + i * (e->width + 1), e->width * sizeof *e->rows);
}

/* The rows of a piece of n that each rank evaluates, whole tiles, into bounds (ranks + 1). */
static void evaluator_share(const flow_evaluator *e, const flow_comm *comm, int64_t n, int64_t *bounds)
{
    const int size = flow_comm_size(comm);
    for (int r = 0; r <= size; r++)
        bounds[r] = flow_share_first_row(n, e->runner->f->tile_rows, r, size);
}

/* Gives all ranks the parts of the others, of an array of 8 bytes a row. */
static void evaluator_gather(const flow_comm *comm, void *values, const int64_t *bounds, size_t *bytes)
{
    for (int r = 0; r < flow_comm_size(comm); r++)
        bytes[r] = (size_t)(bounds[r + 1] - bounds[r]) * sizeof(double);
    flow_comm_gather_all(comm, (char *)values + (size_t)bounds[flow_comm_rank(comm)] * sizeof(double), values, bytes);
}

/* The next n rows: fills their `logp`, `row_weights` and `numbers`. The values in `rows` are those of this process. */
static flow_status evaluator_piece(flow_evaluator *e, flow_likelihood *out, flow_dataset *data, int64_t n,
                                   int64_t *bounds, size_t *bytes, flow_error *err)
{
    const int rank = flow_comm_rank(data->comm);
    evaluator_share(e, data->comm, n, bounds);
    const size_t first = (size_t)bounds[rank], n_here = (size_t)(bounds[rank + 1] - bounds[rank]);
    FLOW_TRY(flow_dataset_next_share(data, e->rows, e->numbers + first, bounds, err));
    evaluator_part_weights(e, data->is_weighted, first, n_here);
    evaluator_leave_out(e, out, first, n_here);
    flow_rows_logp(e->runner, e->rows, n_here, e->logp + first);
    if (flow_comm_size(data->comm) == 1)
        return FLOW_OK;
    evaluator_gather(data->comm, e->logp, bounds, bytes);
    evaluator_gather(data->comm, e->row_weights, bounds, bytes);
    evaluator_gather(data->comm, e->numbers, bounds, bytes);
    return FLOW_OK;
}

/* Row i of the piece is the first one that is not finite. */
static void evaluator_diagnose(flow_evaluator *e, flow_likelihood *out, const flow_comm *comm, int64_t i,
                               const int64_t *bounds)
{
    int holder = 0;
    while (bounds[holder + 1] <= i)
        holder++;
    out->first_not_finite = e->numbers[i];
    if (holder == flow_comm_rank(comm))
        flow_rows_diagnose(e->runner, FLOW_TO_LATENT, false, e->rows + (size_t)(i - bounds[holder]) * e->width,
                           out->place, sizeof out->place);
    flow_comm_broadcast(comm, holder, out->place, sizeof out->place);
}

/* What each rank has counted, of all of them. */
static void evaluator_count_all(const flow_evaluator *e, flow_likelihood *out, const flow_comm *comm)
{
    const int64_t first = out->left_out > 0 ? out->first_left_out : INT64_MAX;
    const flow_nfe nfe = flow_runner_nfe(e->runner, FLOW_TO_LATENT);
    out->left_out = flow_comm_sum_int(comm, out->left_out);
    out->first_left_out = out->left_out > 0 ? -flow_comm_most(comm, -first) : -1;
    out->nfe = (flow_nfe){flow_comm_sum_int(comm, nfe.rows), flow_comm_sum_int(comm, nfe.evaluations),
                          flow_comm_most(comm, nfe.most)};
}

static flow_status evaluator_run(flow_evaluator *e, flow_likelihood *out, double *logp, double *row_weights,
                                 flow_dataset *data, int64_t *bounds, size_t *bytes, const flow_train_hooks *hooks,
                                 flow_error *err)
{
    flow_moments moments = {0};
    for (int64_t n; out->rows < data->n_rows; out->rows += n) {
        const int64_t left = data->n_rows - out->rows;
        n = left < (int64_t)e->n_max ? left : (int64_t)e->n_max;
        FLOW_TRY(evaluator_piece(e, out, data, n, bounds, bytes, err));
        for (int64_t i = 0; i < n; i++) {
            flow_moments_add(&moments, e->logp[i], e->row_weights[i]);
            if (!isfinite(e->logp[i]) && out->not_finite++ == 0)
                evaluator_diagnose(e, out, data->comm, i, bounds);
        }
        if (logp != NULL)
            memcpy(logp + out->rows, e->logp, (size_t)n * sizeof *logp);
        if (row_weights != NULL)
            memcpy(row_weights + out->rows, e->row_weights, (size_t)n * sizeof *row_weights);
        if (flow_train_should_stop(hooks, data->comm))
            return flow_error_set(err, FLOW_INTERRUPTED, "interrupted while evaluating %s", data->location);
    }
    evaluator_count_all(e, out, data->comm);
    flow_likelihood_finish(out, &moments);
    return FLOW_OK;
}

flow_status flow_evaluator_run(flow_evaluator *evaluator, flow_likelihood *out, double *logp, double *row_weights,
                               flow_dataset *data, const flow_train_hooks *hooks, flow_error *err)
{
    const size_t size = (size_t)flow_comm_size(data->comm);
    int64_t *bounds = calloc(size + 1, sizeof *bounds);
    size_t *bytes = calloc(size, sizeof *bytes);
    *out = (flow_likelihood){.first_not_finite = -1, .first_left_out = -1};
    flow_runner_clear_nfe(evaluator->runner);
    flow_dataset_rewind(data);
    flow_status status = bounds == NULL || bytes == NULL ? flow_error_memory(err, "an evaluation") : FLOW_OK;
    if (status == FLOW_OK)
        status = evaluator_run(evaluator, out, logp, row_weights, data, bounds, bytes, hooks, err);
    free(bounds);
    free(bytes);
    return status;
}

flow_status flow_evaluate(flow_likelihood *out, const flow *f, const real *weights, flow_dataset *data, int n_threads,
                          flow_error *err)
{
    *out = (flow_likelihood){.mean = NAN, .error = NAN, .first_not_finite = -1, .first_left_out = -1};
    FLOW_TRY(flow_check_columns(f, data, err));
    if (data->n_rows == 0)
        return flow_error_set(err, FLOW_DATA, "%s: has no rows", data->location);
    flow_evaluator *evaluator = NULL;
    flow_status status = flow_evaluator_new(&evaluator, f, weights, n_threads, err);
    if (status == FLOW_OK)
        status = flow_evaluator_run(evaluator, out, NULL, NULL, data, NULL, err);
    flow_evaluator_free(evaluator);
    return status;
}
