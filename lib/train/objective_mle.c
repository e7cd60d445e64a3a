/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/objective.h"

static void mle_tile(const flow_objective_tile *tile)
{
    const flow *f = tile->f;
    flow_workspace *ws = tile->ws;
    const real *z;
    flow_tile_logp(f, tile->weights, ws, tile->n, tile->score, &z);
    /* log p = log base(z) + logdet: both have the same gradient. */
    for (int j = 0; j < tile->n; j++)
        ws->glogdet[j] = -tile->share[j];
    f->base->backward(f->base_state, f->dim, tile->n, z, ws->glogdet, ws->ga);
    flow_tile_to_latent_backward(f, tile->weights, ws, tile->n, ws->ga, NULL);
}

const flow_objective_type flow_objective_mle = {
    .type = "mle",
    .help = "maximum likelihood",
    .tile = mle_tile,
};
