/* A walk over rows in batches: read, map, count, write, until the rows end, the caller stops it, or the reader of
 * standard output is gone.
 *
 * Row i of the output stands for row i of what is read. Under skip_invalid a row that is skipped is NaN in all columns
 * of the output, so that both stay lined up; where no row is left, that is an error.
 *
 * The location of the output is that of an option -o: "-" is CSV on standard output, NULL writes nothing. What must not
 * be replaced is not (run/output.h), another program that writes the file is waited for, and an HDF5 file keeps its
 * other tables.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ROW_WALK_H
#define FLOW_RUN_ROW_WALK_H

#include "run/row_types.h"

/* *closed: the reader of standard output is gone, and the walk ended early. FLOW_INTERRUPTED when the hook should_stop
 * says so, FLOW_EXISTS when the output must not be written. Collective; all ranks have the same status. */
flow_status flow_walk_rows(const flow_row_walk *walk, bool *closed, flow_error *err);

/* What becomes of skipped rows, for flow_run_warn_skipped. */
const char *flow_skipped_effect(const flow_row_options *options);

/* Rows in a batch of `n_values` values each: enough for all threads, few enough to stay small in memory; a multiple of
 * FLOW_TILE. */
size_t flow_batch_rows(size_t n_values);

#endif
