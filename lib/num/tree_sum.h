/* Sums of vectors in a fixed tree, over the leaves that the ranks of a job have.
 *
 * Leaf 0 and leaf 1 are added, leaf 2 and leaf 3, and so on; then these sums in pairs, and their sums. A sum
 * without a partner is taken to the next level unchanged. The order of additions depends on the number of leaves alone,
 * so the result has the same bits for any number of ranks and threads.
 *
 * Each rank adds what it can of its own leaves, which follow each other, and is then given a part of the vector, for
 * which it adds up what all ranks have: every rank sends and receives about two vectors.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_TREE_SUM_H
#define FLOW_NUM_TREE_SUM_H

#include "num/comm.h"
#include "num/real.h"

typedef struct flow_tree_sum flow_tree_sum;

/* Sums of vectors of n numbers over up to most_leaves leaves, of which rank r of R has those from
 * flow_share_first(leaves, r, R) to flow_share_first(leaves, r + 1, R). `comm` is borrowed. */
flow_status flow_tree_sum_new(flow_tree_sum **out, const flow_comm *comm, size_t n, int64_t most_leaves, int n_threads,
                              flow_error *err);
void flow_tree_sum_free(flow_tree_sum *sum);

/* Begins a sum of n_leaves leaves, which is to be in `total` (n; borrowed until the end). */
void flow_tree_sum_begin(flow_tree_sum *sum, int64_t n_leaves, real *total);
/* Where the next leaf of this rank goes: n numbers, which are not set. */
real *flow_tree_sum_leaf(flow_tree_sum *sum);
/* The leaf is there. */
void flow_tree_sum_add(flow_tree_sum *sum);
/* When all leaves of this rank are there: the sum is in `total`. Collective. */
void flow_tree_sum_end(flow_tree_sum *sum);

/* The same sum of n_leaves rows of n doubles that this process has: it is in the first row, the others are changed. */
void flow_tree_sum_rows(double *rows, int64_t n_leaves, size_t n);

#endif
