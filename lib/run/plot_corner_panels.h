/* The panels of a corner plot. Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_CORNER_PANELS_H
#define FLOW_RUN_PLOT_CORNER_PANELS_H

#include "run/plot_histograms.h"

enum { FLOW_CORNER_ORIGINS = 2 * FLOW_PLOT_MODELS_MAX + 1 };

typedef struct flow_corner {
    flow_plot *plot;
    int n; /* origins: the data, if there are any, and draws */
    bool has_data;
    flow_plot_rows rows[FLOW_CORNER_ORIGINS];
    flow_plot_histograms histograms[FLOW_CORNER_ORIGINS];
    double *given[FLOW_CORNER_ORIGINS];
    flow_plot_columns columns;
    double least_factor, most_factor; /* of the kernels */
    bool has_kernel, few;
} flow_corner;

/* Column i on the diagonal, and columns j < i below it. */
flow_status flow_corner_column(flow_corner *c, int i, flow_error *err);
flow_status flow_corner_pair(flow_corner *c, int i, int j, flow_error *err);

/* Whether an origin is a model of one column for a context, whose density itself is drawn. */
bool flow_corner_is_exact(const flow_corner *c, int origin);

#endif
