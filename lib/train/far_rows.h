/* Rows with a value so far from all others of its column that it decides alone what a mean, a deviation or a likelihood
 * is: a unit that was mixed up, a code for a missing value, a damaged file.
 *
 * "Far" is measured in robust deviations from the median, as the survey of the training data tells them: from 1,000 on
 * where there are at most 5 such rows and one in 10,000, and the column has no heavy tails, else from 1,000,000 on; and
 * the column maps leave the value at least 100 away. A map with the logarithm far out, as asinh, brings such values
 * near, and then the rows are used.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_FAR_ROWS_H
#define FLOW_TRAIN_FAR_ROWS_H

#include "data/survey.h"
#include "flow/flow.h"

/* Starts from {0}: there are none. */
typedef struct flow_far_rows {
    int dim;               /* columns of the data, the first ones of a row */
    double *lower, *upper; /* (dim) a value outside is far; infinite where nothing is; owned */
    double *middle;        /* the medians of all columns: a row that is near; owned with `lower` */
    /* Of the training table, of kind FLOW_FINDING_OUTLIERS; owned. First the columns with such rows, then n_kept more
     * with outliers that are nearer, which the column maps leave 25 deviations or more away. */
    flow_finding *found;
    int n_found, n_kept;
} flow_far_rows;

/* Those that training leaves out. `survey` may be NULL, and has the columns of the flow; `f` is fitted. The caller owns
 * *out, also after an error. */
flow_status flow_far_rows_of_training(flow_far_rows *out, const flow_survey *survey, const flow *f, flow_error *err);

/* Those that initial values must not be taken from, whatever the maps are: as above, and all outliers of a column whose
 * deviation they make three times as large or more. */
flow_status flow_far_rows_of_fit(flow_far_rows *out, const flow_survey *survey, int dim, flow_error *err);

void flow_far_rows_free(flow_far_rows *far);

/* Whether a row is one of them. */
bool flow_far_rows_has(const flow_far_rows *far, const double *row);

#endif
