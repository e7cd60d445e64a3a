/* The options of the column maps: what a spec may say of each. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_OPTIONS_H
#define FLOW_FLOW_COLUMN_OPTIONS_H

#include "core/option.h"

/* The support of one column. A number that is NAN says nothing. */
typedef struct flow_support_rule {
    double lower, upper, period, step, origin;
    bool discrete;
    flow_number_list spikes;
} flow_support_rule;

typedef struct flow_support_options {
    flow_option_map columns; /* the values are flow_support_rule, the keys names of columns, or #1, #2, ... */
} flow_support_options;

typedef enum flow_pixels_map { FLOW_PIXELS_LOGIT, FLOW_PIXELS_SCALE } flow_pixels_map;

typedef struct flow_pixels_options {
    int64_t levels;
    int map; /* flow_pixels_map */
    double alpha;
} flow_pixels_options;

#endif
