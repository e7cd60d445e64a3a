/* The distance of Kolmogorov and Smirnov: the largest difference between two distribution functions. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_STAT_KOLMOGOROV_H
#define FLOW_STAT_KOLMOGOROV_H

#include <stddef.h>

/* A distance and the probability of one as large or larger where the distributions are the same. */
typedef struct flow_distance {
    double distance, p;
} flow_distance;

/* The probability of a distance between the empirical distribution of n independent numbers and their true one that is
 * `distance` or larger: the limit of Kolmogorov (1933) at the argument of Stephens (1970), (sqrt(n) + 0.12 + 0.11 /
 * sqrt(n)) times the distance, which is right within some percent from n = 5 on. Of two samples n is their effective
 * number, n m / (n + m). 1 when n is 0. */
double flow_kolmogorov_p(double distance, double n);

/* Whether u (n; sorted by the call) are uniform on (0, 1). */
flow_distance flow_ks_uniform(double *u, size_t n);

#endif
