/* Columns that follow from others: copies, the same in other units, sums. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_LINEAR_H
#define FLOW_DATA_SURVEY_LINEAR_H

#include "data/survey_findings.h"

/* Adds findings about the columns marked in `varies` (n_columns), from rows (n, n_columns). A column is named that is a
 * linear function of those before it. */
flow_status flow_survey_find_linear(flow_survey *survey, const bool *varies, const double *rows, size_t n,
                                    flow_error *err);

#endif
