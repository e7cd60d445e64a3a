/* The knots of a spline from its parameters, for splines over pieces of a tile (spline.h).
 *
 * Parameters of an element: K for the widths and K for the heights, each w_k = 2 B (m + (1 - K m) softmax_k) with the
 * least share m = FLOW_SPLINE_LEAST; and one for each slope, d = FLOW_SPLINE_LEAST + softplus(a + c), with c such that
 * a = 0 gives 1. All parameters zero are the identity. The K - 1 slopes of the inner knots are followed by those of the
 * ends, as many as there are:
 *     identity  0: they are 1, and outside of the box the identity continues the spline smoothly
 *     linear    2, first the upper one: outside the spline continues straight, which takes in outliers
 *     circle    1: both ends are one point
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

typedef enum flow_spline_ends { FLOW_SPLINE_IDENTITY, FLOW_SPLINE_LINEAR, FLOW_SPLINE_CIRCLE } flow_spline_ends;

/* Parameters of an element. */
int flow_spline_n_params(int n_bins, flow_spline_ends ends);

/* The splines of one piece of a tile: m elements, K bins, the parameters in planes theta + p * stride. */
typedef struct flow_spline_input {
    int m, n_bins;
    real bound;
    flow_spline_ends ends;
    const real *theta; /* after flow_spline_measure */
    size_t stride;
} flow_spline_input;

/* One coordinate of the knots. */
typedef struct flow_spline_axis {
    real low[FLOW_SPLINE_ROWS], high[FLOW_SPLINE_ROWS]; /* the bin of each element */
    real knot[FLOW_SPLINE_ROWS];                        /* the one looked at */
} flow_spline_axis;

typedef struct flow_spline {
    flow_spline_axis x, y;
    real bin[FLOW_SPLINE_ROWS];      /* the bin of each element: 0 ... K - 1 */
    real raw[2][FLOW_SPLINE_ROWS];   /* parameters of the slopes at its ends, plus c */
    real slope[2][FLOW_SPLINE_ROWS]; /* the slopes, less FLOW_SPLINE_LEAST */
} flow_spline;

/* Replaces the parameters of the lengths by their softmax in place: what a map leaves for its backward. */
void flow_spline_measure(const flow_spline_input *in, real *theta);

/* Finds the bin of each element from its x, or from its y; outside of the box the nearest one. */
void flow_spline_find(flow_spline *s, const flow_spline_input *in, bool by_y, const real *key);

/* The gradients of a scalar at what the curve is made of: the bin's lower ends, its lengths, its slopes. */
typedef struct flow_spline_gradients {
    real x_low[FLOW_SPLINE_ROWS], w[FLOW_SPLINE_ROWS], y_low[FLOW_SPLINE_ROWS], h[FLOW_SPLINE_ROWS];
    real slope[2][FLOW_SPLINE_ROWS];
} flow_spline_gradients;

/* From the gradients at each element's bin to those at its parameters, gtheta (planes like theta). Overwrites
 * g. */
void flow_spline_find_backward(const flow_spline *s, const flow_spline_input *in, flow_spline_gradients *g,
                               real *gtheta);

#endif
