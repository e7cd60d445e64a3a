/* Monotone rational-quadratic splines (Gregory and Delbourgo 1982; Durkan et al. 2019, "Neural spline flows", sec.
 * 3.1), for chunks of a tile.
 *
 * A spline maps [-B, B] onto itself through K + 1 knots (x_k, y_k), with slope d_k at knot k. Between two knots, with
 * w = x_{k+1} - x_k, h = y_{k+1} - y_k, s = h / w, u = (x - x_k) / w and v = 1 - u (eq. 4 and 5, the denominator as a
 * sum of positive terms),
 *
 *     y = y_k + h u (s u + d_k v) / D,    dy/dx = s^2 M / D^2,
 *     D = s (u^2 + v^2) + (d_k + d_{k+1}) u v,    M = d_{k+1} u^2 + 2 s u v + d_k v^2.
 *
 * The inverse is the root of a quadratic. With e = (y - y_k) / h, f = 1 - e and r = d_k f - d_{k+1} e its discriminant
 * is r^2 + 4 s^2 e f, a sum of squares; with R = |r| + sqrt(r^2 + 4 s^2 e f)
 *
 *     u : v = 2 s e : R  where r >= 0,    u : v = R : 2 s f  elsewhere
 *
 * (eq. 6-8, solved for the one of u and v that has no cancellation). No term is negative, and no digits are lost at
 * either knot. spline_knots.h makes the knots from the parameters.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_SPLINE_H
#define FLOW_NUM_SPLINE_H

#include "num/spline_knots.h"

/* Writes y (m) and adds log(dy/dx) to logdet (m). After flow_spline_find with x. For FLOW_SPLINE_PERIODIC all x must be
 * in the box. */
void flow_spline_map(const flow_spline *s, const flow_spline_input *in, const real *x, real *y, double *logdet);

/* Writes x (m) and adds log(dx/dy) to logdet (m). After flow_spline_find with y. */
void flow_spline_invert(const flow_spline *s, const flow_spline_input *in, const real *y, real *x, double *logdet);

/* The gradients gx (m) and gtheta (planes like theta) of gy * y + gl * log(dy/dx). After flow_spline_find with x. */
void flow_spline_map_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gy,
                              const real *gl, real *gx, real *gtheta);

/* The gradients gy (m) and gtheta of gx * x + gl * log(dx/dy); from x, too, since both directions are one curve. */
void flow_spline_invert_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gx,
                                 const real *gl, real *gy, real *gtheta);

#endif
