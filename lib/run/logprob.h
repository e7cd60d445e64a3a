/* The log-densities of rows, and their mean. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_LOGPROB_H
#define FLOW_RUN_LOGPROB_H

#include "run/bits.h"
#include "run/row_walk.h"
#include "run/session.h"

enum { FLOW_LOGPROB_WORST_MAX = 1000 };

typedef struct flow_run_logprob_options {
    flow_row_options rows; /* and their log-densities */
    const char *given;     /* values of the context for all rows, "label=7"; NULL: the data have them */
    const char *weight;    /* the column of their weights; NULL: that of the model, where the data have it */
    int64_t worst;         /* how many of the least likely rows to name; up to FLOW_LOGPROB_WORST_MAX */
    const char *picture;   /* a PNG file that shows them, where rows are images; NULL: none */
} flow_run_logprob_options;

typedef struct flow_logprob_row {
    int64_t row; /* counted from 1 */
    double logprob, bits_per_dimension;
    bool counts_bits; /* of an image of discrete values */
} flow_logprob_row;

/* Strings are borrowed from the session and the options. output: the file that was written; NULL: none. Means are
 * weighted, over the rows whose log-density is finite. */
typedef struct flow_run_logprob_result {
    const char *model, *data, *given, *output;
    int64_t rows, finite;
    int64_t non_finite; /* all others, */
    int64_t outside;    /* those outside of the support among them, */
    int64_t odd;        /* and the rest */
    flow_mean logprob;
    double bits_per_dimension;
    flow_bits bits;         /* the same with its standard error, of images of discrete values */
    double estimator_error; /* the part of the standard error that estimates of the rows' log-densities have in it */
    const char *picture;    /* the file that shows the least likely rows; NULL: none */
    const char *weight;     /* the column of the weights; NULL: all rows count the same */
    double effective_rows;
    int discrete_columns, spiked_columns; /* where there are any, the mean is a lower bound */
    int64_t skipped;
    flow_solving solving;
    flow_list worst; /* of flow_logprob_row, ascending */
    flow_logprob_row rows_worst[FLOW_LOGPROB_WORST_MAX];
    bool estimates; /* log-densities are estimates themselves */
    bool has_support, has_discrete, all_discrete;
    bool closed;   /* the reader of standard output is gone */
} flow_run_logprob_result;

/* FLOW_ARGUMENT for a picture of rows that are no images, or a context that does not fit the model; FLOW_DATA when
 * there are no rows, or their weights have no positive sum. Warns of rows that have no finite log-density. */
flow_status flow_run_logprob(flow_run_logprob_result *out, const flow_session *s,
                             const flow_run_logprob_options *options, flow_error *err);

#endif
