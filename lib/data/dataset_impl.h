/* What a data set is made of. Internal to lib/data; data/dataset.h is the interface. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_IMPL_H
#define FLOW_DATA_DATASET_IMPL_H

#include <gsl/gsl_rng.h>
#include <stdatomic.h>

#include "data/dataset.h"
#include "data/dataset_stats.h"
#include "data/reader.h"

/* A run of valid rows in the file, read in one go. */
typedef struct flow_row_span {
    flow_position at;
    int32_t n_read; /* valid rows */
    int32_t n_kept; /* those of them that belong to the part */
} flow_row_span;

/* Rows that are served one after the other: all of a held set, else those of a group. */
typedef struct flow_pool {
    double *rows;     /* (n, d) */
    int64_t *numbers; /* of the rows; NULL: row i is number i */
    uint32_t *order;  /* in which they are served when shuffled */
    int64_t n;
} flow_pool;

/* Rows that are not held come in groups, see dataset_order.c: which one. */
typedef struct flow_row_group {
    bool is_shuffled; /* else in the order of the file, and without seed and epoch */
    uint64_t seed;
    int64_t epoch, index;
} flow_row_group;

struct flow_dataset {
    char *location;
    flow_name_list columns;
    bool has_names;
    int n_context;
    bool is_weighted, allow_negative_weights;
    flow_part part;
    double share;
    uint64_t seed;

    int64_t n_rows, n_skipped, n_weightless;
    uint32_t checksum;
    flow_column_summary *summary;
    flow_stats stats; /* the sample in it stays when the rows are not held */

    bool is_held;
    flow_pool pool;
    int64_t at;       /* the next row of the pool to serve */
    flow_row_group group; /* the next one to fill it with; of a held set, whether it is shuffled */

    /* Not held. While a thread reads ahead, `reader`, `rng`, `block_order` and `ordered` are for that thread alone. */
    struct flow_read_ahead *ahead; /* NULL: rows are read when they are needed */
    flow_reader *reader;
    flow_row_span *blocks;
    int64_t n_blocks, block_capacity;
    int64_t block_rows;  /* the most valid rows in a block */
    int64_t pool_blocks; /* blocks whose rows are permuted together */
    int64_t *block_order; /* (n_blocks) of `ordered`, whatever its index */
    flow_row_group ordered;
    gsl_rng *rng;
};

/* Rows of the part among those read, without those of weight 0, moved to the front; returns how many. */
size_t flow_dataset_keep(const flow_dataset *data, double *rows, int64_t *numbers, size_t n);

/* Room for n rows of d values. FLOW_MEMORY; what is there then is freed with flow_pool_free. */
flow_status flow_pool_make(flow_pool *pool, size_t n, size_t d, flow_error *err);
void flow_pool_free(flow_pool *pool);

/* Whether both are of one order: that of the file, or of one epoch of one seed. */
bool flow_group_same_order(const flow_row_group *a, const flow_row_group *b);

/* Fills the pool with the rows of a group. FLOW_INTERRUPTED soon after *stop is set; stop may be NULL. */
flow_status flow_dataset_load(flow_dataset *data, flow_pool *pool, const flow_row_group *group, const atomic_bool *stop,
                              flow_error *err);

#endif
