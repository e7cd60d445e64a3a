/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "train/objective.h"

static void mle_tile(const flow_objective_tile *tile)
{
    const flow *f = tile->f;
    flow_workspace *ws = tile->ws;
    const real *z;
    flow_tile_logp(f, tile->weights, ws, tile->n, tile->score, &z);
    if (tile->share == NULL)
        return;
    for (int j = 0; j < tile->n; j++)
        ws->glogdet[j] = -tile->share[j];
    ws->gpenalty = tile->share;
    flow_tile_logp_backward(f, tile->weights, ws, tile->n, z, NULL);
}

static void mle_diagnose(const flow_objective_tile *tile, int row, char *place, size_t size)
{
    /* Where all maps are finite, the log-density of the base or the sum overflowed. */
    if (!flow_tile_diagnose(tile->f, tile->weights, tile->ws, tile->n, FLOW_TO_LATENT, row, place, size))
        snprintf(place, size, "%s", tile->f->base->info.name);
}

const flow_objective_type flow_objective_mle = {
    .info = {FLOW_INFO_BARE("mle", "maximum likelihood of the data")},
    .score_name = "log p", .tile = mle_tile, .diagnose = mle_diagnose,
};
