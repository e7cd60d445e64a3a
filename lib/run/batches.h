/* A walk over rows in batches: read, map, write, until the rows end, the caller stops it, or the reader of standard
 * output is gone. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_BATCHES_H
#define FLOW_RUN_BATCHES_H

#include "run/hooks.h"
#include "run/sink.h"

typedef struct flow_batch {
    size_t n;         /* rows */
    size_t first;     /* the first of them that is written: 0, but where a tile begins before the first row */
    double *in;       /* (n, n_in) rows that were read */
    int64_t *numbers; /* (n) their numbers in the data, counted from 0 */
    double *out;      /* (n, n_out) rows to write */
    double *scratch;  /* (n, n_scratch) */
} flow_batch;

typedef struct flow_batches {
    void *context;
    size_t n_in, n_out, n_scratch; /* values for each row */
    int64_t total;                 /* rows that will be written; 0: not known */
    /* Reads up to n_max rows into `in` and `numbers`, and sets n (0: the end) and first. */
    flow_status (*read)(void *context, flow_batch *batch, size_t n_max, flow_error *err);
    /* From `in` to `out`. */
    void (*map)(void *context, flow_batch *batch);
} flow_batches;

/* FLOW_INTERRUPTED when hooks->should_stop says so. */
flow_status flow_batches_run(const flow_batches *walk, flow_sink *out, const flow_run_hooks *hooks, flow_error *err);

/* Rows in a batch of `n_values` values each: enough for all threads, few enough to stay small in memory; a multiple of
 * FLOW_TILE. */
size_t flow_batch_rows(size_t n_values);

#endif
