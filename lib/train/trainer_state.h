/* The inside of a trainer, shared by the files that implement trainer.h and by nobody else. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_TRAINER_STATE_H
#define FLOW_TRAIN_TRAINER_STATE_H

#include "core/clock.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/source.h"
#include "train/step.h"
#include "train/trainer.h"

/* Whole numbers of the state. */
typedef enum flow_counter {
    COUNT_EPOCHS,              /* done */
    COUNT_ROWS,                /* done in the running epoch */
    COUNT_STEPS,               /* since the start, dropped ones included: what the schedule goes by */
    COUNT_EPOCH_STEPS,         /* in the running epoch, dropped ones not included */
    COUNT_CLIPPED,             /* of these */
    COUNT_DROPPED,             /* in the running epoch */
    COUNT_DROPPED_IN_A_ROW,
    COUNT_BEST_EPOCH,          /* 0: none yet */
    COUNT_REFERENCE_EPOCH,     /* the last one that improved significantly; 0: none yet */
    COUNT_WAITED,              /* epochs since then */
    COUNT_TRAINING_ROWS,       /* what the run was started on */
    COUNT_TRAINING_CHECKSUM,
    COUNT_VALIDATION_ROWS,
    COUNT_VALIDATION_CHECKSUM,
    N_COUNTERS
} flow_counter;

/* Other numbers of the state. */
typedef enum flow_figure {
    FIGURE_SCORE,       /* sums over the running epoch, in the order of the rows */
    FIGURE_SCORED_WEIGHT,
    FIGURE_NORM,
    FIGURE_SECONDS,
    FIGURE_RATE,        /* of the last step */
    FIGURE_RATE_FACTOR, /* 1, or less after dropped steps */
    FIGURE_BEST,        /* highest held-out mean; -inf: none yet */
    N_FIGURES
} flow_figure;

/* Of a training with reflow. */
typedef enum flow_round_counter {
    ROUND,       /* the one at hand; 0 is that on data */
    ROUND_EPOCH, /* epochs done before it */
    ROUND_STEP,  /* steps done before it */
    N_ROUND_COUNTERS
} flow_round_counter;

enum { STATE_ARRAYS_MAX = 14 + FLOW_OPTIMIZER_ARRAYS };

struct flow_trainer {
    flow *f;
    flow_train_options options;
    uint64_t seed;
    int n_threads;
    int64_t batch;   /* rows of a full step */
    int64_t n_steps; /* of all epochs of the round at hand */
    bool ready;      /* started or restored */

    flow_objective objective;
    flow_source *source;
    flow_source *pairs; /* of the rounds of reflow; NULL without */
    bool has_pairs;     /* those of the round at hand are made */
    flow_optimizer *optimizer;
    flow_schedule *schedule;
    flow_step *step;

    real *weights, *best, *average; /* (n_weights); average: NULL without ema */
    real *gradient;                 /* (n_weights) */
    /* (n_fitted): the values of f are the current ones, which go with `weights`; these go with `best` and `average`.
     * NULL where training does not change them, and the average without ema. */
    double *best_fitted, *average_fitted;
    flow best_flow, average_flow; /* f with these; they borrow all the rest */
    real *teacher;                  /* (n_weights): they made the pairs of the round at hand; NULL without reflow */
    double *scores;                 /* (held-out rows): of the epoch at hand */
    double *reference;              /* (held-out rows): of the reference epoch */
    double *held_out_weights;       /* (held-out rows) */

    int64_t counters[N_COUNTERS];
    double figures[N_FIGURES];
    flow_nfe effort; /* of the running epoch's steps, dropped ones not included */
    int64_t round[N_ROUND_COUNTERS];
    flow_array arrays[STATE_ARRAYS_MAX];
    int n_arrays;

    double *history; /* (n_history, FLOW_EPOCH_COLUMNS) */
    int64_t n_history, history_capacity;
};

/* The weights that are evaluated and kept, and the flow with the fitted values that go with them. */
const real *flow_trainer_evaluated(const flow_trainer *trainer);
const flow *flow_trainer_evaluated_flow(const flow_trainer *trainer);

/* Goes back to the best weights and what belongs to them; the optimizer forgets its moments. */
void flow_trainer_go_back(flow_trainer *trainer);

/* ---- rounds, in reflow.c ---- */

flow_status flow_trainer_make_rounds(flow_trainer *trainer, flow_dataset *training, flow_error *err);
/* Where the rows of the round at hand come from; with whom go `batch` and `n_steps`, which set_span derives. */
flow_source *flow_trainer_serving(const flow_trainer *trainer);
void flow_trainer_set_span(flow_trainer *trainer);
bool flow_trainer_round_is_over(const flow_trainer *trainer);
bool flow_trainer_is_last_round(const flow_trainer *trainer);
/* Makes the pairs of the round at hand again, after a restart. */
flow_status flow_trainer_take_up_round(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err);
/* Makes the pairs of the next round with the best weights and begins it; an error leaves the state as it was. */
flow_status flow_trainer_next_round(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err);
/* What is wrong with the counters of the round, or NULL. */
const char *flow_trainer_check_round(const flow_trainer *trainer);

/* Makes room for one more line, and adds one. */
flow_status flow_trainer_reserve_history(flow_trainer *trainer, flow_error *err);
void flow_trainer_add_history(flow_trainer *trainer, const flow_epoch *epoch);

/* Fills trainer->arrays, once, when everything they point to exists. */
void flow_trainer_list_arrays(flow_trainer *trainer);

/* Runs from where the state stands to the end of the epoch's rows; FLOW_INTERRUPTED, FLOW_NUMERIC. */
typedef struct flow_run_clock {
    double began;      /* seconds */
    double mark;       /* up to here the time is in FIGURE_SECONDS */
    int64_t rows_done; /* by this run */
} flow_run_clock;

flow_status flow_trainer_run_epoch(flow_trainer *trainer, const flow_train_hooks *hooks, flow_run_clock *clock,
                                   flow_error *err);

#endif
