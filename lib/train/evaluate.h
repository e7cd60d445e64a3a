/* Log-likelihoods of whole data sets, and their statistics. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_EVALUATE_H
#define FLOW_TRAIN_EVALUATE_H

#include "flow/rows.h"
#include "train/trainer.h"

/* Mean and variance of a stream of numbers (Welford 1962). Starts from {0}. */
typedef struct flow_moments {
    int64_t n;
    double mean, squares;
} flow_moments;

void flow_moments_add(flow_moments *moments, double value);
/* The standard error of the mean; 0 for fewer than two numbers. */
double flow_moments_error(const flow_moments *moments);

/* A flow with weights (both borrowed: the weights may change between runs) and room for a piece of a data set. */
typedef struct flow_evaluator flow_evaluator;

flow_status flow_evaluator_new(flow_evaluator **out, const flow *f, const real *weights, int n_threads,
                               flow_error *err);
void flow_evaluator_free(flow_evaluator *evaluator);

/* Runs over all rows of `data` in file order. logp (n_rows; may be NULL) receives each row's log-density. `hooks` may
 * be NULL; FLOW_INTERRUPTED when its should_stop says so. */
flow_status flow_evaluator_run(flow_evaluator *evaluator, flow_likelihood *out, double *logp, flow_dataset *data,
                               const flow_train_hooks *hooks, flow_error *err);

#endif
