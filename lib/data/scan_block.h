/* What a block of rows adds to a data set that is being opened: the parts of the first reading that do not depend on
 * how many processes read. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SCAN_BLOCK_H
#define FLOW_DATA_SCAN_BLOCK_H

#include "data/dataset_rows.h"

typedef struct flow_scan {
    flow_row_store *data;
    size_t memory_bytes;
    bool holds;       /* all rows so far fit */
    bool counts;      /* numbers are 0, 1, 2, ... so far */
    size_t n_held;    /* at all ranks */
    size_t capacity;  /* of the pool of this process, in rows */
    int64_t n_passed; /* rows of the table that were read, valid or not; known at the end */
    double *block;    /* (block_rows, d) */
    int64_t *numbers; /* (block_rows) */
} flow_scan;

/* The most rows that are held. An order has 32-bit indices, hence the upper limit. */
size_t flow_scan_most_held(const flow_scan *scan);
/* Whether n more rows fit. If not, no rows are held from now on; FLOW_DATA where they have to be. */
flow_status flow_scan_fit(flow_scan *scan, size_t n, flow_error *err);
/* Room for n more rows in the pool of this process. */
flow_status flow_scan_make_room(flow_scan *scan, size_t n, flow_error *err);

/* Of n rows that belong to the part: FLOW_DATA for the first one of negative weight, where that is not allowed. */
flow_status flow_scan_check_weights(const flow_row_store *data, const double *rows, const int64_t *numbers, size_t n,
                                    flow_error *err);
/* How many of n rows of the part have the weight 0. */
int64_t flow_scan_count_weightless(const flow_row_store *data, const double *rows, const int64_t *numbers, size_t n);

/* Adds a block to the index. */
flow_status flow_scan_add_span(flow_row_store *data, const flow_row_span *span, flow_error *err);

#endif
