/* Two samples of numbers, compared by their order alone.
 *
 * Both are sorted together, and what is left is whose the lowest value is, whose the next one, and so on. Where both
 * samples come from one distribution, each such sequence is as likely as any other, whatever the distribution: so all
 * tests of the sequence are exact. Equal values are ordered at random, which keeps this true of whole numbers, of
 * spikes and of any other ties.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_STAT_POOLED_H
#define FLOW_STAT_POOLED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "stat/kolmogorov.h"

/* Starts from {0}. */
typedef struct flow_pooled {
    size_t n, m; /* values of the first and of the second sample */
    bool *first; /* (n + m), owned: whether it is of the first one, by ascending value */
} flow_pooled;

/* Values of a sample, `stride` apart. They are no NaN. */
typedef struct flow_values {
    const double *at;
    size_t n, stride;
} flow_values;

/* Ties are ordered by a hash of `seed` and the place in the samples. */
flow_status flow_pooled_make(flow_pooled *out, flow_values a, flow_values b, uint64_t seed, flow_error *err);
void flow_pooled_release(flow_pooled *pool);

/* Kolmogorov and Smirnov: the distance has the sign that the distribution function of the first sample minus that of
 * the second one has where they differ most. */
flow_distance flow_pooled_ks(const flow_pooled *pool);

/* The rank sum of Wilcoxon (1945), as the probability that a value of the first sample is above one of the second. */
typedef struct flow_rank_sum {
    double above; /* the area under the ROC curve; 1/2 where the samples are alike */
    double z;     /* its distance from 1/2 in standard deviations, normal where they are alike */
} flow_rank_sum;
flow_rank_sum flow_pooled_rank_sum(const flow_pooled *pool);

/* How many of the lowest (or highest) k values are of the first sample, and the two-sided probability of a number as
 * far from the expected one (hypergeometric). */
typedef struct flow_end_count {
    size_t n;
    double expected, p;
} flow_end_count;
flow_end_count flow_pooled_end(const flow_pooled *pool, size_t k, bool highest);

/* The values at the low (or high) end that are all of one sample: how many, and of which. p is the two-sided
 * probability of so many or more. */
typedef struct flow_end_run {
    size_t n;
    bool first;
    double p;
} flow_end_run;
flow_end_run flow_pooled_end_run(const flow_pooled *pool, bool highest);

#endif
