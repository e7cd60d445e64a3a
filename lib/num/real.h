/* The floating-point type of the networks: float by default, double with -DFLOW_DOUBLE (`make PRECISION=double`).
 *
 * Data, column maps, log-determinants and log-densities are double in both builds.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_REAL_H
#define FLOW_NUM_REAL_H

#ifdef FLOW_DOUBLE
typedef double real;
#define FLOW_PRECISION "double"
#define FLOW_ARRAY_REAL FLOW_ARRAY_DOUBLE
#else
typedef float real;
#define FLOW_PRECISION "float"
#define FLOW_ARRAY_REAL FLOW_ARRAY_FLOAT
#endif

#define FLOW_PI 3.14159265358979323846

enum {
    FLOW_LANES = 16, /* every tile holds a multiple of this many rows: whole vectors at every width, no tails */
    /* What tiles of data are filled up to. Pairs of vectors, because the kernels of libxsmm add up a single one in
     * another order: a row would know in what company it is. */
    FLOW_GRAIN = 32,
    FLOW_TILE = 128 /* the most rows in a tile; with it a tile's activations stay in the L2 cache */
};

#endif
