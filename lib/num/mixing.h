/* Mixtures of densities whose logarithms are given: p = sum_k w_k p_k. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MIXING_H
#define FLOW_NUM_MIXING_H

#include <stddef.h>

#include "core/error.h"

/* log(exp(a) + exp(b)); NaN if one of them is. */
double flow_log_add(double a, double b);

/* Each part counts as if so much of a row were its own, so that no weight is 0. */
#define FLOW_MIXING_PRIOR 0.01

/* The weights (n_parts) of the mixture that makes n rows likeliest: they maximise
 *
 *     sum_i v_i log sum_k w_k p_k(x_i) + FLOW_MIXING_PRIOR v sum_k log w_k
 *
 * by EM (Dempster, Laird and Rubin 1977), logp (n_parts, n) being log p_k(x_i), v_i = row_weights[i] and v the mean of
 * the v_i. The objective is concave, so there is one maximum. Rows whose weight is not positive and rows that no part
 * can describe are left out; a log-density that is not a number counts as -inf. FLOW_MEMORY. */
flow_status flow_mixing_fit(double *weights, const double *logp, const double *row_weights, size_t n, int n_parts,
                            flow_error *err);

#endif
