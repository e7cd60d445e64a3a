/* Mean of a stream of weighted numbers and its standard error, without a second pass (the squares as in Welford 1962,
 * with weights as in West 1979).
 *
 * The mean is sum(w x) / sum(w), and its standard error sqrt(n / (n - 1) * sum(w^2 (x - mean)^2)) / sum(w): with equal
 * weights the usual one, with unequal ones what the delta method gives for a ratio of sums. Weights may be negative, as
 * those of simulated events can be, as long as their sum is positive. Nothing depends on the unit of the weights.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MOMENTS_H
#define FLOW_NUM_MOMENTS_H

#include <stdint.h>

/* Starts from {0}. */
typedef struct flow_moments {
    int64_t n;
    double unit;        /* size of the first weight that is not 0; all weights are counted in it */
    double weight;      /* sum of w */
    double origin, sum; /* the first number, and the sum of w (x - origin), which never divides by a sum that a negative
                           weight made zero on the way */
    double squared_weight, squared_mean, squares; /* with weights w^2: their sum, the mean, sum of w^2 (x - mean)^2 */
} flow_moments;

void flow_moments_add(flow_moments *moments, double value, double weight);
double flow_moments_mean(const flow_moments *moments); /* NaN of nothing */
/* The standard error of the mean; 0 for fewer than two numbers. */
double flow_moments_error(const flow_moments *moments);
/* How many numbers of equal weight would say as much: (sum w)^2 / sum(w^2) (Kish 1965); n when all are equal. */
double flow_moments_effective(const flow_moments *moments);
/* The sum of the weights, in units of the first one's size: where it is not positive there is no mean. */
double flow_moments_weight(const flow_moments *moments);

#endif
