/* The different values of a column and how many rows have each, exactly while there are at most `limit`. Internal to
 * lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_VALUES_H
#define FLOW_DATA_SURVEY_VALUES_H

#include "core/error.h"
#include "data/survey.h"

enum { FLOW_VALUES_FOLLOWED = 8 };

/* Starts from {.limit = ...}. */
typedef struct flow_values {
    int64_t limit;
    int64_t n;                /* different values so far; at most `limit` */
    bool many;                /* there are more than `limit`: the table is gone, and the most frequent are followed */
    size_t capacity;          /* of the table: a power of 2 */
    flow_survey_value *table; /* open addressing; rows 0: free */
    flow_survey_value followed[FLOW_VALUES_FOLLOWED]; /* exact numbers of rows */
    int n_followed;
} flow_values;

flow_status flow_values_add(flow_values *values, double value, int64_t row, flow_error *err);
/* Sorts the table by value; *out (values->n) is borrowed. Only if there are not many; nothing can be added then. */
void flow_values_sort(flow_values *values, const flow_survey_value **out);
void flow_values_free(flow_values *values);

#endif
