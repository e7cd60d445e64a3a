/* Training: stochastic gradient steps on an objective, until the held-out likelihood stops improving.
 *
 * A training is reproducible from the seed, for any number of threads and ranks: the order of the rows is a function of
 * (seed, epoch), and the gradient of a step does not depend on these (train/step.h). The ranks that share the data
 * (data/dataset.h) share each batch; each has all weights, and the same ones. All functions but flow_trainer_free and
 * those that only return something are then collective. The state of a trainer is complete: a
 * run that was stopped after any step and restored continues bit for bit as if it had never stopped.
 *
 * The trainer reads and writes no files: it reports through hooks, and its state is a list of named arrays that others
 * store.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_TRAINER_H
#define FLOW_TRAIN_TRAINER_H

#include "core/array.h"
#include "data/dataset.h"
#include "flow/flow.h"
#include "train/hooks.h"
#include "train/options.h"
#include "train/target.h"

typedef struct flow_trainer flow_trainer;

/* `f`, the data and the options of the objective are borrowed for the trainer's life. `validation` may be NULL: then
 * all epochs are run and the best weights are the last ones (with ema: their average). FLOW_DATA when the columns do
 * not match or a column has no spread, FLOW_SPEC when the objective cannot train this flow. */
flow_status flow_trainer_new(flow_trainer **out, flow *f, const flow_train_options *options, flow_dataset *training,
                             flow_dataset *validation, uint64_t seed, int n_threads, flow_error *err);
/* The same for an objective that draws: the rows are draws, and the held-out rows are a fixed set of them. The target
 * is borrowed, too. The ranks `comm` share the draws; NULL: this process alone. */
flow_status flow_trainer_new_target(flow_trainer **out, flow *f, const flow_train_options *options,
                                    const flow_target *target, uint64_t seed, const flow_comm *comm, int n_threads,
                                    flow_error *err);
void flow_trainer_free(flow_trainer *trainer);

/* A new start: initial weights, data-dependent values. */
flow_status flow_trainer_start(flow_trainer *trainer, flow_error *err);

/* The state, to be stored or to be filled: arrays that point into the trainer, *arrays borrowed. They can be filled
 * before flow_trainer_start; flow_trainer_restored then checks the values and continues from them. The fitted values of
 * the flow (f->params.fitted) belong to the model and are stored and filled apart from this, and before it: where a
 * block changes them in training, the current ones, which are then not those of the model, are in the state too. */
void flow_trainer_state(flow_trainer *trainer, const flow_array **arrays, int *n_arrays);
flow_status flow_trainer_restored(flow_trainer *trainer, flow_error *err);

/* Runs to the end: FLOW_OK when all epochs are done or patience ran out, FLOW_INTERRUPTED when should_stop was true,
 * FLOW_NUMERIC when steps failed again and again (the best weights are intact), or when there are held-out rows and
 * their mean was finite after no epoch. `hooks` may be NULL. */
flow_status flow_trainer_run(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err);

/* The best weights so far (n_weights); borrowed, changes with each better epoch. */
const real *flow_trainer_best(const flow_trainer *trainer);
/* The flow with the fitted values that go with them; borrowed. It is `f` itself unless a block of it observes. */
const flow *flow_trainer_best_flow(const flow_trainer *trainer);
int64_t flow_trainer_best_epoch(const flow_trainer *trainer);
/* The largest possible number of epochs: those of all rounds, where there is reflow. */
int64_t flow_trainer_epochs(const flow_trainer *trainer);
/* Whether training stopped because patience ran out. */
bool flow_trainer_converged(const flow_trainer *trainer);

/* The n epochs so far; borrowed. */
const flow_epoch *flow_trainer_history(const flow_trainer *trainer, int64_t *n);
/* Restores it from a table, as flow_history_fill does; to be called before flow_trainer_restored. */
flow_status flow_trainer_set_history(flow_trainer *trainer, const char *const *columns, int n_columns,
                                     const double *table, int64_t n, flow_error *err);

#endif
