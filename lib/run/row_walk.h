/* A walk over rows in batches: read, map, write, until the rows end, the caller stops it, or the reader of standard
 * output is gone.
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

#include <stddef.h>

#include "run/hooks.h"
#include "run/input.h"
#include "run/output.h"

/* Options of a command that reads or writes rows. */
typedef struct flow_row_options {
    const char *input;  /* location of the rows that are read; NULL: none are */
    const char *output; /* of the rows that are written; NULL: they are not */
    bool skip_invalid, as_float;
    flow_number_list missing; /* values that stand for a missing one; n 0: those of the model */
    flow_csv_format csv;      /* of the input */
    flow_output_sources sources; /* without `data`, which is the input */
    flow_run_hooks hooks;
} flow_row_options;

typedef struct flow_row_batch {
    size_t n;         /* rows */
    size_t first;     /* the first of them that is written: 0, but where a tile begins before the first row */
    double *in;       /* (n, n_in) rows that were read */
    int64_t *numbers; /* (n) their numbers in the data, counted from 0 */
    double *out;      /* (n, n_columns) rows to write */
    double *scratch;  /* (n, n_scratch) */
} flow_row_batch;

typedef struct flow_row_walk {
    void *context;
    const flow_row_options *options;
    const char *const *columns; /* (n_columns) of the output */
    size_t n_columns, n_in, n_scratch;
    size_t most_rows; /* of a batch: fewer than usual where each takes long; 0: as usual */
    flow_picture_options picture; /* how rows are shown, where the output is a PNG file */
    int64_t total;  /* rows that will be written; 0: not known */
    flow_input *in; /* where the rows are read from; NULL: what follows does it */
    /* Reads up to n_max rows into `in` and `numbers` of the batch, and sets n (0: the end) and first. */
    flow_status (*read)(void *context, flow_row_batch *batch, size_t n_max, flow_error *err);
    /* From `in` to `out`. */
    void (*map)(void *context, flow_row_batch *batch);
    /* After the last batch; when it fails, there is no output. May be NULL. */
    flow_status (*finish)(void *context, flow_error *err);
} flow_row_walk;

/* *closed: the reader of standard output is gone, and the walk ended early. FLOW_INTERRUPTED when the hook should_stop
 * says so, FLOW_EXISTS when the output must not be written. */
flow_status flow_walk_rows(const flow_row_walk *walk, bool *closed, flow_error *err);

/* What becomes of skipped rows, for flow_run_warn_skipped. */
const char *flow_skipped_effect(const flow_row_options *options);

/* Rows in a batch of `n_values` values each: enough for all threads, few enough to stay small in memory; a multiple of
 * FLOW_TILE. */
size_t flow_batch_rows(size_t n_values);

/* Whether standard output is a pipe or socket whose other end was closed. */
bool flow_output_is_closed(void);

#endif
