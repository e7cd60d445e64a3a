/* Tails: of importance weights, whether averages over them converge; of other numbers, how likely larger ones are.
 *
 * The former fits a generalised Pareto distribution to the largest weights. Its shape k measures how heavy their tail
 * is: moments of an order below 1/k exist. An average of the weights converges fast for k below 0.5, in practice up to
 * 0.7, and is not reliable above (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling",
 * sections 2 and 3; the fit is that of Zhang and Stephens 2009, with the weak prior of the former's appendix).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PARETO_H
#define FLOW_NUM_PARETO_H

#include <stdbool.h>
#include <stddef.h>

/* k of the weights exp(log_weights) (n). NaN if there are too few, or if the largest ones are equal. Changes
 * log_weights. */
double flow_pareto_shape(double *log_weights, size_t n);

/* The generalised Pareto distribution of exceedances: the probability of one above x is (1 + k x / scale)^(-1/k), and
 * exp(-x / scale) for the shape k = 0. Numbers above a high threshold have it, whatever their distribution (Pickands
 * 1975). */
typedef struct flow_pareto {
    double shape, scale;
} flow_pareto;

enum { FLOW_PARETO_LEAST = 20 };

/* From exceedances x (n; ascending) above a threshold, without a prior. The shape is never below 0, where there would
 * be a largest possible number. False when there are fewer than FLOW_PARETO_LEAST, when the largest one is infinite, or
 * when a quarter of them are 0. */
bool flow_pareto_fit(flow_pareto *out, const double *x, size_t n);
double flow_pareto_above(const flow_pareto *pareto, double x);

#endif
