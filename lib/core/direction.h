/* The two directions of a flow, under one name everywhere.
 *
 *     FLOW_TO_LATENT   x -> z, from the data to the base: the direction of a density
 *     FLOW_TO_DATA     z -> x, from the base to the data: the direction of sampling
 *
 * "Forward" and "inverse" are not used: their meaning differs between libraries.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_DIRECTION_H
#define FLOW_CORE_DIRECTION_H

typedef enum flow_direction { FLOW_TO_LATENT, FLOW_TO_DATA, FLOW_N_DIRECTIONS } flow_direction;

static inline flow_direction flow_opposite(flow_direction direction)
{
    return direction == FLOW_TO_LATENT ? FLOW_TO_DATA : FLOW_TO_LATENT;
}

#endif
