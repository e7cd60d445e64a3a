/* A table whose rows the ranks of a job share out: each reads rows of its own, which follow each other.
 *
 * Each row has a place, its number, whether it is valid or not. Where places are known without reading what is before
 * them, a rank goes to the first row of its part and reads on with the reader of the table, up to the end of the part.
 * What a process that runs alone would have learned on the way is told to rank 0: dropped rows, and remarks.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_ROW_PARTS_H
#define FLOW_DATA_ROW_PARTS_H

#include "data/table.h"
#include "num/comm.h"

typedef struct flow_row_parts flow_row_parts;

/* Whether the rows of this table may have known places, so that it is worth asking all ranks. */
bool flow_row_parts_fit(const flow_reader *reader);

/* The reader, which is borrowed, is at its first row at all ranks. *out is NULL where rows have no known places. The
 * lines of CSV are counted by all ranks together. Collective; all have the same status. */
flow_status flow_row_parts_find(flow_row_parts **out, flow_reader *reader, const flow_comm *comm, flow_error *err);
void flow_row_parts_free(flow_row_parts *parts);

/* The rows of the table, valid or not. */
int64_t flow_row_parts_rows(const flow_row_parts *parts);
/* Parts will have up to so many rows. FLOW_MEMORY. */
flow_status flow_row_parts_limit(flow_row_parts *parts, int64_t most_rows, flow_error *err);

/* Goes to row `first`. The reader then ends before row `end`, and may be read by flow_reader_read; a read of no rows is
 * not the end while flow_row_parts_go_on. flow_row_parts_end is needed also after an error, with its status, and gives
 * FLOW_DATA where the reader has ended too early. */
flow_status flow_row_parts_begin(flow_row_parts *parts, int64_t first, int64_t end, flow_error *err);
bool flow_row_parts_go_on(const flow_row_parts *parts);
flow_status flow_row_parts_end(flow_row_parts *parts, flow_status status, flow_error *err);

/* Tells the others that this rank has read n valid rows, or none because its part was empty. counts (size) receives the
 * numbers of all ranks. The reader of rank 0 counts the dropped rows of all parts and takes over remarks, unless `good`
 * is false at a rank, whose reading has failed. Collective; all have the same status. */
flow_status flow_row_parts_tell(flow_row_parts *parts, int64_t n, bool good, int64_t *counts, flow_error *err);

/* Goes behind the last row. */
flow_status flow_row_parts_finish(flow_row_parts *parts, flow_error *err);

#endif
