/* Several models on the same rows: their log-likelihoods, and the differences row by row.
 *
 * All models see the same rows, and a difference is the mean of the differences of single rows: what makes a row likely
 * or unlikely under every model is in neither (decision 54). Rows to which a model gives no finite log-density are
 * counted for that model and left out of all means, so that these stay means over the same rows.
 *
 * Nothing is kept of a row, so that there may be any number of them: sums are updated for each pair of models.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_COMPARE_H
#define FLOW_RUN_COMPARE_H

#include "run/bits.h"
#include "run/row_walk.h"
#include "run/session.h"

enum { FLOW_COMPARE_MOST = 81 };

typedef struct flow_run_compare_options {
    flow_row_options rows;     /* input NULL: the test data that the models name. output: the log-densities of each row,
                                  a column for each model */
    const char *const *models; /* (n_models) files or specs, 1 to FLOW_COMPARE_MOST; 1 is refused */
    int n_models;
    const char *to;            /* compare with this one of the models; NULL: with the best one */
    const char *weight;        /* the column of the rows' weights; NULL: that of the models, where the data have it */
    double level;              /* of the tests of all differences together */
    flow_session_options session;
} flow_run_compare_options;

/* Strings are borrowed from the options or the program. */
typedef struct flow_compared_model {
    int64_t rank; /* from 1, by the mean */
    const char *model;
    flow_mean logprob;    /* over the rows that are possible in all models */
    flow_bits bits;
    flow_mean difference; /* of this model minus the reference; NaN: it is the reference, or cannot be compared */
    double p;             /* of a difference as large by chance, corrected for the number of models */
    const char *verdict;  /* "best", "reference", "better", "worse", "not resolved", "not comparable" */
    int64_t impossible, first_impossible; /* rows with the density 0, and the first of them, counted from 1 */
    int64_t failed, first_failed;         /* likewise rows whose log-density is no number */
    int64_t members;                      /* 1, but for an ensemble */
    int64_t parameters, epochs;
    double training_seconds;              /* of all members; NaN: not known */
    double row_seconds;                   /* of one processor, to evaluate a row */
    int64_t bytes;
    char size[24], row_time[24];          /* the same, for people */
    bool has_impossible, has_failed, has_bits; /* of any model */
} flow_compared_model;

extern const flow_report_field flow_compared_model_fields[];

/* flow_run_compare_free. */
typedef struct flow_run_compare_result {
    const char *data, *output;
    const char *named_by;     /* "the models name these as their test data"; NULL: the data were given */
    const char *reference;    /* the model that the others are compared with */
    const char *weight;       /* the column of the weights; NULL: all rows count the same */
    int64_t rows, compared;   /* all, and those that are possible in all models */
    int64_t left_out;         /* the rest */
    double effective_rows;    /* of those compared */
    int64_t skipped;
    double level;
    int64_t threads;
    flow_list models;         /* of flow_compared_model, the best one first */
    char *verdict;            /* a sentence or two about the differences that matter */
    char *owned_data, *owned_weight; /* what `data` and `weight` may point to */
    bool closed;              /* the reader of standard output is gone */
} flow_run_compare_result;

/* FLOW_ARGUMENT for models of other columns, other context or other units of images, and for a `to` that is none of the
 * models; FLOW_DATA when no row is possible in all models. Warns of densities that cannot be compared, of data that a
 * model was trained on, and of impossible rows. */
flow_status flow_run_compare(flow_run_compare_result *out, const flow_run_compare_options *options, flow_error *err);
void flow_run_compare_free(flow_run_compare_result *result);

#endif
