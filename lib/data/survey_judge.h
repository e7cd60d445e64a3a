/* The findings about one column by itself. Internal to lib/data.
 *
 *     survey_judge.c     the order of the questions; constants, row numbers, codes
 *     survey_discrete.c  values that repeat
 *     survey_shape.c     bounds, angles, tails
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_JUDGE_H
#define FLOW_DATA_SURVEY_JUDGE_H

#include "data/survey_findings.h"

/* Adds the findings about the column, whose facts are complete. `sample` (n) holds its values in rising order; it is
 * overwritten. */
flow_status flow_survey_judge(flow_survey *survey, int column, flow_column_scan *scan, double *sample, size_t n,
                              flow_error *err);

#endif
