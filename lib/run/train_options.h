/* Options and hooks of a training. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_OPTIONS_H
#define FLOW_RUN_TRAIN_OPTIONS_H

#include "run/experiment_data.h"

/* What is known when training begins; `x` is borrowed for the call. */
typedef struct flow_train_start {
    const flow_experiment *x;
    int64_t epochs;
    int64_t first_epoch; /* epochs that were done before */
    int n_threads;
    bool resumed;
} flow_train_start;

typedef struct flow_run_train_options {
    const char *spec;
    const char *const *overrides; /* (n_overrides): KEY=VALUE, as in flow_spec_read */
    int n_overrides;
    const char *output;    /* the model file; NULL: that of the spec */
    bool resume, force;    /* a model file that exists: go on with it, replace it; else it is an error */
    bool profile;          /* measure where the time goes */
    int64_t n_threads;     /* 0: all processors */
    int argc;              /* the command line, for provenance; 0: none */
    char *const *argv;
    flow_run_hooks hooks;
    /* All may be NULL. */
    void *context; /* of these */
    void (*on_start)(void *context, const flow_train_start *start);
    void (*on_step)(void *context, const flow_progress *progress);
    void (*on_epoch)(void *context, const flow_epoch *epoch);
} flow_run_train_options;

#endif
