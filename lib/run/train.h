/* Trains the flow that a spec describes, and saves it as a model file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_H
#define FLOW_RUN_TRAIN_H

#include "num/profile.h"
#include "run/experiment.h"
#include "run/train_summary.h"

typedef struct flow_train_phase {
    const char *phase;
    double seconds;                       /* on the clock */
    double products, elementwise, waiting; /* summed over threads */
    bool parallel;                         /* false: the last three are not known */
} flow_train_phase;

/* The log-densities of held-out rows with the best weights, in the order of the file. */
typedef struct flow_row_scores {
    int64_t n;
    double *logprob, *weight; /* (n); NULL: they were not requested, or there are no such rows */
} flow_row_scores;

/* flow_run_train_free. */
typedef struct flow_run_train_result {
    char *model; /* the model file; NULL: training did not begin, or failed */
    flow_experiment x;
    int64_t epochs, first_epoch; /* in all, and those that were done before */
    int64_t parameters;
    bool resumed;
    /* At the end. */
    flow_train_summary summary;
    bool converged, interrupted;
    flow_row_scores validation, test; /* with keep_scores; those of the test as summary.test */
    flow_train_phase phases[FLOW_PHASES];
    flow_list profile; /* of flow_train_phase */
} flow_run_train_result;

typedef struct flow_run_train_options {
    const char *spec;
    const char *const *overrides; /* (n_overrides): KEY=VALUE, as in flow_spec_read */
    int n_overrides;
    const char *output;    /* the model file; NULL: that of the spec */
    bool resume, force;    /* a model file that exists: go on with it, replace it; else it is an error */
    bool profile;          /* measure where the time goes */
    int64_t pause_after;   /* the training stops behind so many epochs, unless they are all of them, as if it was
                              interrupted; one that is there already takes no step. 0: it does not stop */
    bool evaluate;         /* no step is taken: the test data are evaluated with the best weights, and that is all */
    bool without_test;     /* test data are neither opened nor evaluated */
    bool keep_scores;      /* of the rows of validation and test data, in the result */
    const flow_comm *comm; /* the ranks that train together, all with these options; NULL: this process alone. Rank 0
                              writes the model */
    int64_t n_threads;     /* 0: all processors */
    bool has_math;         /* the arithmetic of products, the choice of the calling thread (num/math_mode.h), was asked
                              for; else a training that is resumed goes on in the one that it began with */
    int argc;              /* the command line, for provenance; 0: none */
    char *const *argv;
    flow_run_hooks hooks;
    /* All may be NULL. */
    void *context; /* of these */
    /* With what is known when training begins. */
    void (*on_start)(void *context, const flow_run_train_result *start);
    void (*on_step)(void *context, const flow_progress *progress);
    void (*on_epoch)(void *context, const flow_epoch *epoch);
} flow_run_train_options;

/* FLOW_INTERRUPTED when hooks.should_stop says so: the model is saved, and the result is there. */
flow_status flow_run_train(flow_run_train_result *out, const flow_run_train_options *options, flow_error *err);
void flow_run_train_free(flow_run_train_result *result);

#endif
