/* Whether the density of a model is right: held-out rows against the model's own draws and its base.
 *
 * Every test has a p-value that is uniform, or larger than that, where the rows are draws of the model. Tests come in
 * parts (columns, coverage, ...); the parts share one level, and the tests of a part share that of the part, so that
 * the verdict rejects the truth with at most the probability `level`, however many columns there are.
 *
 * How large a difference is, is said by its share: the probability that a model must move for the test to find nothing.
 * Each is a lower bound of the total variation distance between the model and the rows.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_DIAGNOSE_H
#define FLOW_RUN_DIAGNOSE_H

#include "core/arena.h"
#include "run/row_walk.h"
#include "run/session.h"

/* A share of the probability that is small. */
#define FLOW_DIAGNOSE_SMALL 0.05

typedef enum flow_diagnose_grade {
    FLOW_DIAGNOSE_FINE, /* no difference was found */
    FLOW_DIAGNOSE_SMALL_DIFFERENCES,
    FLOW_DIAGNOSE_WRONG
} flow_diagnose_grade;

/* The JSON names of the grades. */
extern const char *const flow_diagnose_grade_names[];

enum { FLOW_DIAGNOSE_ROWS_LEAST = 50 };

typedef struct flow_run_diagnose_options {
    flow_row_options rows; /* the held-out ones; without an input those of the test or validation of the model */
    const char *train;     /* the training data; NULL: those that the model names, if they can be read */
    const char *plot;   /* a report, FILE.pdf; NULL: none */
    const char *weight;    /* a column; NULL: that of the model, where the data have it */
    int64_t most;          /* rows to use, chosen by the seed; 0: as many as are quick */
    int64_t seed;
    double level;
} flow_run_diagnose_options;

/* A part of the tests. */
typedef struct flow_diagnose_section {
    const char *name, *about;
    int64_t tests;
    double p;            /* of the part among all parts: at most the level where it rejects */
    double p_alone;      /* of its tests together, without the other parts */
    double share;        /* of the worst test; NaN where none rejects */
    const char *where;   /* and what it is about; NULL where none rejects */
    const char *outcome; /* "differs"; NULL: fine */
} flow_diagnose_section;

/* A test that rejects, in words. */
typedef struct flow_diagnose_failure {
    const char *test, *where; /* the name of the part; a column, or two, or NULL */
    double p, share;
    const char *found, *remedy; /* sentences */
} flow_diagnose_failure;

/* The region of the highest densities that holds the probability `level`. */
typedef struct flow_diagnose_coverage {
    double level, observed, error; /* the share of the rows in it, and the standard error where the model is right */
} flow_diagnose_coverage;

typedef struct flow_diagnose_remark {
    const char *text;
} flow_diagnose_remark;

/* Texts belong to the result, or are borrowed from the session and the options. */
typedef struct flow_run_diagnose_result {
    const char *model, *data;
    const char *held_out; /* "test", "validation": rows of the training, as no data were named; NULL: they were */
    const char *verdict;  /* a sentence */
    const char *grade;
    flow_diagnose_grade grade_code;
    bool rejected;
    double p, level;
    double share;  /* the largest one among the tests that reject */
    double unseen; /* a share below which a difference of a column may be missed with so many rows */
    int64_t rows, all_rows, draws, per_row, seed, tests;
    const char *weight;
    double effective_rows;
    flow_mean logprob, draws_logprob;
    flow_mean train_logprob; /* NaN: not known */
    const char *plot;        /* the report; NULL: none */
    const char *train;       /* where these rows are; NULL: not read */
    int64_t train_rows;
    double memorised;        /* the share of training rows above the 99.9 % quantile of held-out rows in log p; NaN */
    double round_trip;       /* the largest error of a draw that is taken back, in latent units */
    double outside;          /* the share of draws beyond the rows in some column, */
    double outside_expected; /* and the same of so many rows from the distribution of the rows */
    double auc, told;        /* of the classifier, and the share of rows that it tells right; NaN: there is none */
    bool has_classifier, is_conditional;
    bool is_training; /* the rows are the training data */
    flow_list sections, failures, coverage;
    flow_list remedies, remarks; /* of flow_diagnose_remark */
    int64_t more_failures;       /* that are not listed */
    flow_arena texts;
} flow_run_diagnose_result;

/* FLOW_DATA when there are too few rows, or weights that are negative. flow_run_diagnose_free is needed after a
 * failure, too. */
flow_status flow_run_diagnose(flow_run_diagnose_result *out, const flow_session *s,
                              const flow_run_diagnose_options *options, flow_error *err);
void flow_run_diagnose_free(flow_run_diagnose_result *result);

#endif
