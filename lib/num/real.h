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
    FLOW_LANES = 16, /* the data rows of a tile are a multiple of it: whole vectors at every width, no remainder */
    /* The data rows of a tile are padded to a multiple of it. Pairs of vectors, because the kernels of libxsmm sum a
     * single vector in another order: the bits of a row would depend on the number of rows in its tile. */
    FLOW_GRAIN = 32,
    FLOW_TILE = 128, /* the most data rows in a tile, so that its activations stay in the L2 cache */
    FLOW_IMAGE_TILE = 32 /* likewise of images */
};

static inline int flow_min(int a, int b)
{
    return a < b ? a : b;
}

#endif
