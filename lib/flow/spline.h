/* Monotone rational-quadratic splines (Gregory and Delbourgo 1982; Durkan et al. 2019, "Neural spline flows", sec. 3.1),
 * over pieces of a tile.
 *
 * A spline maps [-B, B] onto itself through K + 1 knots (x_k, y_k), with slope d_k at knot k. Between two knots, with
 * w = x_{k+1} - x_k, h = y_{k+1} - y_k, s = h / w, u = (x - x_k) / w and v = 1 - u (eq. 4 and 5, the denominator written
 * as a sum of positive terms),
 *
 *     y = y_k + h u (s u + d_k v) / D,    dy/dx = s^2 M / D^2,
 *     D = s (u^2 + v^2) + (d_k + d_{k+1}) u v,    M = d_{k+1} u^2 + 2 s u v + d_k v^2.
 *
 * The inverse is the root of a quadratic. With e = (y - y_k) / h, f = 1 - e and r = d_k f - d_{k+1} e its discriminant is
 * r^2 + 4 s^2 e f, a sum of squares; with R = |r| + sqrt(r^2 + 4 s^2 e f)
 *
 *     u : v = 2 s e : R  where r >= 0,    u : v = R : 2 s f  elsewhere
 *
 * (eq. 6-8, solved for whichever of u and v does not cancel): there is nothing that could be negative, and no digits
 * get lost at either knot.
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
#ifndef FLOW_FLOW_SPLINE_H
#define FLOW_FLOW_SPLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "num/real.h"

enum {
    FLOW_SPLINE_ROWS = 64, /* the most elements at a time; a multiple of FLOW_LANES */
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
    const real *theta;
    size_t stride;
} flow_spline_input;

/* One coordinate of the knots. */
typedef struct flow_spline_axis {
    real share[FLOW_SPLINE_BINS_MAX * FLOW_SPLINE_ROWS]; /* (K, m): the length of a bin is the least one */
    real scale[FLOW_SPLINE_ROWS];                        /* and scale * share */
    real low[FLOW_SPLINE_ROWS], high[FLOW_SPLINE_ROWS];  /* the bin of each element */
} flow_spline_axis;

typedef struct flow_spline {
    flow_spline_axis x, y;
    real bin[FLOW_SPLINE_ROWS];       /* the bin of each element: 0 ... K - 1 */
    real raw[2 * FLOW_SPLINE_ROWS];   /* (2, m) parameters of the slopes at its ends, plus c */
    real slope[2 * FLOW_SPLINE_ROWS]; /* (2, m) the slopes */
} flow_spline;

/* Finds the bin of each element from its x, or from its y; outside of the box the nearest one. */
void flow_spline_find(flow_spline *s, const flow_spline_input *in, bool by_y, const real *key);

/* y (m), and log(dy/dx) added to logdet (m). After flow_spline_find with x; on a circle x must be in the box. */
void flow_spline_map(const flow_spline *s, const flow_spline_input *in, const real *x, real *y, double *logdet);

/* x (m), and log(dx/dy) added to logdet (m). After flow_spline_find with y. */
void flow_spline_invert(const flow_spline *s, const flow_spline_input *in, const real *y, real *x, double *logdet);

/* The gradients gx (m) and gtheta (planes like theta) of gy * y + gl * log(dy/dx), from x alone. After flow_spline_find
 * with x. */
void flow_spline_map_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gy,
                              const real *gl, real *gx, real *gtheta);

/* gy (m) and gtheta of gx * x + gl * log(dx/dy), from x too: both directions are one curve seen from its two ends. */
void flow_spline_invert_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gx,
                                 const real *gl, real *gy, real *gtheta);

#endif
