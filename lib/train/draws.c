/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/draws.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/runner.h"
#include "num/moments.h"
#include "num/parallel.h"
#include "num/pareto.h"
#include "train/objective.h"

struct flow_draws {
    flow_runner *runner;
    const flow_target *target;
    const flow_comm *comm;
    size_t *bytes; /* (ranks) */
    /* the current call */
    uint64_t seed, first_row;
    size_t n;
    double *log_weights;
};

flow_status flow_draws_new(flow_draws **out, const flow *f, const real *weights, const flow_target *target,
                           const flow_comm *comm, int n_threads, flow_error *err)
{
    flow_draws *d = calloc(1, sizeof *d);
    *out = NULL;
    if (d == NULL)
        return flow_error_memory(err, "draws");
    d->target = target;
    d->comm = comm;
    d->bytes = calloc((size_t)flow_comm_size(comm), sizeof *d->bytes);
    flow_status status =
        d->bytes != NULL ? flow_runner_new(&d->runner, f, weights, n_threads, err) : flow_error_memory(err, "draws");
    FLOW_RETURN_MADE(out, d, flow_draws_free, status);
}

void flow_draws_free(flow_draws *draws)
{
    if (draws == NULL)
        return;
    flow_runner_free(draws->runner);
    free(draws->bytes);
    free(draws);
}

const flow_comm *flow_draws_comm(const flow_draws *draws)
{
    return draws->comm;
}

static void draws_run_tile(void *context, int item, int thread)
{
    flow_draws *d = context;
    const flow *f = d->runner->f;
    const real *weights = d->runner->weights;
    const flow_worker *w = &d->runner->workers[thread];
    const size_t most = (size_t)f->tile_rows;
    size_t first = (size_t)item * most, left = d->n - first;
    int n_rows = (int)(left < most ? left : most);
    const flow_objective_tile tile = {.f = f, .weights = weights, .target = d->target, .ws = w->ws,
                                      .n = f->tile_rows, .n_rows = n_rows, .score = w->logp, .x_and_grad = w->x};
    flow_tile_draw(f, weights, w->ws, f->tile_rows, d->seed, d->first_row + first, 1);
    flow_objective_reverse_kl.tile(&tile); /* its score is the log-weight */
    memcpy(d->log_weights + first, w->logp, (size_t)n_rows * sizeof *w->logp);
}

/* The first draw of n that a rank maps: whole tiles. */
static size_t draws_first(const flow_draws *d, size_t n, int rank)
{
    return (size_t)flow_share_first_row((int64_t)n, d->runner->f->tile_rows, rank, flow_comm_size(d->comm));
}

void flow_draws_log_weights(flow_draws *draws, uint64_t seed, uint64_t first_row, size_t n, double *log_weights)
{
    const int rank = flow_comm_rank(draws->comm);
    const size_t first = draws_first(draws, n, rank);
    draws->seed = seed;
    draws->first_row = first_row + first;
    draws->n = draws_first(draws, n, rank + 1) - first;
    draws->log_weights = log_weights + first;
    const size_t most = (size_t)draws->runner->f->tile_rows;
    int n_tiles = (int)((draws->n + most - 1) / most);
    flow_parallel_for(n_tiles, flow_runner_make_workers(draws->runner, n_tiles), draws_run_tile, draws);
    for (int r = 0; r < flow_comm_size(draws->comm); r++)
        draws->bytes[r] = (draws_first(draws, n, r + 1) - draws_first(draws, n, r)) * sizeof *log_weights;
    flow_comm_gather_all(draws->comm, draws->log_weights, log_weights, draws->bytes);
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
