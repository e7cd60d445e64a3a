/* The axis of one column, by its values. Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_AXIS_H
#define FLOW_RUN_PLOT_AXIS_H

#include <stddef.h>

#include "draw/axis.h"

enum { FLOW_PLOT_SPIKES_MAX = 3, FLOW_PLOT_BARS_MAX = 40 };

typedef struct flow_plot_column {
    int at; /* in a row: of the data, or of the context behind them */
    const char *name;
    flow_axis axis;
    bool periodic;
    bool bars;    /* few values on a lattice: each one is shown */
    double step;  /* of the lattice; 0: there is none */
    int n_bins;   /* of the histogram; with bars one for each value */
    int n_spikes; /* values that many rows have, in a column of a density: not in the histogram */
    double spikes[FLOW_PLOT_SPIKES_MAX];
    double distance; /* of Kolmogorov and Smirnov between the first two origins; NaN */
} flow_plot_column;

/* Whether the value is a spike of the column: its number, else -1. */
int flow_plot_column_spike(const flow_plot_column *column, double value);

/* A value as the axis shows it: a periodic one within its period. */
double flow_plot_column_value(const flow_plot_column *column, double value);

/* Chooses the scale, the range and at most `most` cells of column->axis from the values of n_origins origins, sorted[k]
 * (n[k]), from which spikes are left out. The first origin that has any values decides what kind of column it is. With
 * `equal` the range has room for all origins alike, else for those behind the first one as far as they need half of it
 * more on each side. `period` 0: it is not periodic. `effective`: the number of rows of the first origin. Sets all of
 * the column but at, name and distance.
 *
 * The range is that of the quantiles 0.002 and 0.998 and 15 % more, so that single values far out do not flatten the
 * rest. Decades of positive values are shown on a logarithmic axis, heavy tails around 0 by asinh. */
typedef struct flow_plot_axis_options {
    int n_origins, most;
    bool equal;
    double period, effective;
} flow_plot_axis_options;
void flow_plot_axis_choose(flow_plot_column *column, double *const *sorted, size_t *n,
                           const flow_plot_axis_options *options);

#endif
