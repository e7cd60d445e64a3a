/* What a walk over rows (run/row_walk.h) consists of: its options, a batch of rows, and the functions that map and
 * count them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ROW_TYPES_H
#define FLOW_RUN_ROW_TYPES_H

#include <stddef.h>

#include "num/comm.h"
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
    int64_t at;       /* rows of the walk before these; of no meaning where rows are read from a table */
    size_t n;         /* rows */
    size_t first;     /* the first of them that is written: 0, but where a tile begins before the first row */
    double *in;       /* (n, n_in) rows that were read */
    double *weights;  /* (n) the optional column of the input, 1 without one; for count alone */
    int64_t *numbers; /* (n) their numbers in the data, counted from 0; for count alone */
    double *out;      /* (n, n_columns) rows to write */
    double *told;     /* (n, n_told) what map says to count about each row, beside `out`, */
    double *facts;    /* (n_facts) and about all of them */
    double *scratch;  /* (n, n_scratch); of map alone */
} flow_row_batch;

/* Of several processes rank 0 counts, finishes and writes, and all map. Rank 0 reads, or each rank its rows. */
typedef struct flow_row_walk {
    void *context;
    const flow_comm *comm; /* the processes that share the rows (run/row_share.h); NULL: this one alone */
    const flow_row_options *options;
    const char *const *columns; /* (n_columns) of the output */
    size_t n_columns, n_in, n_told, n_facts, n_scratch;
    size_t most_rows; /* of a batch: fewer than usual where each takes long; 0: as usual */
    flow_picture_options picture; /* how rows are shown, where the output is a PNG file */
    int64_t total;  /* rows that will be written; 0: not known */
    flow_input *in; /* where the rows are read from; NULL: what follows does it */
    /* Reads up to n_max rows into `in` and `numbers` of the batch, and sets n (0: the end) and first. */
    flow_status (*read)(void *context, flow_row_batch *batch, size_t n_max, flow_error *err);
    /* When the first rows have been read, before they are mapped, at all ranks. May be NULL. Collective. */
    flow_status (*begin)(void *context, flow_error *err);
    /* From `in` to `out`, `told` and `facts`, each row for itself: what a row gives does not depend on its batch. */
    flow_status (*map)(void *context, flow_row_batch *batch, flow_error *err);
    /* Takes the rows into account, in their order; may change `out`. */
    void (*count)(void *context, flow_row_batch *batch);
    /* After the last batch; when it fails, there is no output. May be NULL. */
    flow_status (*finish)(void *context, flow_error *err);
} flow_row_walk;

#endif
