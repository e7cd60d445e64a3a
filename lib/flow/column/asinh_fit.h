/* The numbers of the column map "asinh", and where they come from. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_ASINH_FIT_H
#define FLOW_FLOW_COLUMN_ASINH_FIT_H

#include <stdbool.h>
#include <stddef.h>

/* Of one column: t = asinh((x - center) / scale), u = (t - mean) / deviation, z = turn log(1 + (u / turn)^4)^(1/4). */
typedef struct flow_asinh {
    double center, scale, mean, deviation, turn;
} flow_asinh;

typedef struct flow_asinh_options {
    bool sparing; /* bends a column only where that is sure to help */
} flow_asinh_options;

/* asinh(y / scale), also where the quotient is out of range. */
double flow_asinh_of(double y, double scale);

/* From n values, which are sorted in place. False if they have no spread, or one that is out of range. */
bool flow_asinh_fit(flow_asinh *out, const flow_asinh_options *options, double *values, size_t n);

#endif
