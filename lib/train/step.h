/* One batch: its score and the gradient of the loss, by tiles in parallel, shared among the ranks of a job.
 *
 * A batch is cut into groups of FLOW_GROUP rows, and these into tiles (flow.tile_rows), always in the same way.
 * Within a group scores and gradients are added in the order of the tiles; the sums of groups are added in a fixed
 * tree (num/tree_sum.h). Whole groups are the shares of ranks. So no result depends on the number of threads or
 * ranks. All memory is allocated by flow_step_new.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_STEP_H
#define FLOW_TRAIN_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/nfe.h"
#include "train/batch.h"
#include "train/objective.h"

typedef struct flow_step flow_step;

/* For batches of up to n_max rows; the flow is borrowed, and so are the objective, the target (NULL for an objective
 * on data) and `comm`, the ranks that share each batch. Of images the blocks may keep `memory` bytes for their
 * backwards: where they would keep more, they compute their maps again, which changes no bit. Tables take what they
 * need. */
flow_status flow_step_new(flow_step **out, const flow *f, const flow_objective *objective,
                          const flow_target *target, int64_t n_max, size_t memory, const flow_comm *comm, int n_threads,
                          flow_error *err);
void flow_step_free(flow_step *step);

/* gradient (n_weights) = that of share * sum of weight * (penalty - score). Returns the sum of weight * score; when it
 * is not finite the gradient is not written. The rows must stay valid as long as flow_step_diagnose may be called.
 * Collective, as are flow_step_batch_stats and flow_step_diagnose; all ranks have the same results. */
double flow_step_gradient(flow_step *step, const real *weights, const flow_batch *batch, real *gradient);

/* The sum of the weights of the last batch's rows; their number when they have none. */
double flow_step_weight(const flow_step *step);
/* Evaluations for the scores of the last batch, without gradients; 0 for an objective that solves no equation. */
flow_nfe flow_step_nfe(const flow_step *step);

/* Updates the fitted values that blocks take from batches (follow_batch in flow/block.h) from the batch of the last
 * flow_step_gradient, whose scratch is still valid: writes fitted (n_fitted), which may be that of the flow. `share`
 * is the step as a part of a full one: a full batch at the full learning rate. Each of K such blocks gets share / K,
 * because each would correct the whole of a change that all of them see. Nothing happens after an objective that did
 * not map the batch to the latents. The same for any number of threads. */
void flow_step_batch_stats(flow_step *step, double share, double *fitted);

/* The cause of a step that is not finite. */
typedef struct flow_diagnosis {
    int64_t row; /* of the batch; -1: not known */
    char place[FLOW_DIAGNOSIS_SIZE]; /* the block or the weights where it appears, "2.maf", with the reason if that is
                                        known; "" when nothing is known */
    bool in_gradient; /* the scores are finite, their gradient is not */
} flow_diagnosis;

/* Looks for it in the batch of the last flow_step_gradient, whose weights and rows are still valid. */
void flow_step_diagnose(flow_step *step, flow_diagnosis *out);

#endif
