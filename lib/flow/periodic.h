/* Periodic dimensions: densities on circles and tori (Rezende et al. 2020, "Normalizing flows on tori and spheres").
 *
 * A column map may make a column periodic, an angle in [-pi, pi) up to rounding, where -pi and pi are one point. From
 * there on the dimension stays periodic: blocks transform it by periodic splines, whose densities agree at that point
 * with their value (num/spline.h); networks see its cosine and sine (inputs.h); blocks that scale and shift pass it
 * unchanged; and its base is the uniform distribution (base/mixed.c).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_PERIODIC_H
#define FLOW_FLOW_PERIODIC_H

/* a - b for two values of a column or latent: the shorter way round. period 0: not periodic. */
double flow_periodic_difference(double a, double b, double period);

#endif
