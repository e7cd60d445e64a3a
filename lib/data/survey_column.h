/* What a survey adds up about one column, exactly. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_COLUMN_H
#define FLOW_DATA_SURVEY_COLUMN_H

#include "data/survey.h"
#include "data/survey_lattice.h"
#include "data/survey_values.h"

/* Starts from {.values.limit = ...}. */
typedef struct flow_column_scan {
    flow_values values;
    flow_lattice lattice;
    flow_survey_value lowest[FLOW_SURVEY_EXTREMES], highest[FLOW_SURVEY_EXTREMES];
    int n_lowest, n_highest;
    bool whole;       /* all values are whole numbers that a double holds */
    uint64_t hashes;  /* the sum of a hash of each of them */
    bool in_sequence; /* each value is the one before plus a step that is always the same */
    double first, last, step;
    int64_t n, first_number, last_number;
} flow_column_scan;

/* Adds n values, `stride` apart, with the numbers of their rows. */
flow_status flow_column_scan_add(flow_column_scan *scan, const double *values, size_t stride, const int64_t *numbers,
                                 size_t n, flow_error *err);

/* Whether the values are all whole numbers from the least to the most, each once. */
bool flow_column_scan_is_permutation(const flow_column_scan *scan);

#endif
