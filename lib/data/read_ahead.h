/* The next group of a data set's rows, read by a thread while the present group is served. The thread exists only while
 * it reads, and it alone uses the table meanwhile (see struct flow_dataset). Rows and errors of a group are handed over
 * when that group is due, so that they are the same with and without reading ahead. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_READ_AHEAD_H
#define FLOW_DATA_READ_AHEAD_H

#include "data/dataset_rows.h"

typedef struct flow_read_ahead flow_read_ahead;

/* For a data set that is not held, with a pool of its own. */
flow_status flow_read_ahead_new(flow_read_ahead **out, flow_row_store *data, flow_error *err);
/* Stops the thread. Accepts NULL. */
void flow_read_ahead_free(flow_read_ahead *ahead);

/* Starts to read a group. No other group may be in progress. If no thread can be started, nothing happens. */
void flow_read_ahead_start(flow_read_ahead *ahead, const flow_row_group *group);

/* Ends the thread. A group of the same order as `group` is read to its end; any other is stopped at the next block and
 * dropped. */
void flow_read_ahead_settle(flow_read_ahead *ahead, const flow_row_group *group);

/* Settles. If this group was read, exchanges its rows with those of *pool and sets *taken, or returns the error of
 * reading it. */
flow_status flow_read_ahead_take(flow_read_ahead *ahead, const flow_row_group *group, flow_pool *pool, bool *taken,
                                 flow_error *err);

#endif
