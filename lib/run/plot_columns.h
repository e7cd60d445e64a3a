/* The columns that are shown, and the axis of each. Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_COLUMNS_H
#define FLOW_RUN_PLOT_COLUMNS_H

#include "run/plot_axis.h"
#include "run/plot_rows.h"

typedef struct flow_plot_columns {
    int n, n_all;
    bool chosen; /* they are a choice of those that differ most, or of the first ones */
    flow_plot_column at[FLOW_PLOT_COLUMNS_MAX];
} flow_plot_columns;

/* Chooses the columns: those that the options name, else all up to `all`, else the `most` in which the kept rows of the
 * first two of the n origins differ most. `given_too`: columns of the context may be shown. Then the axes, by the kept
 * rows of all origins. FLOW_ARGUMENT for a name that is no column. */
flow_status flow_plot_columns_choose(flow_plot_columns *out, const flow_plot *plot, const flow_plot_rows *origins,
                                     int n, int most, int all, bool given_too, flow_error *err);

/* Records the columns in the result, and says in the note how they were chosen. */
flow_status flow_plot_columns_say(flow_plot *plot, const flow_plot_columns *columns, bool has_data, flow_error *err);

#endif
