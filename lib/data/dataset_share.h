/* A data set whose rows the ranks of a job share. Internal to lib/data.
 *
 * Of rows that are held, runs of FLOW_SHARE_RUN in the order of the file belong to one rank after the other. Of rows
 * that are not held, the blocks of a group do, and each rank reads its own again. When rows are served, each rank sends
 * the others what these are to get of its own.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_SHARE_H
#define FLOW_DATA_DATASET_SHARE_H

#include "data/dataset_rows.h"

enum { FLOW_SHARE_RUN = 64 };

/* The rank that holds row `row` of all held rows, and the end of the run that the row is in. */
static inline int flow_share_holder(const flow_comm *comm, int64_t row)
{
    return (int)(row / FLOW_SHARE_RUN % flow_comm_size(comm));
}

static inline int64_t flow_share_run_end(int64_t row)
{
    return (row / FLOW_SHARE_RUN + 1) * FLOW_SHARE_RUN;
}

/* FLOW_ARGUMENT when the table cannot be opened by several processes: standard input, a pipe. */
flow_status flow_share_check(const flow_comm *comm, const char *location, flow_error *err);

/* Room for messages: data->sharing, which is NULL in a process that runs alone. */
flow_status flow_share_new(flow_row_store *data, flow_error *err);
void flow_share_free(struct flow_row_share *share);
/* Room for two numbers of each rank. */
int64_t *flow_share_room(struct flow_row_share *share);

/* Rows `from` to `from` + n of the pool, in the order of serving: rank r gets those from first[r] to last[r] of
 * these, as they are packed, and their numbers. Ranks may get the same rows. The arrays are valid until the next
 * call. Collective. FLOW_MEMORY on this rank alone. */
flow_status flow_share_serve(flow_row_store *data, int64_t from, const int64_t *first, const int64_t *last,
                             const char **rows, const int64_t **numbers, flow_error *err);

/* Rows list[0 ... n - 1] of the pool, in this order, for all ranks, as they are packed. Otherwise the same. */
flow_status flow_share_fetch(flow_row_store *data, const int64_t *list, int64_t n, const char **rows, flow_error *err);

#endif
