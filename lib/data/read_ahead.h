/* The next group of a data set's rows, read by a thread of its own while the present one is served.
 *
 * There is a thread only while there is a group to read, and it has the table to itself meanwhile (see struct
 * flow_dataset). What it read, or the error it met, is handed over when that group is asked for: rows do not tell who
 * read them. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_READ_AHEAD_H
#define FLOW_DATA_READ_AHEAD_H

#include "data/dataset_rows.h"

typedef struct flow_read_ahead flow_read_ahead;

/* For a data set that is not held, with a pool of its own for n rows. */
flow_status flow_read_ahead_new(flow_read_ahead **out, flow_dataset *data, size_t n, flow_error *err);
/* Stops the thread. Accepts NULL. */
void flow_read_ahead_free(flow_read_ahead *ahead);

/* Begins to read a group. Nothing else is being read. Without a thread to be had nothing happens. */
void flow_read_ahead_start(flow_read_ahead *ahead, const flow_row_group *group);

/* Afterwards no thread is at work: it has finished when its group is one of the same order as this one, else it was
 * stopped, at the next block, and what it read is forgotten. */
void flow_read_ahead_settle(flow_read_ahead *ahead, const flow_row_group *group);

/* Settles, and when this very group was read, puts it into *pool in exchange for what is there (*taken), or returns the
 * error that reading it met. */
flow_status flow_read_ahead_take(flow_read_ahead *ahead, const flow_row_group *group, flow_pool *pool, bool *taken,
                                 flow_error *err);

#endif
