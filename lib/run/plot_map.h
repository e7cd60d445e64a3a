/* log p over two columns, as a grid of a panel. Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_MAP_H
#define FLOW_RUN_PLOT_MAP_H

#include "run/plot_columns.h"

/* Adds the grid of model s over the columns at[0] along x and at[1] along y, where all other values are those of `row`
 * (width). Lines hold the masses of the plot's levels where the model has these two columns alone. *most (may be NULL)
 * gets the greatest log p. */
flow_status flow_plot_map_add(flow_plot *plot, flow_frame *panel, const flow_session *s,
                              const flow_plot_columns *columns, const double *row, flow_error *err);

/* Brings the colours of panels to one range: from the greatest log p of all of them down to 10 nats below. */
void flow_plot_map_scale(flow_plot *plot, flow_frame *const *panels, int n);

#endif
