/* Findings about the distribution of a column: bounds, angles, decades, tails, outliers. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_SHAPE_H
#define FLOW_DATA_SURVEY_SHAPE_H

#include "data/survey_findings.h"

flow_status flow_survey_judge_shape(const flow_judge *judge, flow_error *err);

#endif
