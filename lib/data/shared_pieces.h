/* Blocks of valid rows of a table in which rows are dropped, read by the ranks of a job together. Internal to lib/data.
 *
 * Where a block begins depends on all rows before it, so no rank can go there. In each round the ranks read pieces of
 * the table that follow each other, valid rows and others, which have known places. The valid rows of all pieces are
 * then cut into blocks, and each rank is sent what it lacks of its own. Rows behind the last block wait at rank 0 for
 * the next round.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SHARED_PIECES_H
#define FLOW_DATA_SHARED_PIECES_H

#include "data/shared_part.h"

typedef struct flow_shared_pieces {
    flow_shared_part part; /* of the round; at rank 0, part.counts has the rows that waited, too */
    const flow_comm *comm;
    int64_t block_rows;
    int64_t next;   /* the first row of the next pieces */
    int64_t at;     /* the row behind the last block, valid or not */
    int64_t n_rest; /* rows that wait at rank 0 */
    bool at_end;
    int64_t *ends;    /* (size) the number of a row that ends a block, in the piece of each rank; -1: none */
    double *rows;     /* (block_rows, d), twice as many at rank 0: the valid rows of the piece */
    int64_t *numbers;
} flow_shared_pieces;

/* A block of a rank. */
typedef struct flow_shared_block {
    flow_position at;
    size_t n; /* valid rows; 0: no block */
} flow_shared_block;

/* Room of this rank; *out is the caller's also after an error, FLOW_MEMORY. */
flow_status flow_shared_pieces_make(flow_shared_pieces *out, const flow_shared_places *places, const flow_comm *comm,
                                    int64_t block_rows, flow_error *err);
void flow_shared_pieces_free(flow_shared_pieces *pieces);

/* Reads the block of this rank in the next round. Collective; a status is that of this rank alone. *refused, at all
 * ranks: there is an error in the data, which one process would find in the rows from pieces->at on; nothing was read
 * then. */
flow_status flow_shared_pieces_next(flow_shared_pieces *pieces, flow_shared_block *out, double *rows, int64_t *numbers,
                                    bool *refused, flow_error *err);

#endif
