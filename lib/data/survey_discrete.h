/* Findings about values that repeat: booleans, classes, lattices, few values, spikes. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_DISCRETE_H
#define FLOW_DATA_SURVEY_DISCRETE_H

#include "data/survey_findings.h"

/* *few: the column has two values or a few classes, and nothing else can be said of it. Sets spikes aside. */
flow_status flow_survey_judge_discrete(flow_judge *judge, bool *few, flow_error *err);

#endif
