/* Maps rows of data to the latent space, or back, and checks the map. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INVERT_H
#define FLOW_RUN_INVERT_H

#include "run/row_walk.h"
#include "run/session.h"

typedef struct flow_run_invert_options {
    flow_row_options rows; /* and their images */
    flow_direction to;
    bool logdet;
} flow_run_invert_options;

/* Strings are borrowed from the session and the options. output: the file that was written; NULL: none. */
typedef struct flow_run_invert_result {
    const char *model, *data, *to, *output;
    int64_t rows, non_finite, skipped;
    double error;          /* largest round-trip error, in standard deviations of its column; of latents in those of
                              the base */
    double error_absolute; /* the same error in the units of that column */
    const char *column;    /* and the column */
    flow_solving solving;
    bool to_latent, closed; /* closed: the reader of standard output is gone */
} flow_run_invert_result;

/* Warns of rows that are not finite or do not come back. */
flow_status flow_run_invert(flow_run_invert_result *out, const flow_session *s, const flow_run_invert_options *options,
                            flow_error *err);

#endif
