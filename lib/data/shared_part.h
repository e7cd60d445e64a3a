/* The part of a table that a rank of a job reads in a round: rows that follow each other, valid or not, at known places
 * (data/shared_places.h). Internal to lib/data.
 *
 * The valid rows are the caller's. Rank 0 receives the rows that were dropped, and counts them in their order, as one
 * process does.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SHARED_PART_H
#define FLOW_DATA_SHARED_PART_H

#include "data/shared_places.h"

/* What a rank says of its part. */
typedef struct flow_shared_count {
    int64_t n; /* valid rows */
    int64_t n_dropped, n_valued;
    int n_remarks; /* new ones of its reader */
    flow_status status;
} flow_shared_count;

typedef struct flow_shared_part {
    const flow_shared_places *places; /* borrowed; n_rows >= 0 */
    const flow_comm *comm;
    flow_shared_count *counts;              /* (size) of the round */
    flow_dropped_rows dropped, all_dropped; /* of this part; at rank 0, of those of all ranks */
    size_t numbers_room, values_room;       /* of all_dropped */
    size_t *sent, *got;                     /* (size) bytes of a message, while it is sent; also of the caller's */
    int n_remarks;                          /* of the reader, that are known */
} flow_shared_part;

/* A part has up to most_rows rows. *out is the caller's also after an error, FLOW_MEMORY. */
flow_status flow_shared_part_make(flow_shared_part *out, const flow_shared_places *places, const flow_comm *comm,
                                  int64_t most_rows, flow_error *err);
void flow_shared_part_free(flow_shared_part *part);

/* Goes to row `first` of the table. Until flow_shared_part_end, which is needed also after an error, the reader ends
 * before row `end`, and keeps what it drops. */
flow_status flow_shared_part_begin(flow_shared_part *part, int64_t first, int64_t end, flow_error *err);
/* Whether there may be more rows to read, or to drop. */
bool flow_shared_part_goes_on(const flow_shared_part *part);
/* `status`: of reading. FLOW_DATA where the reader has ended too early. */
flow_status flow_shared_part_end(flow_shared_part *part, flow_status status, flow_error *err);

/* Makes part->counts known, here with n valid rows and the status of reading them. Collective. */
void flow_shared_part_tell(flow_shared_part *part, int64_t n, flow_status status);
/* Counts the rows that were dropped at rank 0. Collective; all ranks have the same status, FLOW_MEMORY. */
flow_status flow_shared_part_count_dropped(flow_shared_part *part, flow_error *err);
/* Rank 0 has the remarks of the first rank that has new ones. Collective; a status is that of rank 0 alone. */
flow_status flow_shared_part_take_remarks(flow_shared_part *part, flow_error *err);

/* Rank 0 has the n new remarks of the reader of rank `from`. *n_known: remarks of the reader that are not new.
 * Collective; a status is that of rank 0 alone. */
flow_status flow_shared_take_remarks(flow_reader *reader, const flow_comm *comm, int from, int n, int *n_known,
                                     flow_error *err);

#endif
