/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/tree_sum.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/parallel.h"
#include "num/vector.h"

/* Numbers that one task adds; parts of ranks begin at multiples of it, too, where vectors are longer. */
enum { AT_ONCE = 1 << 14, LINE = 16 };

/* The sum of leaves [index 2^level, (index + 1) 2^level), as far as these exist. */
typedef struct tree_node {
    int level;
    int64_t index;
    real *values; /* (n) */
} tree_node;

/* A range of leaves is made of fewer nodes than this. */
enum { NODES_MAX = 2 * 63 };

struct flow_tree_sum {
    const flow_comm *comm;
    size_t n;
    int n_threads, rank, size;
    int64_t n_leaves, next; /* the next leaf of this rank */
    tree_node nodes[NODES_MAX];
    int n_nodes;
    real **buffers; /* (n_buffers, n): the first one is `total` */
    int n_buffers;
    int *free_buffers, n_free;
    /* with more than one rank */
    real *sent, *received;          /* (most nodes of a rank, n), (nodes of all ranks, part of this rank) */
    size_t *sent_bytes, *got_bytes; /* (size) */
    tree_node *all;                 /* (nodes of all ranks) */
};

/* ---- nodes ---- */

/* The nodes that the leaves [first, last) add up to, without their values; returns their number. */
static int tree_cover(tree_node *nodes, int64_t first, int64_t last)
{
    int n = 0;
    for (int64_t at = first; at < last;) {
        int level = 0;
        while (at % ((int64_t)2 << level) == 0 && at + ((int64_t)2 << level) <= last)
            level++;
        nodes[n++] = (tree_node){.level = level, .index = at >> level};
        at += (int64_t)1 << level;
    }
    return n;
}

static bool tree_are_siblings(const tree_node *left, const tree_node *right)
{
    return left->level == right->level && left->index % 2 == 0 && right->index == left->index + 1;
}

/* Adds up nodes that cover all leaves: from the lowest level up, each one to its left sibling. `add` adds the
 * values. */
static void tree_reduce(tree_node *nodes, int n,
                        void (*add)(void *context, const tree_node *left, const tree_node *right), void *context)
{
    for (int level = 0; n > 1; level++) {
        int kept = 0;
        for (int i = 0; i < n; i++) {
            if (nodes[i].level > level) {
                nodes[kept++] = nodes[i];
                continue;
            }
            tree_node node = nodes[i];
            if (i + 1 < n && tree_are_siblings(&nodes[i], &nodes[i + 1])) {
                add(context, &nodes[i], &nodes[i + 1]);
                i++;
            }
            node.level++;
            node.index /= 2;
            nodes[kept++] = node;
        }
        n = kept;
    }
}

/* ---- adding ---- */

typedef struct tree_addition {
    size_t n;
    int n_threads;
    const real *right;
    real *left;
} tree_addition;

static void tree_add_part(void *context, int item, int thread)
{
    (void)thread;
    const tree_addition *a = context;
    const size_t first = (size_t)item * AT_ONCE, left = a->n - first;
    flow_vec_add(left < AT_ONCE ? left : AT_ONCE, a->right + first, a->left + first);
}

static void tree_add(void *context, const tree_node *left, const tree_node *right)
{
    tree_addition *a = context;
    a->left = left->values;
    a->right = right->values;
    flow_parallel_for((int)((a->n + AT_ONCE - 1) / AT_ONCE), a->n_threads, tree_add_part, a);
}

/* ---- parts of ranks ---- */

/* The first number of the part of the vector that a rank adds up. */
static size_t tree_part_first(const flow_tree_sum *sum, int rank)
{
    return (size_t)flow_share_first_row((int64_t)sum->n, LINE, rank, sum->size);
}

static size_t tree_part(const flow_tree_sum *sum, int rank)
{
    return tree_part_first(sum, rank + 1) - tree_part_first(sum, rank);
}

static int64_t tree_first_leaf(const flow_tree_sum *sum, int64_t n_leaves, int rank)
{
    return flow_share_first(n_leaves, rank, sum->size);
}

/* ---- making ---- */

static int tree_bits(int64_t n)
{
    int bits = 0;
    for (; n > 0; n >>= 1)
        bits++;
    return bits;
}

static flow_status tree_make_buffers(flow_tree_sum *sum, int n, flow_error *err)
{
    sum->buffers = calloc((size_t)n, sizeof *sum->buffers);
    sum->free_buffers = calloc((size_t)n, sizeof *sum->free_buffers);
    if (sum->buffers == NULL || sum->free_buffers == NULL)
        return flow_error_memory(err, "sums over a batch");
    sum->n_buffers = n;
    for (int i = 1; i < n; i++) {
        sum->buffers[i] = flow_alloc_aligned(sum->n + 1, sizeof **sum->buffers);
        if (sum->buffers[i] == NULL)
            return flow_error_memory(err, "sums over a batch");
    }
    return FLOW_OK;
}

static flow_status tree_make_messages(flow_tree_sum *sum, int most_nodes, flow_error *err)
{
    const size_t all = (size_t)most_nodes * (size_t)sum->size;
    sum->sent = flow_alloc_aligned((size_t)most_nodes * sum->n + 1, sizeof *sum->sent);
    sum->received = flow_alloc_aligned(all * tree_part(sum, sum->rank) + 1, sizeof *sum->received);
    sum->sent_bytes = calloc((size_t)sum->size, sizeof *sum->sent_bytes);
    sum->got_bytes = calloc((size_t)sum->size, sizeof *sum->got_bytes);
    sum->all = calloc(all, sizeof *sum->all);
    if (sum->sent == NULL || sum->received == NULL || sum->sent_bytes == NULL || sum->got_bytes == NULL ||
        sum->all == NULL)
        return flow_error_memory(err, "sums over ranks");
    return FLOW_OK;
}

