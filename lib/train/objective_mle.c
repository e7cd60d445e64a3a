/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/objective.h"

static void mle_tile(const flow_objective_tile *tile)
{
    const flow *f = tile->f;
    flow_workspace *ws = tile->ws;
    const real *z;
    flow_tile_logp(f, tile->weights, ws, tile->n, tile->score, &z);
    for (int j = 0; j < tile->n; j++)
        ws->glogdet[j] = -tile->share[j];
    flow_tile_logp_backward(f, tile->weights, ws, tile->n, z, NULL);
}

const flow_objective_type flow_objective_mle = {
    .type = "mle",
    .help = "maximum likelihood",
    .tile = mle_tile,
};
