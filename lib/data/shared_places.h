/* Where the rows of a table are that the ranks of a job read together. Internal to lib/data.
 *
 * A row is found where its number is its position (HDF5, images), or in a text whose rows are lines (CSV without
 * compression, quotes and comments). Of a text the ranks first count the lines, each of its share of the bytes.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SHARED_PLACES_H
#define FLOW_DATA_SHARED_PLACES_H

#include "data/reader.h"
#include "num/comm.h"

typedef struct flow_shared_places {
    flow_reader *reader;   /* borrowed */
    int64_t n_rows;        /* of the whole table, valid or not; -1: rows cannot be found */
    flow_text_part *parts; /* (n_parts) of a text; `lines` and `rows` of all parts before it */
    int64_t n_parts;
} flow_shared_places;

/* The reader is at its first row, `start`. Collective; *out is the caller's also after an error. What a rank cannot
 * read of a text gives n_rows -1: rank 0 will read it, and then has the error. */
flow_status flow_shared_places_find(flow_shared_places *out, flow_reader *reader, const flow_position *start,
                                    const flow_comm *comm, flow_error *err);
void flow_shared_places_free(flow_shared_places *places);

/* Goes to a row (n_rows >= 0). */
flow_status flow_shared_places_seek(const flow_shared_places *places, int64_t row, flow_error *err);

#endif
