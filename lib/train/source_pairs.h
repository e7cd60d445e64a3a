/* Pairs of latents and data that a model made, as a source: for reflow.
 *
 * In reflow training goes on, in rounds, on pairs of latents and the data that the model of the round before maps them
 * to (Liu et al. 2023, "Flow straight and fast", algorithm 1). Paths between such partners do not cross, so a velocity
 * can follow them: the next model's velocity is straighter, and a solver needs fewer steps. Internal to the trainer.
 *
 * The pairs of a round are a function of the seed and the weights of the model that makes them, the teacher, which are
 * in the state: a resumed run makes the same pairs again.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_SOURCE_PAIRS_H
#define FLOW_TRAIN_SOURCE_PAIRS_H

#include "train/source.h"

/* How many pairs a round has: `pairs`; where that is 0, n_rows but at most a hundred thousand. */
int64_t flow_reflow_pairs(int64_t pairs, int64_t n_rows);

/* A source of n pairs, which flow_source_pairs_make fills. It has no held-out rows. Where the flow has context, the
 * pairs take that of the rows of `training`, which is not used otherwise. Everything is borrowed. */
flow_status flow_source_pairs(flow_source **out, const flow *f, flow_dataset *training, int64_t n, int64_t batch,
                              uint64_t seed, int n_threads, flow_error *err);

/* The pairs of round `round`, made with the teacher's weights. `epoch` is the first one of the round; the rows of the
 * context come in its order. */
typedef struct flow_pair_request {
    const real *weights;
    int64_t round, epoch;
} flow_pair_request;

/* Makes them. Latents for which the equation cannot be solved are replaced by others; *n_failed counts them.
 * FLOW_NUMERIC when it can be solved for none, FLOW_INTERRUPTED when should_stop of the hooks is true: then there are
 * no pairs. */
flow_status flow_source_pairs_make(flow_source *self, const flow_pair_request *request, int64_t *n_failed,
                                   const flow_train_hooks *hooks, flow_error *err);

#endif
