/* The inside of a trainer, for the files that implement it: trainer.c, trainer_weights.c, trainer_arrays.c, epoch.c,
 * epoch_end.c and reflow.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_TRAINER_STATE_H
#define FLOW_TRAIN_TRAINER_STATE_H

#include "core/arena.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/source.h"

/* The numbers of the state, declared once: members of a struct, and arrays of one element by the same name. */
#define FLOW_TRAINER_NUMBERS(INT, REAL)                                                                        \
    INT(epochs)              /* done */                                                                        \
    INT(rows)                /* done in the running epoch */                                                   \
    INT(steps)               /* since the start, with dropped ones; the schedule counts them */                \
    INT(epoch_steps)         /* in the running epoch, without dropped ones */                                  \
    INT(clipped)             /* of these */                                                                    \
    INT(dropped)             /* in the running epoch */                                                        \
    INT(dropped_in_a_row)                                                                                      \
    INT(best_epoch)          /* 0: none yet */                                                                 \
    INT(reference_epoch)     /* the last one that improved significantly; 0: none yet */                       \
    INT(waited)              /* epochs since then */                                                           \
    INT(training_rows)       /* what the run was started on */                                                 \
    INT(training_checksum)                                                                                     \
    INT(validation_rows)                                                                                       \
    INT(validation_checksum)                                                                                   \
    INT(round)               /* of reflow; 0 is the one on data */                                             \
    INT(round_epoch)         /* epochs done before the round */                                                \
    INT(round_step)          /* steps done before it */                                                        \
    REAL(score)              /* sums over the running epoch, in the order of the rows */                       \
    REAL(scored_weight)                                                                                        \
    REAL(norm)                                                                                                 \
    REAL(seconds)                                                                                              \
    REAL(rate)               /* learning rate of the last step */                                              \
    REAL(rate_factor)        /* 1, or less after dropped steps */                                              \
    REAL(best_score)         /* highest held-out mean; -inf: none yet */

#define FLOW_TRAINER_INT(name) int64_t name;
#define FLOW_TRAINER_REAL(name) double name;
typedef struct flow_trainer_numbers {
    FLOW_TRAINER_NUMBERS(FLOW_TRAINER_INT, FLOW_TRAINER_REAL)
} flow_trainer_numbers;
#undef FLOW_TRAINER_INT
#undef FLOW_TRAINER_REAL

enum { FLOW_TRAINER_ARRAYS_MAX = 48, FLOW_TRAINER_VECTORS_MAX = 6 };

typedef struct flow_trainer flow_trainer;

struct flow_trainer {
    flow *f;
    flow_train_options options;
    uint64_t seed;
    const flow_comm *comm; /* the ranks that share each batch */
    int n_threads;
    int64_t batch;   /* rows of a full step */
    int64_t n_steps; /* of all epochs of the current round */
    bool ready;      /* started or restored */

    flow_objective objective;
    flow_source *source;
    flow_source *pairs; /* of the rounds of reflow; NULL without */
    bool has_pairs;     /* those of the current round are made */
    flow_optimizer *optimizer;
    flow_schedule schedule;
    flow_step *step;

    flow_arena arena;               /* of the vectors below */
    real *weights, *best, *average; /* (n_weights); average: NULL without ema */
    real *gradient;                 /* (n_weights) */
    /* (n_fitted): the values of f are the current ones, which go with `weights`; these go with `best` and `average`.
     * NULL where training does not change them, and the average without ema. */
    double *best_fitted, *average_fitted;
    flow best_flow, average_flow; /* f with these; they borrow everything else */
    real *teacher;                /* (n_weights): they made the pairs of the current round; NULL without reflow */
    double *scores;               /* (held-out rows): of the last epoch */
    double *reference;            /* (held-out rows): of the reference epoch */
    double *held_out_weights;     /* (held-out rows) */

    flow_trainer_numbers now;
    flow_nfe nfe; /* of the running epoch's steps, without dropped ones */
    flow_history history;

    flow_array arrays[FLOW_TRAINER_ARRAYS_MAX]; /* (n_arrays): the state in a model file */
    int n_arrays;
    const real *vectors[FLOW_TRAINER_VECTORS_MAX]; /* those of them that go over the weights */
    int n_vectors;
};

/* ---- weights, in trainer_weights.c ---- */

flow_status flow_trainer_make_weights(flow_trainer *t, flow_error *err);
/* The weights that are evaluated and kept, and the flow with the fitted values that go with them. */
const real *flow_trainer_evaluated(const flow_trainer *t);
const flow *flow_trainer_evaluated_flow(const flow_trainer *t);
/* Makes weights, and the fitted values of `f`, the best ones. */
void flow_trainer_keep_best(flow_trainer *t, const flow *f, const real *weights);
/* Goes back to the best weights and their fitted values; the moments of the optimizer become zero. */
void flow_trainer_go_back(flow_trainer *t);

/* ---- rounds, in reflow.c ---- */

flow_status flow_trainer_make_rounds(flow_trainer *t, flow_dataset *training, flow_error *err);
/* The source of the current round's rows. `batch` and `n_steps` depend on it: flow_trainer_set_span computes them. */
flow_source *flow_trainer_serving(const flow_trainer *t);
void flow_trainer_set_span(flow_trainer *t);
/* At most, in all rounds. */
int64_t flow_trainer_n_epochs(const flow_trainer *t);
/* Whether training, or the round, stopped because `patience` ran out. */
bool flow_trainer_ran_out(const flow_trainer *t);
/* Before each epoch: begins the next round when one is over, and makes the pairs of the current one if there are none
 * (after a restart). *done: that was the last round. An error leaves the state as it was. */
flow_status flow_trainer_take_up_round(flow_trainer *t, bool *done, const flow_train_hooks *hooks, flow_error *err);
/* What is wrong with the counters of the round, or NULL. */
const char *flow_trainer_check_round(const flow_trainer *t);

/* ---- state, in trainer_arrays.c ---- */

/* All numbers as at the start. */
void flow_trainer_clear(flow_trainer *t);
/* Fills t->arrays, once, when everything they point to exists. */
void flow_trainer_list_arrays(flow_trainer *t);
/* Whether arrays that were filled are a state: FLOW_FORMAT, or FLOW_DATA when it belongs to other data. */
flow_status flow_trainer_check(const flow_trainer *t, flow_error *err);

/* ---- epochs, in epoch.c and epoch_end.c ---- */

typedef struct flow_run_clock {
    double began;      /* seconds */
    double mark;       /* the time up to here is in now.seconds */
    int64_t rows_done; /* by this run */
} flow_run_clock;

/* Steps from where the state stands to the end of the epoch's rows; FLOW_INTERRUPTED, FLOW_NUMERIC. */
flow_status flow_trainer_run_epoch(flow_trainer *t, const flow_train_hooks *hooks, flow_run_clock *clock,
                                   flow_error *err);
/* Evaluates the held-out rows, keeps the best weights, adds a record to the history. An error of the evaluation leaves
 * the state as it was. */
flow_status flow_trainer_end_epoch(flow_trainer *t, const flow_train_hooks *hooks, flow_run_clock *clock,
                                   flow_error *err);

#endif
