/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

void flow_moments_add(flow_moments *moments, double value)
{
    moments->n++;
    double deviation = value - moments->mean;
    moments->mean += deviation / (double)moments->n;
    moments->squares += deviation * (value - moments->mean);
}

double flow_moments_error(const flow_moments *moments)
{
    if (moments->n < 2)
        return 0;
    double n = (double)moments->n;
    return sqrt(moments->squares / (n - 1) / n);
}

struct flow_evaluator {
    int dim;
    flow_runner *runner;
    size_t n_max; /* rows in a piece */
    double *rows; /* (n_max, d) */
    double *logp; /* (n_max) */
    int64_t *numbers;
};

flow_status flow_evaluator_new(flow_evaluator **out, const flow *f, const real *weights, int n_threads,
                               flow_error *err)
{
    /* Enough rows to keep all threads busy, few enough to stay in the cache when rows are wide. */
    enum { MOST_VALUES = 1 << 20, MOST_ROWS = 1 << 14 };
    *out = NULL;
    flow_evaluator *e = calloc(1, sizeof *e);
    if (e == NULL)
        return flow_error_memory(err, "an evaluation");
    e->dim = f->dim;
    e->n_max = MOST_VALUES / (size_t)f->dim / FLOW_TILE * FLOW_TILE;
    if (e->n_max < (size_t)n_threads * FLOW_TILE)
        e->n_max = (size_t)n_threads * FLOW_TILE;
    if (e->n_max > MOST_ROWS)
        e->n_max = MOST_ROWS;
    flow_status status = flow_runner_new(&e->runner, f, weights, n_threads, err);
    if (status == FLOW_OK) {
        e->rows = malloc(e->n_max * (size_t)f->dim * sizeof *e->rows);
        e->logp = malloc(e->n_max * sizeof *e->logp);
        e->numbers = malloc(e->n_max * sizeof *e->numbers);
        if (e->rows == NULL || e->logp == NULL || e->numbers == NULL)
            status = flow_error_memory(err, "an evaluation");
    }
    if (status != FLOW_OK) {
        flow_evaluator_free(e);
        return status;
    }
    *out = e;
    return FLOW_OK;
}

void flow_evaluator_free(flow_evaluator *evaluator)
{
    if (evaluator == NULL)
        return;
    flow_runner_free(evaluator->runner);
    free(evaluator->rows);
    free(evaluator->logp);
    free(evaluator->numbers);
    free(evaluator);
}

flow_status flow_evaluator_run(flow_evaluator *evaluator, flow_likelihood *out, double *logp, flow_dataset *data,
                               const flow_train_hooks *hooks, flow_error *err)
{
    flow_evaluator *e = evaluator;
    int64_t n_rows = flow_dataset_n_rows(data);
    *out = (flow_likelihood){.first_not_finite = -1};
    flow_moments moments = {0};
    flow_status status = flow_dataset_rewind(data, err);
    while (status == FLOW_OK) {
        size_t n = 0;
        status = flow_dataset_next(data, e->rows, e->numbers, e->n_max, &n, err);
        if (status != FLOW_OK || n == 0)
            break;
        if (out->rows + (int64_t)n > n_rows)
            return flow_error_set(err, FLOW_DATA, "%s: has more rows than before; it changed while it was in use",
                                  flow_dataset_location(data));
        flow_rows_logp(e->runner, e->rows, n, e->logp);
        for (size_t i = 0; i < n; i++) {
            flow_moments_add(&moments, e->logp[i]);
            if (!isfinite(e->logp[i]) && out->not_finite++ == 0)
                out->first_not_finite = e->numbers[i];
            if (logp != NULL)
                logp[out->rows + (int64_t)i] = e->logp[i];
        }
        out->rows += (int64_t)n;
        if (hooks != NULL && hooks->should_stop != NULL && hooks->should_stop(hooks->context))
            return flow_error_set(err, FLOW_INTERRUPTED, "interrupted while evaluating %s",
                                  flow_dataset_location(data));
    }
    if (status == FLOW_OK && out->rows != n_rows)
        return flow_error_set(err, FLOW_DATA, "%s: has %lld rows and had %lld before; it changed while it was in use",
                              flow_dataset_location(data), (long long)out->rows, (long long)n_rows);
    out->mean = out->not_finite > 0 ? -HUGE_VAL : moments.mean;
    out->error = out->not_finite > 0 ? NAN : flow_moments_error(&moments);
    return status;
}

flow_status flow_evaluate(flow_likelihood *out, const flow *f, const real *weights, flow_dataset *data, int n_threads,
                          flow_error *err)
{
    *out = (flow_likelihood){.mean = NAN, .error = NAN, .first_not_finite = -1};
    if (flow_dataset_n_columns(data) != f->dim)
        return flow_error_set(err, FLOW_DATA, "%s: has %d columns, the model has %d", flow_dataset_location(data),
                              flow_dataset_n_columns(data), f->dim);
    if (flow_dataset_n_rows(data) == 0)
        return flow_error_set(err, FLOW_DATA, "%s: has no rows", flow_dataset_location(data));
    flow_evaluator *evaluator = NULL;
    flow_status status = flow_evaluator_new(&evaluator, f, weights, n_threads, err);
    if (status == FLOW_OK)
        status = flow_evaluator_run(evaluator, out, NULL, data, NULL, err);
    flow_evaluator_free(evaluator);
    return status;
}
