/* The linear assignment problem: the permutation p that makes the sum of cost[i][p(i)] least.
 *
 * Shortest augmenting paths over the reduced costs, from a start by column reduction and augmenting row reduction
 * (Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment problems"):
 * O(n^3) at worst, and exact but for the rounding of the sums.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_ASSIGNMENT_H
#define FLOW_NUM_ASSIGNMENT_H

#include <stddef.h>

/* Bytes of scratch for n rows. */
size_t flow_assignment_work_size(int n);

/* column_of (n) is the column of each row, for the costs (n rows, `stride` values apart). Costs that are not finite are
 * taken to be higher than all others, so that there is an answer whatever they are. They are overwritten in that case
 * only. column_price (n; may be NULL) receives a proof: with v_j = column_price[j] and u_i = cost[i][p(i)] - v_p(i),
 * u_i + v_j <= cost[i][j] for all i and j, so that no permutation costs less than sum u + sum v, which this one does.
 * `work` is 64-byte aligned. The same input has the same answer, also among several that are best. */
void flow_assignment_solve(int n, double *cost, size_t stride, int *column_of, double *column_price, void *work);

#endif
