/* A flow with weights, and the threads that take tiles of rows through it (rows.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_RUNNER_H
#define FLOW_FLOW_RUNNER_H

#include "flow/nfe.h"

/* What one thread works with. */
typedef struct flow_worker {
    flow_workspace *ws; /* NULL until there is a tile for the thread */
    real *z;            /* (d, tile_rows): the draw that a tile came from */
    double *x;          /* (d, tile_rows): a tile of data that is needed again */
    double *logp;       /* (tile_rows) */
    double *variance;   /* (tile_rows): of logp */
    double *one;        /* (tile_rows): of a single draw of the noise */
    double round_trip;  /* largest error this thread has seen */
    flow_nfe nfe[FLOW_N_DIRECTIONS];
} flow_worker;

typedef struct flow_runner {
    const flow *f;       /* borrowed */
    const real *weights; /* borrowed */
    int n_threads;
    int noise_draws;      /* that log p of discrete columns is a mean over: those of f, until another says less */
    flow_worker *workers; /* (n_threads) */
    flow_nfe aside[FLOW_N_DIRECTIONS]; /* evaluations before flow_runner_pause_nfe */
} flow_runner;

flow_status flow_runner_new(flow_runner **out, const flow *f, const real *weights, int n_threads, flow_error *err);
void flow_runner_free(flow_runner *runner);

/* From now on log p of discrete columns is a mean over n draws, evenly among those of the flow, or over all of these
 * where there are no more than n. It is a looser bound, with more noise, and costs less. */
void flow_runner_set_noise_draws(flow_runner *runner, int n);

/* Makes the workspaces of the threads that n_tiles tiles keep busy; returns how many threads have one, the first ones.
 * There is at least one; where memory is short there are fewer than could be used. */
int flow_runner_make_workers(flow_runner *runner, int n_tiles);

/* The noise of one of the draws that a density of discrete columns is a mean over. */
static inline flow_noise flow_noise_of_draw(int draw)
{
    return (flow_noise){.kind = FLOW_NOISE_OF_ROW, .draw = draw};
}

/* The tile in w->ws->x to its latents (d, tile_rows), and that in w->ws->a to w->ws->x; with `points_only`
 * w->ws->logdet means nothing afterwards but for rows outside of the support. */
const real *flow_worker_to_latent(const flow_runner *runner, flow_worker *w, bool points_only);
void flow_worker_to_data(const flow_runner *runner, flow_worker *w, bool points_only);

/* The latents of n_rows draws of `seed` into w->ws->a (d, tile_rows): those of rows[0 ... n_rows - 1], in ascending
 * order, or where that is NULL of first_row and what follows. Overwrites w->z. The bits of a draw do not depend on the
 * others. */
void flow_worker_draw(const flow_runner *runner, flow_worker *w, uint64_t seed, uint64_t first_row,
                      const uint64_t *rows, int n_rows, double temperature);

/* The same draws, mapped to data: the latents into w->z, the points into w->ws->x. A draw that doubles cannot hold, at
 * the end of a heavy tail behind a column map that is exponential there, is drawn again from a sequence of its own, up
 * to FLOW_DRAWS_AGAIN times: so the draws follow the density of the flow within the range of doubles. Overwrites w->x.
 */
void flow_worker_draw_points(const flow_runner *runner, flow_worker *w, uint64_t seed, uint64_t first_row,
                             const uint64_t *rows, int n_rows, double temperature);

enum { FLOW_DRAWS_AGAIN = 4 };

/* Evaluations of right-hand sides in all maps in this direction, those of round trips among them, since the runner was
 * made or its counts were cleared. */
flow_nfe flow_runner_nfe(const flow_runner *runner, flow_direction direction);
void flow_runner_clear_nfe(flow_runner *runner);
/* What is evaluated between these two does not count. */
void flow_runner_pause_nfe(flow_runner *runner);
void flow_runner_resume_nfe(flow_runner *runner);

#endif
