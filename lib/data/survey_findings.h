/* The list of findings while it is made, and what the judgement of one column begins from. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_FINDINGS_H
#define FLOW_DATA_SURVEY_FINDINGS_H

#include "data/survey.h"
#include "data/survey_column.h"

enum { FLOW_JUDGE_SET_ASIDE = 16 }; /* most values of a column that are judged by themselves: codes and spikes */

/* One column. Values that have findings of their own, codes and spikes, are set aside: then what follows is about the
 * others. */
typedef struct flow_judge {
    flow_survey *survey;
    int column;
    const flow_survey_column *facts;
    flow_column_scan *scan;
    double *sample; /* (n_sample) in rising order, without what is set aside */
    size_t n_sample;
    double aside[FLOW_JUDGE_SET_ASIDE];
    int n_aside;
    int64_t rows;              /* that are not set aside */
    int64_t distinct;          /* different values that are not set aside; a lower limit where there are many */
    int low, high;             /* how many of facts->lowest and facts->highest are set aside, from the far end */
    int low_codes, high_codes; /* how many of those are codes */
    bool on_lattice;
} flow_judge;

/* The list takes over the terms, also after an error. */
flow_status flow_survey_add_finding(flow_survey *survey, const flow_finding *finding, flow_error *err);
/* The same with the kind, the column and the share filled in. */
flow_status flow_judge_add(const flow_judge *judge, flow_finding_kind kind, flow_finding finding, flow_error *err);
/* Into the order of kinds and columns. */
void flow_survey_sort_findings(flow_survey *survey);

/* Sets a value aside that `rows` rows have. */
void flow_judge_set_aside(flow_judge *judge, double value, int64_t rows);
/* The quantile of the sample. */
double flow_judge_quantile(const flow_judge *judge, double level);
/* The least and the greatest value that are not set aside; `rows` (may be NULL) gets how many rows have it. */
double flow_judge_least(const flow_judge *judge, int64_t *rows);
double flow_judge_most(const flow_judge *judge, int64_t *rows);
/* The standard deviation as the quartiles tell it; 0 when they are equal. */
double flow_judge_robust_deviation(const flow_judge *judge);

#endif
