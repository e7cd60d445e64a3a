/* The tail of importance weights: how far they can be trusted.
 *
 * Fits a generalised Pareto distribution to the largest of a set of weights. Its shape k says how heavy their tail is: k
 * moments 1/k exist, an average of the weights converges well below 0.5, in practice up to 0.7, and says little above
 * (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling", sections 2 and 3; the fit is that
 * of Zhang and Stephens 2009, with the weak prior of the former's appendix).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PARETO_H
#define FLOW_NUM_PARETO_H

#include <stddef.h>

/* k of the weights exp(log_weights) (n). NaN when they are too few, or when their largest are all equal. The order of
 * log_weights is changed. */
double flow_pareto_shape(double *log_weights, size_t n);

#endif
