/* Draws rows from a model and checks that they come back. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_SAMPLE_H
#define FLOW_RUN_SAMPLE_H

#include "run/row_walk.h"
#include "run/session.h"

typedef struct flow_run_sample_options {
    flow_row_options rows; /* input: the context of a conditional model; else NULL */
    int64_t n;             /* rows to draw; with a context, for each row of it */
    int64_t seed, first;
    int64_t limit; /* rows in all at most; -1: no limit */
    double temperature;
    bool logprob;
} flow_run_sample_options;

/* Strings are borrowed from the session and the options. output: the file that was written; NULL: none. */
typedef struct flow_run_sample_result {
    const char *model, *given, *output;
    int64_t rows, non_finite;
    int64_t skipped;   /* rows of the context, whose draws are NaN and are none of the non-finite ones */
    double round_trip; /* the largest error, in the unit of flow_session_round_trip_unit */
    int64_t steps, seed, first, rows_per_context;
    flow_solving solving;
    bool closed; /* the reader of standard output is gone */
} flow_run_sample_result;

/* Warns of rows that are not finite or do not come back. */
flow_status flow_run_sample(flow_run_sample_result *out, const flow_session *s, const flow_run_sample_options *options,
                            flow_error *err);

#endif
