/* What a training came to. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_SUMMARY_H
#define FLOW_RUN_TRAIN_SUMMARY_H

#include "run/bits.h"
#include "run/session.h"

typedef struct flow_held_out {
    flow_mean logprob;
    flow_bits bits;
    double effective_rows;
    int64_t rows; /* of the data; 0: they are draws, or not known */
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
    bool any;                   /* of a model file: it has a summary */
} flow_train_summary;
extern const flow_report_field flow_train_summary_fields[];

/* From the summary of a model file; strings are borrowed from it. */
void flow_train_summary_read(flow_train_summary *out, const cJSON *summary);
/* Fills what follows from the other members. */
void flow_train_summary_complete(flow_train_summary *summary);

#endif
