/* Dimensions that are angles: densities on circles and tori (Rezende et al. 2020, "Normalizing flows on tori and
 * spheres").
 *
 * A column map may make an angle of a column, in [-pi, pi) up to rounding, where -pi and pi are one point. From there
 * on the dimension stays an angle: blocks take it through circular splines, whose densities agree at that point with
 * their value (spline.h); networks see its cosine and sine, so that nothing depends on where the circle was cut; and
 * its base is the uniform distribution.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CIRCLE_H
#define FLOW_FLOW_CIRCLE_H

#include "flow/flow.h"

/* Lines that a network sees of the dimensions [0, d): one each, two of an angle. circular (d), or NULL: none is. */
int flow_circle_n_inputs(const bool *circular, int d);

/* Those of one dimension, from its line (n): itself, or cosine and sine, (2, n). Returns what lies behind them. */
real *flow_circle_inputs(bool circular, int n, const real *line, real *inputs);

/* Adds the gradient at those inputs to that at the line. Returns what lies behind it. */
const real *flow_circle_inputs_backward(bool circular, int n, const real *line, const real *ginputs, real *gline);

/* Gives f, of which some latents are angles, a base that is uniform for those and that of the spec, with as many
 * dimensions as there are lines, for the others; before it is configured. */
flow_status flow_circle_base(flow *f, flow_error *err);

/* a - b for two values of one column or latent: the way round a circle that is shorter. period 0: no circle. */
double flow_circle_difference(double a, double b, double period);


#endif
