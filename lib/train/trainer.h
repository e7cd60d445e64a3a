/* Training: stochastic gradient steps on an objective, until the held-out likelihood stops improving.
 *
 * Everything is reproducible from the seed, for any number of threads: the order of the rows is a function of (seed,
 * epoch), a step's gradient does not depend on the threads (nn/tape.h), and all that a run knows is in its state, so
 * that a run that was stopped after any step and restored goes on bit for bit as if it had never stopped.
 *
 * The trainer sees no files: it reports through hooks, and its state is a list of named arrays for others to store.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_TRAINER_H
#define FLOW_TRAIN_TRAINER_H

#include "core/array.h"
#include "core/option.h"
#include "data/dataset.h"
#include "flow/nfe.h"
#include "num/profile.h"
#include "train/target.h"

/* The "train" object of a spec. `objective`, `optimizer` and `schedule` are read by the headers of
 * these names. */
typedef struct flow_train_options {
    flow_json objective;    /* {"type": "mle"} */
    flow_json optimizer;    /* {"type": "adam", "rate": 1e-3, ...} */
    flow_json schedule;     /* {"type": "cosine", "warmup": 500, ...} */
    int64_t batch, epochs;
    int64_t patience;       /* epochs without a significant improvement before training stops; 0: never */
    double min_improvement; /* what is significant, in standard errors of the paired difference of held-out log p (and
                               never less than a hundredth of the mean's own standard error) */
    double clip;            /* largest 2-norm of the gradient; 0: no clipping */
    double ema;             /* decay of the moving average of the weights, per step; 0: none */
} flow_train_options;

flow_status flow_train_options_read(flow_train_options *out, flow_json *train, flow_error *err);

/* Adds the definition "train" (and what it refers to) of the JSON Schema of a spec. */
void flow_train_schema(cJSON *definitions);

/* One line of the history. Log-likelihoods are means in nats per row, in the units of the data. */
typedef struct flow_epoch {
    int64_t epoch;           /* counted from 1 */
    double training;         /* mean score over the epoch's steps, with the weights as they were then: log-likelihood,
                                bound, or minus the loss of an objective that has one */
    double validation;       /* mean held-out log-likelihood of the (with ema: averaged) weights; NaN without */
    double validation_error; /* its standard error */
    double rate;             /* learning rate of the last step */
    double gradient_norm;    /* mean over the steps, before clipping */
    double clipped;          /* share of the steps that were clipped */
    double dropped;          /* steps dropped because something was not finite */
    double best;             /* 1 when these are the best weights so far, else 0 */
    double seconds;          /* training and evaluation of this epoch */
    double evaluations;      /* of right-hand sides per solve (flow/nfe.h), mean over the steps' rows; over the
                                held-out ones where the objective solves nothing; 0 without a block that solves */
    double most_evaluations; /* and of the row that needed the most */
} flow_epoch;

/* The history as a table: (n_epochs, FLOW_EPOCH_COLUMNS) doubles, columns named as above. The first programs wrote
 * FLOW_EPOCH_COLUMNS_OLD of them. */
enum {
    FLOW_EPOCH_VALIDATION = 2,
    FLOW_EPOCH_VALIDATION_ERROR,
    FLOW_EPOCH_SECONDS = 9,
    FLOW_EPOCH_COLUMNS_OLD,
    FLOW_EPOCH_EVALUATIONS = FLOW_EPOCH_COLUMNS_OLD,
    FLOW_EPOCH_MOST_EVALUATIONS,
    FLOW_EPOCH_COLUMNS
};
extern const char *const flow_epoch_columns[FLOW_EPOCH_COLUMNS];

typedef struct flow_progress {
    int64_t epoch, epochs;   /* the current one, from 1 */
    int64_t row, rows;       /* done in this epoch, and its length */
    double training;         /* mean score in this epoch so far */
    double rows_per_second;  /* over this run */
    double seconds_left;     /* if all epochs are needed; NaN while unknown */
    double evaluations;      /* per solve in this epoch so far; 0 when nothing is solved */
} flow_progress;

