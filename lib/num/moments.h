/* The mean of a sequence of weighted numbers and its standard error, in one pass (the squares as in Welford 1962, with
 * weights as in West 1979).
 *
 * The mean is sum(w x) / sum(w), its standard error sqrt(n / (n - 1) * sum(w^2 (x - mean)^2)) / sum(w). With equal
 * weights this is the usual one, with unequal weights the delta method for a ratio of sums. Weights may be negative, as
 * those of simulated events can be, if their sum is positive. Neither the unit of the weights nor their order has an
 * influence, however far they lie apart.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MOMENTS_H
#define FLOW_NUM_MOMENTS_H

#include <stdint.h>

/* Starts from {0}. */
typedef struct flow_moments {
    int64_t n;
    double unit;        /* size of the first weight that is not 0, or of a far greater one; sums are in this unit */
    double weight;      /* sum of w / unit; the mean is defined only if it is positive */
    double origin, sum; /* the first number; the sum of w (x - origin). Partial sums of the weights, which may be zero,
                           divide nothing */
    double squared_weight, squared_mean, squares; /* with weights w^2: their sum, the mean, sum of w^2 (x - mean)^2 */
} flow_moments;

void flow_moments_add(flow_moments *moments, double value, double weight);
double flow_moments_mean(const flow_moments *moments); /* NaN without numbers */
/* The standard error of the mean; 0 for fewer than two numbers. */
double flow_moments_error(const flow_moments *moments);
/* The effective number: (sum w)^2 / sum(w^2) (Kish 1965), which is n for equal weights. */
double flow_moments_effective(const flow_moments *moments);

#endif
