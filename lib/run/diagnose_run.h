/* A diagnosis at work: its rows and draws, and the tests that its parts add. Internal to lib/run. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_DIAGNOSE_RUN_H
#define FLOW_RUN_DIAGNOSE_RUN_H

#include "data/dataset.h"
#include "num/moments.h"
#include "run/diagnose.h"
#include "run/reservoir.h"
#include "stat/pooled.h"

typedef enum diagnose_part {
    PART_SUPPORT,
    PART_LATENTS,
    PART_INDEPENDENCE,
    PART_COLUMNS,
    PART_TAILS,
    PART_COVERAGE,
    PART_LOCAL,
    PART_ENERGY,
    PART_CLASSIFIER,
    PART_RANKS,
    N_PARTS
} diagnose_part;

/* What a test looked at; the words of its failure depend on it. */
typedef enum diagnose_kind {
    KIND_OUTSIDE,    /* rows of density 0 */
    KIND_NOT_FINITE, /* draws that are no numbers */
    KIND_LATENT,     /* observed: the mean of u - 1/2; expected: of |2 u - 1| - 1/2 */
    KIND_PAIR,       /* of latents a and b; observed: the correlation of ranks */
    KIND_CONTEXT,    /* of latent or column a and context b */
    KIND_COLUMN,     /* observed: the distance of Kolmogorov and Smirnov, with its sign */
    KIND_LOW_END,    /* of column a: rows among the lowest values, observed and expected */
    KIND_HIGH_END,
    KIND_LOW_RUN, /* rows (observed 1) or draws (0) that are lower than all others; expected: how many */
    KIND_HIGH_RUN,
    KIND_DENSITY,    /* of log p: the distance */
    KIND_REGION,     /* rows among the lowest log p, observed and expected */
    KIND_TOO_DENSE,  /* rows among the highest log p */
    KIND_LOCAL,      /* column a given those before */
    KIND_JOINT,      /* the energy distance of all columns */
    KIND_RELATION,     /* the products of the ranks of columns a and b; observed: the difference of their means */
    KIND_TWO,        /* and of columns a and b */
    KIND_CLASSIFIER, /* observed: the area under the curve */
    KIND_RANK,       /* of column a among the draws given the context; as KIND_LATENT */
    KIND_DENSITY_RANK,
    KIND_TARP
} diagnose_kind;

typedef struct diagnose_test {
    diagnose_part part;
    diagnose_kind kind;
    int a, b; /* -1: none */
    double p, share, observed, expected;
    double alone, adjusted; /* the p-value among the tests of the part, and among all tests */
} diagnose_test;

typedef struct diagnosis {
    const flow_session *s;
    const flow_run_diagnose_options *o;
    flow_run_diagnose_result *result;
    int threads;
    size_t d, c, width;        /* d + c */
    size_t n;                  /* held-out rows */
    bool shared;               /* they are a share of the rows of the training file */
    size_t k;                  /* draws for each of them */
    double *rows;              /* (n, d + c), in random order */
    double *draws;             /* (k, n, d): draw j of row i, with the context of the row */
    double *logp, *draws_logp; /* (n), (k, n) */
    double *u, *draws_u; /* (n, d): flow_rows_to_uniform of the rows and of their first draws; NULL: an ensemble */
    bool exact;          /* u are uniform: no column is discrete */
    int64_t outside, not_finite;   /* rows of density 0, and draws that are no numbers */
    double *scores, *draws_scores; /* (n) of the classifier, NaN for those that it was trained on; NULL: none */
    diagnose_test *tests;
    size_t n_tests, room;
    bool failed; /* memory was out while tests were added */
} diagnosis;

/* A seed for one purpose. */
uint64_t diagnose_seed(const diagnosis *d, uint64_t purpose);

/* The p-value of a test that had no memory: adding it makes the diagnosis fail. */
#define DIAGNOSE_NO_MEMORY (-1.0)
/* Adds a test. A p-value that is no number counts as 1. */
void diagnose_add(diagnosis *d, const diagnose_test *test);
/* What is left of a distance of two samples when that is taken away which chance gives. */
double diagnose_share_of(double distance, double n, double m);
/* u (n), numbers in (0, 1) by the order of n values that are `stride` apart; equal ones are ordered at random. */
flow_status diagnose_rank_values(double *u, const double *values, size_t n, size_t stride, uint64_t seed,
                                 flow_error *err);