/* All may be NULL. */
typedef struct flow_train_hooks {
    void *context;
    /* After each epoch: the place to print and to save. An error from it ends the run. */
    flow_status (*on_epoch)(void *context, const flow_epoch *epoch, flow_error *err);
    /* After each step; must be quick. */
    void (*on_step)(void *context, const flow_progress *progress);
    /* Something the user should know: a dropped step and its culprit, a rate that was cut. */
    void (*on_warning)(void *context, const char *message);
    /* Asked after each step; true ends the run with FLOW_INTERRUPTED, the state as it is. */
    bool (*should_stop)(void *context);
    /* Where the time goes, added up here; must not be used elsewhere meanwhile. */
    flow_profile *profile;
} flow_train_hooks;

typedef struct flow_trainer flow_trainer;

/* `f`, the data and the options' JSON are borrowed for the trainer's life. `validation` may be NULL: then all epochs
 * are run and the best weights are the last ones (with ema: their average). FLOW_DATA when the columns do not match or
 * a column has no spread. */
flow_status flow_trainer_new(flow_trainer **out, flow *f, const flow_train_options *options, flow_dataset *training,
                             flow_dataset *validation, uint64_t seed, int n_threads, flow_error *err);
/* The same for an objective that draws: the rows are draws, "held out" is a fixed set of them. The target is
 * borrowed, too. FLOW_SPEC when the flow does not suit. */
flow_status flow_trainer_new_target(flow_trainer **out, flow *f, const flow_train_options *options,
                                    const flow_target *target, uint64_t seed, int n_threads, flow_error *err);
void flow_trainer_free(flow_trainer *trainer);

/* A fresh start: initial weights, data-dependent values. */
flow_status flow_trainer_start(flow_trainer *trainer, flow_error *err);

/* The state, to be stored or to be filled: arrays that point into the trainer, *arrays borrowed. Filling is possible
 * before flow_trainer_start; flow_trainer_restored then checks what was filled and takes it up. The fitted values of
 * the flow (f->params.fitted) belong to the model and are stored and filled apart from this, and before it: where a
 * block changes them in training the current ones, which are then not those of the model, are in the state too. */
void flow_trainer_state(flow_trainer *trainer, const flow_array **arrays, int *n_arrays);
flow_status flow_trainer_restored(flow_trainer *trainer, flow_error *err);

/* Runs to the end: FLOW_OK when all epochs are done or patience ran out, FLOW_INTERRUPTED when should_stop said so,
 * FLOW_NUMERIC when steps failed again and again (the best weights are intact). */
flow_status flow_trainer_run(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err);

/* The best weights so far (n_weights); borrowed, changes with each better epoch. */
const real *flow_trainer_best(const flow_trainer *trainer);
/* The flow with the fitted values that go with them; borrowed. It is `f` itself unless a block of it observes. */
const flow *flow_trainer_best_flow(const flow_trainer *trainer);
/* How many epochs there are at most: those of all rounds, where there is reflow. */
int64_t flow_trainer_epochs(const flow_trainer *trainer);
int64_t flow_trainer_best_epoch(const flow_trainer *trainer);
/* Whether a stop was due to patience. */
bool flow_trainer_converged(const flow_trainer *trainer);

/* The history so far, (n, FLOW_EPOCH_COLUMNS); borrowed. To restore it, flow_trainer_set_history before restored, with
 * a table (n, n_columns) whose columns are found by name; those that the first programs did not write may be missing,
 * and are NaN then. */
const double *flow_trainer_history(const flow_trainer *trainer, int64_t *n);
flow_status flow_trainer_set_history(flow_trainer *trainer, const char *const *columns, int n_columns,
                                     const double *history, int64_t n, flow_error *err);

/* Mean log-likelihood of a data set and its standard error, with `weights`. A row whose log-density is not finite makes
 * the mean -inf and the error NaN; it is counted, and the first one is named. */
typedef struct flow_likelihood {
    int64_t rows;
    double mean, error;       /* weighted, where rows have weights */
    double effective_rows;    /* (sum w)^2 / sum(w^2): rows when all weights are equal */
    int64_t not_finite;       /* rows whose log-density is not finite */
    int64_t first_not_finite; /* the number of the first of them in the file, counted from 0; -1: none */
    char why[FLOW_DIAGNOSIS_SIZE]; /* and where it became so, from flow_tile_diagnose; "": not known */
    flow_nfe effort;               /* what solving took for them */
} flow_likelihood;

flow_status flow_evaluate(flow_likelihood *out, const flow *f, const real *weights, flow_dataset *data, int n_threads,
                          flow_error *err);

#endif
