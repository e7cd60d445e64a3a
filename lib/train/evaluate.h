/* Log-likelihoods of whole data sets, and their statistics. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_EVALUATE_H
#define FLOW_TRAIN_EVALUATE_H

#include "flow/rows.h"
#include "num/moments.h"
#include "train/trainer.h"

/* FLOW_DATA when a data set has not the columns of the flow: those of the data, the context, and maybe a weight. */
flow_status flow_check_columns(const flow *f, const flow_dataset *data, flow_error *err);

/* A flow with weights (both borrowed: the weights may change between runs) and room for a piece of a data set. */
typedef struct flow_evaluator flow_evaluator;

flow_status flow_evaluator_new(flow_evaluator **out, const flow *f, const real *weights, int n_threads,
                               flow_error *err);
void flow_evaluator_free(flow_evaluator *evaluator);

/* Runs over all rows of `data` in file order. logp and row_weights (n_rows; may be NULL) receive each row's log-density
 * and weight. `hooks` may be NULL; FLOW_INTERRUPTED when its should_stop says so. */
flow_status flow_evaluator_run(flow_evaluator *evaluator, flow_likelihood *out, double *logp, double *row_weights,
                               flow_dataset *data,
                               const flow_train_hooks *hooks, flow_error *err);

#endif
