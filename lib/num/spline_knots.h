/* The knots of a spline from its parameters, for chunks of a tile (spline.h).
 *
 * Parameters of an element: K for the widths and K for the heights, each w_k = 2 B (m + (1 - K m) softmax_k) with the
 * least share m = FLOW_SPLINE_LEAST; and one for each slope, d = FLOW_SPLINE_LEAST + softplus(a + c), with c such that
 * a = 0 gives 1. With all parameters zero the spline is the identity. The K - 1 slopes of the inner knots are followed
 * by the slopes of the ends:
 *     identity  none: the slopes are 1, and outside the box the map is the identity
 *     linear    2, the upper one first: outside the box the map is linear
 *     bounded   the same, each at most 1: outside the box the map brings values nearer to it, or leaves them
 *     periodic  1: both ends are the same point
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_SPLINE_KNOTS_H
#define FLOW_NUM_SPLINE_KNOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "num/real.h"

enum {
    FLOW_SPLINE_ROWS = 128, /* the most elements at a time; a multiple of FLOW_LANES */
    FLOW_SPLINE_BINS_MAX = 64
};
#define FLOW_SPLINE_LEAST 1e-3

typedef enum flow_spline_ends {
    FLOW_SPLINE_IDENTITY,
    FLOW_SPLINE_LINEAR,
    FLOW_SPLINE_BOUNDED,
    FLOW_SPLINE_PERIODIC
} flow_spline_ends;

/* The number of parameters of an element. */
int flow_spline_n_params(int n_bins, flow_spline_ends ends);

/* The splines of one chunk of a tile: m elements, K bins, parameter p in the plane theta + p * stride. */
typedef struct flow_spline_input {
    int m, n_bins;
    real bound;
    flow_spline_ends ends;
    const real *theta; /* after flow_spline_measure */
    size_t stride;
} flow_spline_input;

/* One coordinate, x or y. */
typedef struct flow_spline_axis {
    real low[FLOW_SPLINE_ROWS], high[FLOW_SPLINE_ROWS]; /* the bin of each element */
    real knot[FLOW_SPLINE_ROWS];                        /* during the search */
} flow_spline_axis;

typedef struct flow_spline {
    flow_spline_axis x, y;
    real bin[FLOW_SPLINE_ROWS];      /* the bin of each element: 0 ... K - 1 */
    real raw[2][FLOW_SPLINE_ROWS];   /* parameters of the slopes at its ends, plus c */
    real slope[2][FLOW_SPLINE_ROWS]; /* the slopes, less FLOW_SPLINE_LEAST */
} flow_spline;

/* Replaces the parameters of widths and heights by their softmax, in place. The backward needs this form, too. */
void flow_spline_measure(const flow_spline_input *in, real *theta);

/* Finds the bin of each element from its x, or (by_y) from its y; outside the box the nearest bin. */
void flow_spline_find(flow_spline *s, const flow_spline_input *in, bool by_y, const real *key);

/* Gradients at the lower ends of the bin, its lengths and its slopes. */
typedef struct flow_spline_gradients {
    real x_low[FLOW_SPLINE_ROWS], w[FLOW_SPLINE_ROWS], y_low[FLOW_SPLINE_ROWS], h[FLOW_SPLINE_ROWS];
    real slope[2][FLOW_SPLINE_ROWS];
} flow_spline_gradients;

/* Writes gtheta (planes like theta) from the gradients at the bin of each element. Overwrites g. */
void flow_spline_find_backward(const flow_spline *s, const flow_spline_input *in, flow_spline_gradients *g,
                               real *gtheta);

#endif
