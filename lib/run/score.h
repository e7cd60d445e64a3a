/* How unusual rows are for a model: the share of the model's own draws that are as likely or less.
 *
 * With N draws, of which n are as likely as the row or less, the score of the row is (1 + n) / (N + 1): never 0, and
 * for rows that come from the model a p-value, at most u with the probability u or less (Davison and Hinkley 1997, sec.
 * 4.2). Small scores are anomalies. The draws of a conditional model have the context of the row.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_SCORE_H
#define FLOW_RUN_SCORE_H

#include "run/row_walk.h"
#include "run/session.h"

/* Draws by default: of a table, and of images and for each row of a conditional model, which take long; scores are then
 * multiples of 1e-5 and 0.001. */
enum { FLOW_SCORE_DRAWS = 99999, FLOW_SCORE_DRAWS_FEW = 999, FLOW_SCORE_TOP_MAX = 100000 };

typedef struct flow_run_score_options {
    flow_row_options rows; /* and their scores */
    const char *given;     /* values of the context for all rows; NULL: the data have them */
    const char *weight;    /* as in flow_run_logprob_options */
    int64_t draws;         /* 0: by default */
    int64_t seed;
    int64_t top;  /* how many of the rows with the smallest scores to name; up to FLOW_SCORE_TOP_MAX */
    double level; /* of the false discovery rate */
    bool tail;    /* rows less likely than nearly all draws get a probability from a fit to the tail, too */
} flow_run_score_options;

typedef struct flow_scored_row {
    int64_t row; /* counted from 1 */
    double score, tail, logprob;
    bool has_tail;
} flow_scored_row;

/* Strings are borrowed from the session and the options. output: the file that was written; NULL: none. */
typedef struct flow_run_score_result {
    const char *model, *data, *given, *output, *weight;
    int64_t rows, scored; /* rows whose log-density is no number have no score */
    int64_t skipped;
    int64_t draws;
    bool is_conditional; /* so many draws for each row */
    double resolution;   /* the smallest score, and the step between scores */
    flow_mean score;     /* their mean, which is near 1/2 for rows of the model; weighted, as the next one */
    flow_mean share;     /* of rows with a score of 0.01 or less, */
    double share_by_chance; /* and what it is by chance */
    int64_t unusual;     /* the number of these rows, */
    double unusual_by_chance; /* and how many there are by chance */
    double level;
    int64_t found;       /* rows that stand out at this rate of false discoveries (Benjamini and Hochberg 1995) */
    int64_t found_by_tail; /* the same by the fit of the tail */
    double largest_found;  /* the largest score of these; NaN: there are none */
    bool has_tail, is_weighted;
    bool too_coarse;     /* the smallest score is too large for one row among so many to stand out */
    flow_list top;       /* of flow_scored_row, the smallest score first; the result's (flow_run_score_free) */
    flow_solving solving; /* of the rows; not of the draws */
    bool closed;         /* the reader of standard output is gone */
} flow_run_score_result;

/* FLOW_ARGUMENT for a context that does not fit the model, and for a tail with too few draws; FLOW_DATA when there are
 * no rows. Warns of rows without a score and of draws without a number. */
flow_status flow_run_score(flow_run_score_result *out, const flow_session *s, const flow_run_score_options *options,
                           flow_error *err);
void flow_run_score_free(flow_run_score_result *result);

#endif
