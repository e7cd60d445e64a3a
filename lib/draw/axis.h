/* Axes: from values to places, and the ticks that they are labelled with.
 *
 * A place is a number that the back ends draw on a linear scale: the value itself, its logarithm to the base of 10, or
 * asinh(value / unit), which is linear near 0 and logarithmic far out on both sides. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_AXIS_H
#define FLOW_DRAW_AXIS_H

#include <stdbool.h>

typedef enum flow_scale { FLOW_SCALE_LINEAR, FLOW_SCALE_LOG, FLOW_SCALE_ASINH } flow_scale;

typedef struct flow_axis {
    const char *label; /* NULL: none */
    flow_scale scale;
    double unit;      /* of FLOW_SCALE_ASINH */
    double low, high; /* values at the ends */
    bool no_ticks;    /* neither ticks nor their labels */
    bool whole;       /* the values are whole numbers: no ticks between them */
} flow_axis;

/* NaN for a value that has no place: 0 and below on a logarithmic axis. */
double flow_axis_place(const flow_axis *axis, double value);
double flow_axis_value(const flow_axis *axis, double place);
/* The share of the axis at this value: 0 at its low end, 1 at its high end. */
double flow_axis_share(const flow_axis *axis, double value);

enum { FLOW_TICKS_MAX = 24, FLOW_MINOR_MAX = 128, FLOW_TICK_SIZE = 24, FLOW_TICK_REMARK_SIZE = 48 };

typedef struct flow_ticks {
    int n, n_minor;
    double at[FLOW_TICKS_MAX]; /* values */
    char text[FLOW_TICKS_MAX][FLOW_TICK_SIZE];
    double minor[FLOW_MINOR_MAX];
    char remark[FLOW_TICK_REMARK_SIZE]; /* for the end of the label: " / 10⁶", " − 1234500"; "" */
} flow_ticks;

/* At most `most` ticks with labels of at most about `widest` characters. `ascii`: remarks and labels are ASCII. */
void flow_axis_ticks(flow_ticks *out, const flow_axis *axis, int most, int widest, bool ascii);

#endif
