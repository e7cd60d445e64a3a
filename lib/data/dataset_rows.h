/* What a data set is made of, and how its rows come from the table. Internal to lib/data; data/dataset.h is the
 * interface.
 *
 * A data set holds all of its rows in its pool, or reads them in groups of blocks: a block is a run of rows that is
 * read in one go, a group is as many blocks as the pool has room for. In the order of the file a group is one block.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_ROWS_H
#define FLOW_DATA_DATASET_ROWS_H

#include <stdatomic.h>

#include "data/dataset.h"
#include "data/dataset_stats.h"
#include "data/reader.h"
#include "data/row_packing.h"
#include "num/rng.h"

/* A block: a run of valid rows in the file. */
typedef struct flow_row_span {
    flow_position at;
    int32_t n_read; /* valid rows */
    int32_t n_kept; /* those of them that belong to the part */
} flow_row_span;

/* The rows that are served: all rows of a held set, else those of a group. */
typedef struct flow_pool {
    char *rows;       /* (n_here) rows, packed: those that this process has (data/dataset_share.h) */
    int64_t *numbers; /* (n_here) of the rows; NULL: row i of all is number i */
    uint32_t *order;  /* (n) of serving, when shuffled */
    int64_t n;        /* rows, at all ranks */
    int64_t n_here;
    /* Of a group: */
    int64_t n_blocks;
    int first_rank;       /* that has its first block; the next one has the second, and so on */
    int64_t *starts;      /* (n_blocks + 1) where the rows of each block begin among all, and where they end */
    int64_t *starts_here; /* (n_blocks) where they begin among those of the rank that has the block */
} flow_pool;

/* Which group, of which order. */
typedef struct flow_row_group {
    bool is_shuffled; /* else in the order of the file, and without seed and epoch */
    uint64_t seed;
    int64_t epoch, index;
} flow_row_group;

struct flow_row_share;

/* The whole of a data set. */
typedef struct flow_row_store {
    flow_dataset base;
    struct flow_row_share *sharing; /* messages between ranks; NULL: one process */
    flow_name_list columns, classes; /* own the names */
    bool allow_negative_weights, flip;
    flow_part part;
    double share, test_share;
    uint64_t seed;
    flow_stats stats;
    flow_row_sample sample; /* its rows are kept when those of the table are not held */

    flow_row_packing packing;
    flow_pool pool;
    int64_t at;           /* the next row of the pool to serve */
    flow_row_group group; /* the next one to fill the pool with; of a held set, whether it is shuffled */

    /* Not held. While a thread reads ahead, it alone uses `reader`, `block`, `rng`, `block_order` and `ordered`. */
    struct flow_read_ahead *ahead; /* NULL: rows are read when they are needed */
    flow_reader *reader;
    double *block; /* (block_rows, d): for rows that are read and then packed; NULL where they are doubles */
    flow_row_span *blocks;
    int64_t n_blocks;
    size_t block_capacity;
    int64_t block_rows;   /* the most valid rows in a block */
    int64_t pool_blocks;  /* blocks whose rows are permuted together */
    int64_t *block_order; /* (n_blocks) the order of the epoch of `ordered` */
    flow_row_group ordered;
    gsl_rng rng;
    flow_rng_sequence sequence; /* the state of rng */
} flow_row_store;

/* Reads the whole table once, when the data set is opened (dataset_scan.c): checks every row, counts, takes statistics
 * and checksum, and chooses the sizes of blocks and pool. Afterwards all rows are held and the reader is closed, or the
 * reader stays and its blocks are known. `memory_bytes` as in flow_dataset_options. FLOW_DATA names the row and what is
 * wrong with it. */
flow_status flow_dataset_scan(flow_row_store *data, size_t memory_bytes, bool read_ahead, flow_error *err);

/* Room for any group; the sizes of blocks and pool are chosen. FLOW_MEMORY; flow_pool_free is needed then, too. */
flow_status flow_pool_make(flow_pool *pool, const flow_row_store *data, flow_error *err);
void flow_pool_free(flow_pool *pool);

/* Whether a row of this number belongs to the part. */
bool flow_dataset_in_part(const flow_row_store *data, int64_t number);

/* Moves the rows of the part, without those of weight 0, to the front; returns how many there are. */
size_t flow_dataset_keep(const flow_row_store *data, double *rows, int64_t *numbers, size_t n);

/* Whether both groups are of one order: that of the file, or of one epoch of one seed. */
bool flow_group_same_order(const flow_row_group *a, const flow_row_group *b);

/* How many groups an order has; 0 for rows that are held. */
int64_t flow_dataset_count_groups(const flow_row_store *data, bool is_shuffled);
/* The blocks of a group: [first, last), and one of them. */
void flow_dataset_group_range(const flow_row_store *data, const flow_row_group *group, int64_t *first, int64_t *last);
const flow_row_span *flow_dataset_block(const flow_row_store *data, const flow_row_group *group, int64_t i);

/* Fills pool->order: a permutation that depends on seed, epoch and group alone. Group -1: all rows, which are held. */
void flow_dataset_permute_rows(flow_row_store *data, flow_pool *pool, uint64_t seed, int64_t epoch, int64_t group);
/* Makes `block_order` the one of the group's epoch. */
void flow_dataset_permute_blocks(flow_row_store *data, const flow_row_group *group);

/* Fills the pool with the rows of a group. FLOW_INTERRUPTED soon after *stop is set; stop may be NULL. */
flow_status flow_dataset_load(flow_row_store *data, flow_pool *pool, const flow_row_group *group,
                              const atomic_bool *stop, flow_error *err);

#endif
