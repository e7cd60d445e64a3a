/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/draws.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/moments.h"
#include "num/parallel.h"
#include "num/pareto.h"
#include "train/objective.h"

typedef struct worker {
    flow_workspace *ws;
    double *score; /* (FLOW_TILE) */
    double *x_and_grad; /* (2, dim) */
} worker;

struct flow_draws {
    const flow *f;
    const real *weights;
    const flow_target *target;
    int n_threads;
    worker *workers;
    /* the current call */
    uint64_t seed, first_row;
    size_t n;
    double *log_weights;
};

flow_status flow_draws_new(flow_draws **out, const flow *f, const real *weights, const flow_target *target,
                           int n_threads, flow_error *err)
{
    *out = NULL;
    flow_draws *d = calloc(1, sizeof *d);
    if (d == NULL)
        return flow_error_memory(err, "draws");
    *d = (flow_draws){.f = f, .weights = weights, .target = target, .n_threads = n_threads < 1 ? 1 : n_threads};
    d->workers = calloc((size_t)d->n_threads, sizeof *d->workers);
    flow_status status = d->workers == NULL ? flow_error_memory(err, "draws") : FLOW_OK;
    for (int t = 0; status == FLOW_OK && t < d->n_threads; t++) {
        worker *w = &d->workers[t];
        status = flow_workspace_new(&w->ws, f, FLOW_TILE, false, err);
        w->score = malloc(FLOW_TILE * sizeof *w->score);
        w->x_and_grad = flow_alloc_aligned(2 * (size_t)f->dim, sizeof *w->x_and_grad);
        if (status == FLOW_OK && (w->score == NULL || w->x_and_grad == NULL))
            status = flow_error_memory(err, "draws");
    }
    FLOW_RETURN_MADE(out, d, flow_draws_free, status);
}

void flow_draws_free(flow_draws *draws)
{
    if (draws == NULL)
        return;
    for (int t = 0; draws->workers != NULL && t < draws->n_threads; t++) {
        flow_workspace_free(draws->workers[t].ws);
        free(draws->workers[t].score);
        flow_free_aligned(draws->workers[t].x_and_grad);
    }
    free(draws->workers);
    free(draws);
}

static void draws_run_tile(void *context, int item, int thread)
{
    flow_draws *d = context;
    worker *w = &d->workers[thread];
    size_t first = (size_t)item * FLOW_TILE, left = d->n - first;
    int n_rows = left < FLOW_TILE ? (int)left : FLOW_TILE;
    const flow_objective_tile tile = {.f = d->f, .weights = d->weights, .target = d->target, .ws = w->ws,
                                      .n = FLOW_TILE, .n_rows = n_rows, .score = w->score, .x_and_grad = w->x_and_grad};
    flow_tile_draw(d->f, d->weights, w->ws, FLOW_TILE, d->seed, d->first_row + first, 1);
    flow_objective_reverse_kl.tile(&tile); /* its score is the log-weight */
    memcpy(d->log_weights + first, w->score, (size_t)n_rows * sizeof *w->score);
}

void flow_draws_log_weights(flow_draws *draws, uint64_t seed, uint64_t first_row, size_t n, double *log_weights)
{
    draws->seed = seed;
    draws->first_row = first_row;
    draws->n = n;
    draws->log_weights = log_weights;
    flow_parallel_for((int)((n + FLOW_TILE - 1) / FLOW_TILE), draws->n_threads, draws_run_tile, draws);
}

static void draws_summarise(flow_estimate *out, double *log_weights, size_t n)
{
    flow_moments logs = {0}, scaled = {0};
    double most = -HUGE_VAL, sum = 0, squares = 0;
    bool all_positive = true;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, log_weights[i]);
    for (size_t i = 0; i < n; i++) {
        double w = exp(log_weights[i] - most);
        flow_moments_add(&logs, log_weights[i], 1);
        flow_moments_add(&scaled, w, 1);
        sum += w;
        squares += w * w;
        all_positive = all_positive && log_weights[i] > -HUGE_VAL;
    }
    out->bound = all_positive ? flow_moments_mean(&logs) : -HUGE_VAL;
    out->bound_error = all_positive ? flow_moments_error(&logs) : NAN;
    if (most == -HUGE_VAL)
        return; /* the density is zero at every draw */
    out->log_z = most + log(flow_moments_mean(&scaled));
    out->log_z_error = flow_moments_error(&scaled) / flow_moments_mean(&scaled);
    out->effective = sum * sum / squares;
    out->pareto_k = flow_pareto_shape(log_weights, n);
}

flow_status flow_draws_estimate(flow_estimate *out, flow_draws *draws, uint64_t seed, int64_t n, flow_error *err)
{
    *out = (flow_estimate){.draws = n, .bound = NAN, .bound_error = NAN, .log_z = NAN, .log_z_error = NAN,
                           .effective = NAN, .pareto_k = NAN};
    double *log_weights = malloc((size_t)n * sizeof *log_weights);
    if (log_weights == NULL)
        return flow_error_memory(err, "the importance weights");
    flow_draws_log_weights(draws, seed, FLOW_DRAWS_TEST, (size_t)n, log_weights);
    for (int64_t i = 0; i < n; i++)
        out->not_finite += isnan(log_weights[i]) || log_weights[i] == HUGE_VAL;
    if (out->not_finite == 0)
        draws_summarise(out, log_weights, (size_t)n);
    free(log_weights);
    return FLOW_OK;
}
