/* What a data set is made of. Internal to lib/data; data/dataset.h is the interface. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_IMPL_H
#define FLOW_DATA_DATASET_IMPL_H

#include <gsl/gsl_rng.h>

#include "data/dataset.h"
#include "data/dataset_stats.h"
#include "data/table_impl.h"

/* A run of valid rows in the file, read in one go. */
typedef struct flow_block {
    flow_position at;
    int32_t n_read; /* valid rows */
    int32_t n_kept; /* those of them that belong to the part */
} flow_block;

struct flow_dataset {
    char *location;
    flow_names columns;
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
    double *rows;     /* held: (n_rows, d). Otherwise the pool, (pool_rows, d) */
    int64_t *numbers; /* of the rows in `rows`; NULL: row i is number i */

    /* not held */
    flow_reader *reader;
    flow_block *blocks;
    int64_t n_blocks, block_capacity;
    int64_t block_rows;  /* the most valid rows in a block */
    int64_t pool_blocks; /* blocks whose rows are permuted together */

    /* the present order, see dataset_order.c */
    gsl_rng *rng;
    bool is_shuffled;
    uint32_t *order; /* of the rows in `rows` */
    int64_t *block_order;
    uint64_t order_seed;
    int64_t epoch;
    int64_t group, n_groups; /* not held: the pooled blocks, the next group to load */
    int64_t at, n_pooled;    /* the next row in `rows`, and how many there are */
};

/* Rows of the part among those read, without those of weight 0, moved to the front; returns how many. */
size_t flow_dataset_keep(const flow_dataset *data, double *rows, int64_t *numbers, size_t n);

#endif
