/* The history of a training: one record for each epoch. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_HISTORY_H
#define FLOW_TRAIN_HISTORY_H

#include <assert.h>
#include <stdint.h>

#include "core/error.h"

/* The members of a record, which are the columns of the table in a model file:
 *     epoch             counted from 1
 *     training          mean score over the epoch's steps, with the weights as they were at each step: log-likelihood,
 *                       bound, or minus the loss of an objective that has one
 *     validation        mean held-out log-likelihood of the (with ema: averaged) weights; NaN without held-out rows
 *     validation_error  its standard error
 *     rate              learning rate of the last step
 *     gradient_norm     mean over the steps, before clipping
 *     clipped           share of the steps that were clipped
 *     dropped           steps dropped because something was not finite
 *     best              1 when these are the best weights so far, else 0
 *     seconds           duration of training and evaluation
 *     evaluations       of right-hand sides per solve, mean over the steps' rows; over the held-out ones where the
 *                       objective solves nothing; 0 without a block that solves
 *     most_evaluations  and of the row that needed the most
 * Log-likelihoods are means in nats per row, in the units of the data. */
#define FLOW_EPOCH_MEMBERS(X)                                                                                      \
    X(epoch) X(training) X(validation) X(validation_error) X(rate) X(gradient_norm) X(clipped) X(dropped) X(best)  \
    X(seconds) X(evaluations) X(most_evaluations)

#define FLOW_EPOCH_MEMBER(name) double name;
typedef struct flow_epoch {
    FLOW_EPOCH_MEMBERS(FLOW_EPOCH_MEMBER)
} flow_epoch;
#undef FLOW_EPOCH_MEMBER

#define FLOW_EPOCH_COUNT(name) +1
enum { FLOW_EPOCH_COLUMNS = 0 FLOW_EPOCH_MEMBERS(FLOW_EPOCH_COUNT) };
#undef FLOW_EPOCH_COUNT

/* The names of the members, in their order. */
extern const char *const flow_epoch_columns[FLOW_EPOCH_COLUMNS];

/* Starts from {0}. */
typedef struct flow_history {
    flow_epoch *at; /* (n) */
    int64_t n, capacity;
} flow_history;

void flow_history_free(flow_history *history);

/* Makes room for n records. */
flow_status flow_history_reserve(flow_history *history, int64_t n, flow_error *err);

/* Records as the table (n, FLOW_EPOCH_COLUMNS) that they are: they consist of doubles. */
static inline const double *flow_history_table(const flow_epoch *history)
{
    return (const double *)history;
}
static_assert(sizeof(flow_epoch) == FLOW_EPOCH_COLUMNS * sizeof(double), "a record is a row of the table");

/* From a table (n, n_columns) whose columns are found by name; further columns are ignored. FLOW_FORMAT when a column
 * is missing or the epochs are not 1, 2, 3, ... */
flow_status flow_history_fill(flow_history *history, const char *const *columns, int n_columns, const double *table,
                              int64_t n, flow_error *err);

#endif
