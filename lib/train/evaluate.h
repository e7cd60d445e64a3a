/* Log-likelihoods of whole data sets, and their statistics. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_EVALUATE_H
#define FLOW_TRAIN_EVALUATE_H

#include "data/dataset.h"
#include "flow/nfe.h"
#include "flow/rows.h"
#include "num/moments.h"
#include "train/far_rows.h"
#include "train/hooks.h"

/* Mean log-likelihood of a data set and its standard error. A row whose log-density is not finite makes the mean -inf
 * and the error NaN; such rows are counted, and the first one is named. */
typedef struct flow_likelihood {
    int64_t rows;
    double mean, error;       /* weighted, where rows have weights */
    double effective_rows;    /* (sum w)^2 / sum(w^2): rows when all weights are equal */
    int64_t left_out;         /* rows that are far from those of the training (flow_evaluator_leave_out) */
    int64_t first_left_out;   /* the number of the first of them; -1: none */
    int64_t not_finite;       /* rows whose log-density is not finite */
    int64_t first_not_finite; /* the number of the first of them in the file, counted from 0; -1: none */
    char place[FLOW_DIAGNOSIS_SIZE]; /* where it became so, with the reason if that is known; "" when unknown */
    flow_nfe nfe;       /* of solving for them */
} flow_likelihood;

/* Fills mean, error and effective_rows from the moments of the rows' log-densities; not_finite is counted. */
void flow_likelihood_finish(flow_likelihood *out, const flow_moments *moments);

/* That of `data` with `weights`. FLOW_DATA when the columns are not those of the flow or there are no rows. */
flow_status flow_evaluate(flow_likelihood *out, const flow *f, const real *weights, flow_dataset *data, int n_threads,
                          flow_error *err);

/* FLOW_DATA unless the columns of a data set are those of the flow: modelled ones, context, and possibly a weight. */
flow_status flow_check_columns(const flow *f, const flow_dataset *data, flow_error *err);

/* A flow with weights (both borrowed: the weights may change between runs) and room for a piece of a data set. */
typedef struct flow_evaluator flow_evaluator;

flow_status flow_evaluator_new(flow_evaluator **out, const flow *f, const real *weights, int n_threads,
                               flow_error *err);
void flow_evaluator_free(flow_evaluator *evaluator);

/* From now on these rows have the weight 0 (borrowed; NULL: none): they are not evaluated. */
void flow_evaluator_leave_out(flow_evaluator *evaluator, const flow_far_rows *far);

/* From now on log p of discrete columns is a mean over n draws of the noise at most, always the same ones. */
void flow_evaluator_set_noise_draws(flow_evaluator *evaluator, int n);

/* Runs over all rows of `data` in file order. logp and row_weights (n_rows; may be NULL) receive each row's log-density
 * and weight. `hooks` may be NULL; FLOW_INTERRUPTED when its should_stop says so. */
flow_status flow_evaluator_run(flow_evaluator *evaluator, flow_likelihood *out, double *logp, double *row_weights,
                               flow_dataset *data, const flow_train_hooks *hooks, flow_error *err);

#endif
