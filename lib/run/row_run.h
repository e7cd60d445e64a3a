/* A walk over rows at work: the batch that is read, and where the rows are written. Internal to lib/run/row_*.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ROW_RUN_H
#define FLOW_RUN_ROW_RUN_H

#include "data/writer.h"
#include "run/float_loss.h"
#include "run/row_types.h"

/* Starts from {.walk = ...}. */
typedef struct row_run {
    const flow_row_walk *walk;
    flow_writer *writer;       /* NULL: nothing is written */
    flow_float_column *floats; /* (n_columns) what single precision loses; NULL: all digits are written */
    double *skipped;           /* (n_skipped, n_columns) of NaN; NULL: every row of the input is in the output */
    size_t n_skipped;
    int64_t next; /* the row of the input that the next row of the output stands for */
    double began;
    flow_run_progress progress;
    bool closed; /* the reader of standard output is gone */
} row_run;

flow_status row_run_make(row_run *run, flow_error *err);
void row_run_release(row_run *run);

/* Returns the number of values that one row of the input has, the optional column included. */
size_t row_run_width(const flow_row_walk *walk);
/* Reads up to n_max rows, and takes the weights out of them. */
flow_status row_run_read(const row_run *run, flow_row_batch *batch, size_t n_max, flow_error *err);
/* Counts and writes rows that were mapped. */
flow_status row_run_take(row_run *run, flow_row_batch *batch, flow_error *err);
/* The end of the input: writes what is left. */
flow_status row_run_end(row_run *run, flow_error *err);
/* Ends the file. */
flow_status row_run_finish(row_run *run, flow_error *err);

#endif
