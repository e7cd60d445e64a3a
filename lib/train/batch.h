/* A batch of rows for a training step, and the rows of it that each rank of a job has. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_BATCH_H
#define FLOW_TRAIN_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/flow.h"
#include "num/comm.h"
#include "num/profile.h"

enum { FLOW_GROUP = 512 }; /* rows, a multiple of every flow.tile_rows: a power of two times it */

typedef struct flow_row_range {
    int64_t first, n;
} flow_row_range;

/* The first row of a batch of n rows that a rank has; for the rank behind the last one, n. */
int64_t flow_batch_first(const flow_comm *comm, int64_t n, int rank);
/* The rows that this process has. */
flow_row_range flow_batch_share(const flow_comm *comm, int64_t n);

/* Rows of data, or draws from the base. */
typedef struct flow_batch {
    int64_t n;          /* at all ranks */
    const double *rows; /* those of this process, `stride` values apart: data, context, and the weight if there is one;
                           NULL: draws */
    size_t stride;
    bool weighted;
    const bool *left_out; /* rows that count for nothing, and have values like the others, of those of this process;
                             NULL: there are none */
    bool paired; /* a row is data, context and latents, the two ends of the blocks; no weights */
    uint64_t seed, first_row; /* of draws, which are a function of these and not of the batch */
    flow_profile *profile;    /* receives the phases of the step; NULL: none */
    double share;             /* weight of a row of weight 1 in the mean */
    flow_mode mode;           /* FLOW_TRAINING in training: estimates and penalties (flow/block.h) */
    flow_noise noise;         /* for discrete columns and probes; its place is that of the first row */
} flow_batch;

/* The weight of row `row` of this process. */
double flow_batch_row_weight(const flow_batch *batch, const flow *f, int64_t row);

#endif
