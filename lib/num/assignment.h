/* The linear assignment problem: the permutation p with the least sum of cost[i][p(i)].
 *
 * Column reduction, augmenting row reduction, then shortest augmenting paths over the reduced costs (Jonker and
 * Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment problems"). The time is
 * O(n^3) at worst. The result is exact up to the rounding of sums.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_ASSIGNMENT_H
#define FLOW_NUM_ASSIGNMENT_H

#include <stddef.h>

/* Bytes of scratch for n rows. */
size_t flow_assignment_scratch_size(int n);

/* Writes the column of each row to column_of (n), for the costs (n rows, `stride` values apart). Costs that are not
 * finite are replaced by one that is higher than all others; the others are never changed. column_price (n; may be
 * NULL) receives a proof of the result: with v_j = column_price[j] and u_i = cost[i][p(i)] - v_p(i), u_i + v_j <=
 * cost[i][j] for all i and j. So no permutation costs less than sum u + sum v, which is the cost of p. `scratch` has
 * flow_assignment_scratch_size(n) bytes and is 64-byte aligned. If several permutations are best, the same input gives
 * the same one. */
void flow_assignment_solve(int n, double *cost, size_t stride, int *column_of, double *column_price, void *scratch);

#endif
