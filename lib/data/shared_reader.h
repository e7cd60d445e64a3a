/* A table that the ranks of a job read together, once from the beginning to the end, in blocks of so many valid rows as
 * one process would read. Internal to lib/data.
 *
 * Blocks that follow each other make a round, one for each rank. Each rank reads its own block where rows can be found
 * (data/shared_places.h), and its part of those of a round where rows are dropped (data/shared_pieces.h). All other
 * tables are *dealt*: rank 0 reads the blocks and sends each rank its own.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SHARED_READER_H
#define FLOW_DATA_SHARED_READER_H

#include "data/shared_pieces.h"

typedef struct flow_shared_reader {
    flow_reader *reader; /* borrowed */
    const flow_comm *comm;
    int64_t block_rows;
    bool is_dealt, at_end;
    int64_t n_rows; /* of the whole table; where it is dealt, not known before the end */
    int64_t next;   /* where all rows are valid: the next block */
    flow_shared_places places;
    flow_shared_pieces pieces; /* where rows are dropped */
    /* of rank 0, when it deals: blocks one after the other */
    double *rows;     /* (most_dealt block_rows, d) */
    int64_t *numbers; /* (most_dealt block_rows) */
    size_t *bytes;    /* (size) */
} flow_shared_reader;

/* The reader is at the first row of the same file at all ranks, or else all get an error. Collective, and to be ended
 * by flow_shared_reader_free also after an error. */
flow_status flow_shared_reader_start(flow_shared_reader *out, flow_reader *reader, const flow_comm *comm,
                                     int64_t block_rows, flow_error *err);
/* Reads the block of this rank in the next round. Collective; a status is that of this rank alone. */
flow_status flow_shared_reader_next(flow_shared_reader *shared, flow_shared_block *out, double *rows, int64_t *numbers,
                                    flow_error *err);
void flow_shared_reader_free(flow_shared_reader *shared);

#endif
