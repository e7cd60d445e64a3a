/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"

static void runner_free_worker(flow_worker *w)
{
    flow_workspace_free(w->ws);
    free(w->z);
    free(w->x);
    free(w->logp);
    free(w->variance);
    free(w->one);
    *w = (flow_worker){0};
}

static flow_status runner_make_worker(flow_worker *w, const flow *f, flow_error *err)
{
    flow_status status = flow_workspace_new(&w->ws, f, f->tile_rows, false, err);
    w->z = malloc(flow_tile_values(f) * sizeof *w->z);
    w->x = malloc(flow_tile_values(f) * sizeof *w->x);
    w->logp = malloc((size_t)f->tile_rows * sizeof *w->logp);
    w->variance = malloc((size_t)f->tile_rows * sizeof *w->variance);
    w->one = malloc((size_t)f->tile_rows * sizeof *w->one);
    if (status == FLOW_OK && (w->z == NULL || w->x == NULL || w->logp == NULL || w->variance == NULL || w->one == NULL))
        status = flow_error_memory(err, "a thread");
    if (status != FLOW_OK)
        runner_free_worker(w);
    return status;
}

flow_status flow_runner_new(flow_runner **out, const flow *f, const real *weights, int n_threads, flow_error *err)
{
    *out = NULL;
    flow_runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL)
        return flow_error_memory(err, "a runner");
    *runner = (flow_runner){.f = f, .weights = weights, .n_threads = n_threads < 1 ? 1 : n_threads,
                            .noise_draws = f->noise_draws};
    runner->workers = calloc((size_t)runner->n_threads, sizeof *runner->workers);
    flow_status status = runner->workers == NULL ? flow_error_memory(err, "threads") : FLOW_OK;
    if (status == FLOW_OK)
        status = runner_make_worker(&runner->workers[0], f, err);
    FLOW_RETURN_MADE(out, runner, flow_runner_free, status);
}

void flow_runner_free(flow_runner *runner)
{
    if (runner == NULL)
        return;
    for (int t = 0; runner->workers != NULL && t < runner->n_threads; t++)
        runner_free_worker(&runner->workers[t]);
    free(runner->workers);
    free(runner);
}

void flow_runner_set_noise_draws(flow_runner *runner, int n)
{
    runner->noise_draws = n < runner->f->noise_draws ? n : runner->f->noise_draws;
}

const real *flow_worker_to_latent(const flow_runner *runner, flow_worker *w, bool points_only)
{
    const real *z;
    w->ws->points_only = points_only;
    flow_tile_to_latent(runner->f, runner->weights, w->ws, runner->f->tile_rows, &z);
    w->ws->points_only = false;
    return z;
}

void flow_worker_to_data(const flow_runner *runner, flow_worker *w, bool points_only)
{
    w->ws->points_only = points_only;
    flow_tile_to_data(runner->f, runner->weights, w->ws, runner->f->tile_rows);
    w->ws->points_only = false;
}

void flow_worker_draw(const flow_runner *runner, flow_worker *w, uint64_t seed, uint64_t first_row,
                      const uint64_t *rows, int n_rows, double temperature)
{
    const flow *f = runner->f;
    const int n = f->tile_rows;
    if (rows == NULL) {
        flow_tile_draw(f, runner->weights, w->ws, n, seed, first_row, temperature);
        return;
    }
    for (int j = 0; j < n_rows;) { /* from groups of draws that are neighbours in the sequence */
        const uint64_t first = rows[j] / FLOW_LANES * FLOW_LANES;
        flow_tile_draw(f, runner->weights, w->ws, FLOW_LANES, seed, first, temperature);
        for (; j < n_rows && rows[j] - first < FLOW_LANES; j++)
            for (int i = 0; i < f->dim; i++)
                w->z[i * n + j] = w->ws->a[i * FLOW_LANES + (int)(rows[j] - first)];
    }
    for (int i = 0; i < f->dim; i++) /* the padding repeats the last row */
        for (int j = n_rows; j < n; j++)
            w->z[i * n + j] = w->z[i * n + n_rows - 1];
    memcpy(w->ws->a, w->z, flow_tile_values(f) * sizeof *w->z);
}

/* Marks the rows of the tile in w->ws->x with a value that is not finite; how many there are. */
static int worker_mark_failed(const flow *f, const flow_worker *w, int n_rows, bool *failed)
{
    int n = 0;
    for (int j = 0; j < n_rows; j++) {
        failed[j] = false;
        for (int i = 0; i < f->dim && !failed[j]; i++)
            failed[j] = !isfinite(w->ws->x[i * f->tile_rows + j]);
        n += failed[j];
    }
    return n;
}

/* Maps the latents in w->ws->a, which go to w->z as well. */
static void worker_map_draws(const flow_runner *runner, flow_worker *w, int n_rows)
{
    memcpy(w->z, w->ws->a, flow_tile_values(runner->f) * sizeof *w->z);
    flow_worker_to_data(runner, w, true);
    flow_nfe_count(&w->nfe[w->ws->direction], w->ws, n_rows);
}

void flow_worker_draw_points(const flow_runner *runner, flow_worker *w, uint64_t seed, uint64_t first_row,
                             const uint64_t *rows, int n_rows, double temperature)
{
    const flow *f = runner->f;
    const int n = f->tile_rows;
    bool failed[FLOW_TILE];
    flow_worker_draw(runner, w, seed, first_row, rows, n_rows, temperature);
    worker_map_draws(runner, w, n_rows);
    for (uint64_t k = 1; k <= FLOW_DRAWS_AGAIN && worker_mark_failed(f, w, n_rows, failed) > 0; k++) {
        for (size_t at = 0; at < flow_tile_values(f); at++)
            w->x[at] = (double)w->z[at];
        flow_worker_draw(runner, w, flow_rng_mix(flow_rng_mix(seed) + k), first_row, rows, n_rows, temperature);
        for (int i = 0; i < f->dim; i++)
            for (int j = 0; j < n; j++)
                if (j >= n_rows || !failed[j])
                    w->ws->a[i * n + j] = (real)w->x[i * n + j];
        worker_map_draws(runner, w, n_rows);
    }
}

int flow_runner_make_workers(flow_runner *runner, int n_tiles)
{
    int n = 1;
    while (n < runner->n_threads && n < n_tiles &&
           (runner->workers[n].ws != NULL || runner_make_worker(&runner->workers[n], runner->f, NULL) == FLOW_OK))
        n++;
    return n;
}

flow_nfe flow_runner_nfe(const flow_runner *runner, flow_direction to)
{
    flow_nfe sum = runner->aside[to];
    for (int t = 0; t < runner->n_threads; t++)
        flow_nfe_add(&sum, &runner->workers[t].nfe[to]);
    return sum;
}

void flow_runner_clear_nfe(flow_runner *runner)
{
    memset(runner->aside, 0, sizeof runner->aside);
    flow_runner_resume_nfe(runner);
}

void flow_runner_pause_nfe(flow_runner *runner)
{
    for (int k = 0; k < FLOW_N_DIRECTIONS; k++)
        runner->aside[k] = flow_runner_nfe(runner, (flow_direction)k);
    flow_runner_resume_nfe(runner);
}

void flow_runner_resume_nfe(flow_runner *runner)
{
    for (int t = 0; t < runner->n_threads; t++)
        memset(runner->workers[t].nfe, 0, sizeof runner->workers[t].nfe);
}