/* FLOW_INTERRUPTED when the hook should_stop says so, at this rank. */
flow_status diagnose_check_stop(const diagnosis *d, flow_error *err);

/* Of several processes rank 0 reads the rows. All ranks hold them and the draws, share what takes long, and do the rest
 * each for itself; rank 0 alone judges the tests (diagnose_share.c). */
/* The part of this rank, [first, end), of k times n rows: each n of them begin with a tile, and so does a part. */
void diagnose_share(const diagnosis *d, size_t k, size_t n, size_t *first, size_t *end);
/* Gives all ranks the parts of all, of values (k, n) of `size` bytes; `status` is that of making the own part.
 * Collective. */
flow_status diagnose_gather(const diagnosis *d, flow_status status, void *values, size_t size, size_t k, size_t n,
                            flow_error *err);
/* The largest value of all ranks, which is 0 or more. Collective. */
double diagnose_largest(const diagnosis *d, double value);
/* Gives all ranks the rows (n, d + c) of rank 0, whose status of reading them is `status`; those of the others are
 * made here (free). Collective. */
flow_status diagnose_spread(const diagnosis *d, flow_status status, double **rows, size_t *n, flow_error *err);

/* The held-out rows (diagnose_rows.c). */
flow_status diagnose_read(diagnosis *d, flow_error *err);
/* Where rows are read from: a table, or rows that a training held out. Starts from {0}. */
typedef struct diagnose_source {
    flow_input in;
    flow_dataset *set; /* NULL: a table; else `in` says how wide its rows are, and no more */
} diagnose_source;
/* Reads all rows into a reservoir; `weights` counts their weights. At rank 0. */
flow_status diagnose_read_all(const diagnosis *d, diagnose_source *source, flow_reservoir *r, flow_moments *weights,
                              flow_error *err);
void diagnose_source_close(diagnose_source *source);
/* The draws, and log p and latents of both (diagnose_draws.c). */
flow_status diagnose_draw(diagnosis *d, flow_error *err);
/* logp (n) of rows (n, d + c), which all ranks hold. Collective. */
flow_status diagnose_evaluate(const diagnosis *d, const double *rows, size_t n, double *logp, flow_error *err);
/* Of those that are finite. */
flow_mean diagnose_mean(const double *values, size_t n);
/* log p of the training rows, if they can be read (diagnose_training.c). */
flow_status diagnose_training(diagnosis *d, flow_error *err);

/* The parts. */
flow_status diagnose_latents(diagnosis *d, flow_error *err); /* diagnose_latents.c */
flow_status diagnose_independence(diagnosis *d, flow_error *err);
flow_status diagnose_columns(diagnosis *d, flow_error *err); /* diagnose_columns.c: with the tails */
flow_status diagnose_coverage(diagnosis *d, flow_error *err);
flow_status diagnose_local(diagnosis *d, flow_error *err);    /* diagnose_local.c */
flow_status diagnose_energy(diagnosis *d, flow_error *err);   /* diagnose_energy.c */
flow_status diagnose_classify(diagnosis *d, flow_error *err); /* diagnose_classify.c */
flow_status diagnose_ranks(diagnosis *d, flow_error *err);    /* diagnose_ranks.c */

/* The report of the option `plot` (diagnose_plot.c): FLOW_ARGUMENT before the work where it cannot be written, and its
 * pages, after the verdict. */
flow_status diagnose_check_plot(const diagnosis *d, flow_error *err);
flow_status diagnose_plot(const diagnosis *d, flow_error *err);

/* From the tests to the verdict (diagnose_verdict.c), and the words of a failure (diagnose_words.c). */
flow_status diagnose_judge(diagnosis *d, flow_error *err);
const char *diagnose_part_name(diagnose_part part);
const char *diagnose_part_about(diagnose_part part);
/* Whether a remedy says all that the other one says, or is against it and looks at more. */
bool diagnose_remedy_says(const char *remedy, const char *other);
void diagnose_describe(const diagnosis *d, const diagnose_test *test, flow_text *where, flow_text *found,
                       flow_text *remedy);

#endif
