/* Trains the flow that a spec describes, and saves it as a model file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_H
#define FLOW_RUN_TRAIN_H

#include "num/profile.h"
#include "run/hooks.h"
#include "run/report.h"
#include "run/session.h"
#include "train/trainer.h"

/* What is known when training begins. Strings are borrowed for the call. */
typedef struct flow_train_start {
    const char *name, *row_name; /* of the model; "rows" or "draws" */
    int64_t rows, held_out;      /* of an epoch; held-out ones, 0: none */
    int64_t parameters, epochs;
    int dim, n_context, n_threads;
    const char *weight; /* the column of the rows' weights; NULL: none */
    double effective_rows;
    int64_t weightless; /* rows that were left out for a weight of 0 */
    bool draws;         /* trains on a density */
    bool has_loss;      /* scores are losses with the other sign */
    bool resumed;
    int64_t first_epoch; /* epochs that were done before */
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

typedef struct flow_held_out {
    flow_mean logprob;
    double effective_rows;
    bool any, is_weighted;
} flow_held_out;

typedef struct flow_train_density {
    int64_t draws;
    flow_mean bound, log_z;
    double effective, pareto_k;
    double effective_percent; /* of the draws */
    bool any, finite, unreliable;
} flow_train_density;

/* What a training came to; a model file stores it as its summary. */
typedef struct flow_train_summary {
    const char *status; /* "running", "finished", "converged", "interrupted", "failed" */
    int64_t epochs, best_epoch;
    double seconds; /* of all its runs */
    flow_held_out validation, test;
    flow_train_density density; /* of a training on a density */
    flow_solving solving;       /* in the best epoch */
} flow_train_summary;
extern const flow_field flow_train_summary_fields[];

/* From the summary of a model file; strings are borrowed from it. */
void flow_train_summary_read(flow_train_summary *out, const cJSON *summary);

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
