/* Reflow: training goes on, in rounds, on pairs of latents and where the model of the round before takes them (Liu et
 * al. 2023, "Flow straight and fast", algorithm 1). Paths between such partners do not cross, so a velocity can follow
 * them: that of the next model is straighter, and costs a solver fewer steps. Internal to the trainer.
 *
 * The pairs of a round follow from the seed and the weights of the model that makes them, the teacher, which are in the
 * state: a resumed run makes the same ones again.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_REFLOW_H
#define FLOW_TRAIN_REFLOW_H

#include "train/source.h"

/* How many pairs a round has: what `pairs` says, or else n_rows, at most a hundred thousand. */
int64_t flow_reflow_pairs(int64_t pairs, int64_t n_rows);

/* A source of n pairs; flow_source_pairs_make fills it. It has no held-out rows, and fits and judges nothing. Where the
 * flow has context it is that of the rows of `training`, which is not looked at otherwise. All is borrowed. */
flow_status flow_source_pairs(flow_source **out, const flow *f, flow_dataset *training, int64_t n, int64_t batch,
                              uint64_t seed, int n_threads, flow_error *err);

/* What is to be made: the pairs of round `round`, with the teacher's weights. `epoch` is the first one of the round;
 * the rows of the context come in its order. */
typedef struct flow_pairs_plan {
    const real *weights;
    int64_t round, epoch;
} flow_pairs_plan;

/* Makes them. Latents for which the equation could not be solved are replaced by others, and *n_failed counts them.
 * FLOW_NUMERIC when that was so for all, FLOW_INTERRUPTED when the hooks' should_stop says so: then there are none. */
flow_status flow_source_pairs_make(flow_source *self, const flow_pairs_plan *plan, int64_t *n_failed,
                                   const flow_train_hooks *hooks, flow_error *err);

#endif
