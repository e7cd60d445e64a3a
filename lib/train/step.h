/* One batch: its score and the gradient of the loss, by tiles in parallel.
 *
 * A batch is cut into tiles of FLOW_TILE rows, always in the same way, and scores are added in the order of the tiles,
 * so that nothing depends on the number of threads. All memory is taken at the start.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_STEP_H
#define FLOW_TRAIN_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/nfe.h"
#include "num/profile.h"
#include "train/objective.h"

typedef struct flow_step flow_step;

/* For batches of up to n_max rows; the flow is borrowed, and so are the objective and the target (NULL for an objective
 * on data). */
flow_status flow_step_new(flow_step **out, const flow *f, const flow_objective *objective,
                          const flow_target *target, int64_t n_max, int n_threads, flow_error *err);
void flow_step_free(flow_step *step);

/* Rows of data, or draws from the base. */
typedef struct flow_batch {
    int64_t n;
    const double *rows; /* n rows, `stride` values apart: data, context, and the weight if there is one; NULL: draws */
    size_t stride;
    bool weighted;
    bool paired; /* behind the context of each row stand its latents, at the two ends of the blocks; no weights */
    uint64_t seed, first_row; /* of draws: a function of these, not of the batch */
    flow_profile *profile;    /* that the step enters its phases in; NULL: none */
    double share;             /* what a row of weight 1 counts in the mean */
    flow_mode mode;           /* FLOW_TRAINING in training: estimates and penalties (flow/block.h) */
    flow_noise noise;         /* that spreads discrete columns, and makes probes; its place is that of the first row */
} flow_batch;

/* The sum of the rows' weights; n when they have none. */
double flow_batch_weight(const flow_batch *batch, const flow *f);

/* gradient (n_weights) = that of share * sum of weight * (penalty - score). Returns the sum of weight * score; when it
 * is not finite the gradient is not written. The rows are borrowed until flow_step_diagnose is done with. */
double flow_step_gradient(flow_step *step, const real *weights, const flow_batch *batch, real *gradient);

/* What solving took for the scores of the last batch, without gradients; nothing for an objective that scores without
 * it. */
flow_nfe flow_step_nfe(const flow_step *step);

/* Lets the blocks that observe see the batch of the last flow_step_gradient, whose work areas are still there: writes
 * fitted (n_fitted), which may be those of the flow. `share` is the step as a part of a full one: that of a full
 * batch, at the full learning rate. Where K blocks observe each gets share / K: they all see a change that one of
 * them would be enough to answer. Nothing happens after an objective that did not take the batch to the latent end.
 * The same for any number of threads. */
void flow_step_batch_stats(flow_step *step, double share, double *fitted);

/* What made a step unusable. */
typedef struct flow_diagnosis {
    int64_t row;      /* of the batch; -1: cannot be told */
    char place[FLOW_DIAGNOSIS_SIZE]; /* the block or the weights where it shows, "2.maf", and why if that is known; ""
                                      when it cannot be told */
    bool in_gradient; /* the scores are finite, their gradient is not */
} flow_diagnosis;

/* Looks for the culprit in the batch that flow_step_gradient was called with last; its weights and rows are still
 * there. */
void flow_step_diagnose(flow_step *step, flow_diagnosis *out);

#endif
