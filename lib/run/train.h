/* Trains the flow that a spec describes, and saves it as a model file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_H
#define FLOW_RUN_TRAIN_H

#include "num/profile.h"
#include "run/train_options.h"
#include "run/train_summary.h"

typedef struct flow_train_phase {
    const char *phase;
    double seconds;                       /* on the clock */
    double products, elementwise, waiting; /* summed over threads */
    bool parallel;                         /* false: the last three are not known */
} flow_train_phase;

/* flow_run_train_free. */
typedef struct flow_run_train_result {
    const char *model; /* the model file; NULL: training did not begin */
    flow_train_summary summary;
    int64_t rows, held_out, test_rows, parameters;
    const char *row_name;
    int columns, threads;
    bool resumed, converged, interrupted, has_best, has_profile;
    flow_train_phase phases[FLOW_PHASES];
    flow_list profile; /* of flow_train_phase */
    char *path;        /* owned */
} flow_run_train_result;

/* FLOW_INTERRUPTED when hooks.should_stop says so: the model is saved, and the result is there. */
flow_status flow_run_train(flow_run_train_result *out, const flow_run_train_options *options, flow_error *err);
void flow_run_train_free(flow_run_train_result *result);

#endif
