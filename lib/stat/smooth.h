/* Independence of numbers that are uniform on (0, 1), by a smooth test (Neyman 1937; Kallenberg and Ledwina 1999).
 *
 * Of two independent uniform numbers u and v all products of Legendre polynomials, P_a(u) P_b(v) with a, b = 1, 2, have
 * the mean 0, the variance 1 and no correlation with each other. The sum of the squares of the four scaled sums over
 * the rows is then distributed as chi squared with four degrees of freedom. The first is a correlation of ranks; the
 * others see a spread that changes with the other number.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_STAT_SMOOTH_H
#define FLOW_STAT_SMOOTH_H

#include <stddef.h>

typedef struct flow_dependence {
    double correlation; /* of the ranks: the mean of P_1(u) P_1(v) */
    double strength;    /* the root of the sum of the four squared means: of any sign and kind; about 2 / sqrt(n) where
                           there is none */
    double p;
} flow_dependence;

/* scores (2 n) of u (n): P_1, then P_2, normed to a variance of 1. */
void flow_smooth_scores(double *scores, const double *u, size_t n);

/* From the scores of u and of v. */
flow_dependence flow_smooth_dependence(const double *u, const double *v, size_t n);

#endif
