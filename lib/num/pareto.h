/* The tail of importance weights: whether averages over them converge.
 *
 * Fits a generalised Pareto distribution to the largest weights. Its shape k measures how heavy their tail is: moments
 * of an order below 1/k exist. An average of the weights converges fast for k below 0.5, in practice up to 0.7, and is
 * not reliable above (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling", sections 2
 * and 3; the fit is that of Zhang and Stephens 2009, with the weak prior of the former's appendix).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PARETO_H
#define FLOW_NUM_PARETO_H

#include <stddef.h>

/* k of the weights exp(log_weights) (n). NaN if there are too few, or if the largest ones are equal. Changes
 * log_weights. */
double flow_pareto_shape(double *log_weights, size_t n);

#endif
