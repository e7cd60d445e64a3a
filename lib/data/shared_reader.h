/* A table that the ranks of a job read together, once from the beginning to the end, in blocks of so many valid rows as
 * one process would read. Internal to lib/data.
 *
 * Blocks that follow each other make a round, one for each rank. Each rank reads its own block where it can find it:
 * where the number of a row is its position (HDF5, images), or in a text whose rows are lines (CSV without compression,
 * quotes and comments). Of a text the ranks first count the lines, each of its share of the bytes. All other tables are
 * *dealt*: rank 0 reads the blocks and sends each rank its own. So is the rest of a table from the first block in which
 * a row was dropped, since from there on the place of a block depends on all rows before it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SHARED_READER_H
#define FLOW_DATA_SHARED_READER_H

#include "data/reader.h"
#include "num/comm.h"

typedef struct flow_shared_reader {
    flow_reader *reader; /* borrowed */
    const flow_comm *comm;
    int64_t block_rows;
    bool is_dealt, at_end;
    int64_t n_rows;        /* of the whole table; where it is dealt, not known before the end */
    int64_t next;          /* where it is not dealt: the next block */
    flow_text_part *parts; /* (n_parts) of a text; `lines` and `rows` of all parts before it */
    int64_t n_parts;
    /* of rank 0, when it deals: blocks one after the other */
    double *rows;     /* (most_dealt block_rows, d) */
    int64_t *numbers; /* (most_dealt block_rows) */
    size_t *bytes;    /* (size) */
} flow_shared_reader;

/* The block of this rank. */
typedef struct flow_shared_block {
    flow_position at;
    size_t n;       /* 0: none */
    bool has_drops; /* not dealt, and a row was dropped: this block and those behind it do not count */
} flow_shared_block;

/* The reader is at the first row of the same file at all ranks, or else all get an error. Collective, and to be ended
 * by flow_shared_reader_free also after an error. */
flow_status flow_shared_reader_start(flow_shared_reader *out, flow_reader *reader, const flow_comm *comm,
                                     int64_t block_rows, flow_error *err);
/* Reads the block of this rank in the next round. Collective; a status is that of this rank alone. */
flow_status flow_shared_reader_next(flow_shared_reader *shared, flow_shared_block *out, double *rows, int64_t *numbers,
                                    flow_error *err);
/* From the block at this position on, rank 0 deals. */
flow_status flow_shared_reader_deal(flow_shared_reader *shared, const flow_position *at, flow_error *err);
void flow_shared_reader_free(flow_shared_reader *shared);

#endif