flow_status flow_tree_sum_new(flow_tree_sum **out, const flow_comm *comm, size_t n, int64_t most_leaves, int n_threads,
                              flow_error *err)
{
    *out = NULL;
    flow_tree_sum *sum = calloc(1, sizeof *sum);
    if (sum == NULL)
        return flow_error_memory(err, "sums over a batch");
    sum->comm = comm;
    sum->n = n;
    sum->n_threads = n_threads;
    sum->rank = flow_comm_rank(comm);
    sum->size = flow_comm_size(comm);
    const int64_t share = (most_leaves + sum->size - 1) / sum->size;
    const int bits = tree_bits(share > 0 ? share : 1), most_nodes = sum->size > 1 ? 2 * bits - 1 : bits;
    flow_status status = tree_make_buffers(sum, most_nodes, err);
    if (status == FLOW_OK && sum->size > 1)
        status = tree_make_messages(sum, most_nodes, err);
    FLOW_RETURN_MADE(out, sum, flow_tree_sum_free, status);
}

void flow_tree_sum_free(flow_tree_sum *sum)
{
    if (sum == NULL)
        return;
    for (int i = 1; sum->buffers != NULL && i < sum->n_buffers; i++)
        flow_free_aligned(sum->buffers[i]);
    free(sum->buffers);
    free(sum->free_buffers);
    flow_free_aligned(sum->sent);
    flow_free_aligned(sum->received);
    free(sum->sent_bytes);
    free(sum->got_bytes);
    free(sum->all);
    free(sum);
}

/* ---- a sum ---- */

void flow_tree_sum_begin(flow_tree_sum *sum, int64_t n_leaves, real *total)
{
    sum->buffers[0] = total;
    sum->n_leaves = n_leaves;
    sum->next = tree_first_leaf(sum, n_leaves, sum->rank);
    sum->n_nodes = sum->n_free = 0;
    for (int i = sum->n_buffers - 1; i >= 0; i--)
        sum->free_buffers[sum->n_free++] = i;
}

real *flow_tree_sum_leaf(flow_tree_sum *sum)
{
    assert(sum->n_free > 0);
    return sum->buffers[sum->free_buffers[sum->n_free - 1]];
}

static int tree_buffer_of(const flow_tree_sum *sum, const real *values)
{
    int i = 0;
    while (sum->buffers[i] != values)
        i++;
    return i;
}

void flow_tree_sum_add(flow_tree_sum *sum)
{
    tree_addition addition = {.n = sum->n, .n_threads = sum->n_threads};
    sum->nodes[sum->n_nodes++] = (tree_node){.index = sum->next++, .values = flow_tree_sum_leaf(sum)};
    sum->n_free--;
    while (sum->n_nodes > 1) {
        tree_node *left = &sum->nodes[sum->n_nodes - 2];
        const tree_node *right = left + 1;
        if (!tree_are_siblings(left, right))
            break;
        tree_add(&addition, left, right);
        sum->free_buffers[sum->n_free++] = tree_buffer_of(sum, right->values);
        left->level++;
        left->index /= 2;
        sum->n_nodes--;
    }
}

/* Sends the parts of this rank's nodes to the ranks that add them up, and receives those of all nodes. */
static int tree_exchange(flow_tree_sum *sum)
{
    const size_t mine = tree_part(sum, sum->rank);
    size_t at = 0, got = 0;
    int n = 0;
    for (int r = 0; r < sum->size; r++) {
        const size_t first = tree_part_first(sum, r), part = tree_part(sum, r);
        for (int i = 0; i < sum->n_nodes; i++, at += part)
            memcpy(sum->sent + at, sum->nodes[i].values + first, part * sizeof *sum->sent);
        sum->sent_bytes[r] = (size_t)sum->n_nodes * part * sizeof *sum->sent;
        const int theirs = tree_cover(sum->all + n, tree_first_leaf(sum, sum->n_leaves, r),
                                      tree_first_leaf(sum, sum->n_leaves, r + 1));
        for (int i = 0; i < theirs; i++, got += mine)
            sum->all[n + i].values = sum->received + got;
        sum->got_bytes[r] = (size_t)theirs * mine * sizeof *sum->received;
        n += theirs;
    }
    flow_comm_exchange(sum->comm, sum->sent, sum->sent_bytes, sum->received, sum->got_bytes);
    return n;
}

void flow_tree_sum_end(flow_tree_sum *sum)
{
    real *total = sum->buffers[0];
    if (sum->size == 1) {
        tree_addition addition = {.n = sum->n, .n_threads = sum->n_threads};
        assert(sum->nodes[0].values == total);
        tree_reduce(sum->nodes, sum->n_nodes, tree_add, &addition);
        return;
    }
    tree_addition addition = {.n = tree_part(sum, sum->rank), .n_threads = sum->n_threads};
    tree_reduce(sum->all, tree_exchange(sum), tree_add, &addition);
    for (int r = 0; r < sum->size; r++)
        sum->got_bytes[r] = tree_part(sum, r) * sizeof *total;
    flow_comm_gather_all(sum->comm, sum->received, total, sum->got_bytes);
}

void flow_tree_sum_rows(double *rows, int64_t n_leaves, size_t n)
{
    for (int64_t apart = 1; apart < n_leaves; apart *= 2)
        for (int64_t i = 0; i + apart < n_leaves; i += 2 * apart)
            for (size_t k = 0; k < n; k++)
                rows[(size_t)i * n + k] += rows[(size_t)(i + apart) * n + k];
}
