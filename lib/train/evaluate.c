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

/* Gives rows that are left out the weight 0, and values like those of the others. */
static void evaluator_leave_out(flow_evaluator *e, flow_likelihood *out, size_t n)
{
    for (size_t i = 0; e->far != NULL && e->far->dim > 0 && i < n; i++) {
        double *row = e->rows + i * e->width;
        if (!flow_far_rows_has(e->far, row))
            continue;
        if (out->left_out++ == 0)
            out->first_left_out = e->numbers[i];
        memcpy(row, e->far->middle, e->width * sizeof *row);
        e->row_weights[i] = 0;
    }
}

/* Moves the weights, which are the last column of n rows, to their own array, and the rows together. Without weights,
 * all are 1. */
static void evaluator_part_weights(flow_evaluator *e, bool weighted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        e->row_weights[i] = weighted ? e->rows[i * (e->width + 1) + e->width] : 1;
    for (size_t i = 1; weighted && i < n; i++)
        memmove(e->rows + i * e->width, e->rows + i * (e->width + 1), e->width * sizeof *e->rows);
}

flow_status flow_evaluator_run(flow_evaluator *evaluator, flow_likelihood *out, double *logp, double *row_weights,
                               flow_dataset *data, const flow_train_hooks *hooks, flow_error *err)
{
    flow_evaluator *e = evaluator;
    int64_t n_rows = data->n_rows;
    *out = (flow_likelihood){.first_not_finite = -1, .first_left_out = -1};
    flow_moments moments = {0};
    flow_runner_clear_nfe(e->runner);
    flow_dataset_rewind(data);
    for (;;) {
        size_t n = 0;
        FLOW_TRY(flow_dataset_next(data, e->rows, e->numbers, e->n_max, &n, err));
        if (n == 0)
            break;
        if (out->rows + (int64_t)n > n_rows)
            return flow_error_set(err, FLOW_DATA, "%s: has more rows than before; it changed while it was in use",
                                  data->location);
        evaluator_part_weights(e, data->is_weighted, n);
        evaluator_leave_out(e, out, n);
        flow_rows_logp(e->runner, e->rows, n, e->logp);
        for (size_t i = 0; i < n; i++) {
            flow_moments_add(&moments, e->logp[i], e->row_weights[i]);
            if (!isfinite(e->logp[i]) && out->not_finite++ == 0) {
                out->first_not_finite = e->numbers[i];
                flow_rows_diagnose(e->runner, FLOW_TO_LATENT, false, e->rows + i * e->width, out->place,
                                   sizeof out->place);
            }
            if (logp != NULL)
                logp[out->rows + (int64_t)i] = e->logp[i];
            if (row_weights != NULL)
                row_weights[out->rows + (int64_t)i] = e->row_weights[i];
        }
        out->rows += (int64_t)n;
        if (flow_train_should_stop(hooks))
            return flow_error_set(err, FLOW_INTERRUPTED, "interrupted while evaluating %s", data->location);
    }
    if (out->rows != n_rows)
        return flow_error_set(err, FLOW_DATA, "%s: has %lld rows and had %lld before; it changed while it was in use",
                              data->location, (long long)out->rows, (long long)n_rows);
    out->nfe = flow_runner_nfe(e->runner, FLOW_TO_LATENT);
    flow_likelihood_finish(out, &moments);
    return FLOW_OK;
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
