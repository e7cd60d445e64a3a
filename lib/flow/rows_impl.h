/* What the files of flow/rows.h share. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_ROWS_IMPL_H
#define FLOW_FLOW_ROWS_IMPL_H

#include "flow/rows.h"

/* What one thread works with. */
typedef struct flow_worker {
    flow_workspace *ws;
    real *z;           /* (d, FLOW_TILE): the draw that a tile came from */
    double *x;         /* (d, FLOW_TILE): a tile of data that is needed again */
    double *logp;      /* (FLOW_TILE) */
    double *variance;  /* (FLOW_TILE): of logp */
    double *one;       /* (FLOW_TILE): of a single draw of the noise */
    double round_trip; /* largest error this thread has seen */
    flow_effort effort[FLOW_N_DIRECTIONS];
} flow_worker;

struct flow_runner {
    const flow *f;
    const real *weights;
    int n_threads;
    flow_worker *workers;
};

/* The noise of one of the draws that a density of discrete columns is a mean over. */
static inline flow_noise flow_noise_of_draw(int draw)
{
    return (flow_noise){.kind = FLOW_NOISE_OF_ROW, .draw = draw};
}

/* The tile in w->ws->x to its latents (d, FLOW_TILE), and that in w->ws->a to w->ws->x; with `points_only`
 * w->ws->logdet means nothing afterwards but for rows outside of the support. */
const real *flow_worker_to_latent(const flow_runner *runner, flow_worker *w, bool points_only);
void flow_worker_to_data(const flow_runner *runner, flow_worker *w, bool points_only);

#endif
