/* Histograms of the columns that are shown, and of all pairs of them, of one origin of rows. Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_HISTOGRAMS_H
#define FLOW_RUN_PLOT_HISTOGRAMS_H

#include "draw/smooth.h"
#include "run/plot_columns.h"

/* Starts from {0}. */
typedef struct flow_plot_histograms {
    const flow_plot_columns *columns; /* borrowed */
    flow_bins bins[FLOW_PLOT_COLUMNS_MAX];
    double spikes[FLOW_PLOT_COLUMNS_MAX][FLOW_PLOT_SPIKES_MAX];     /* weights of the rows on them */
    flow_cells cells[FLOW_PLOT_COLUMNS_MAX][FLOW_PLOT_COLUMNS_MAX]; /* [i][j], j < i: j along x, i along y; without rows
                                                                       on spikes */
    double sum, squares;                                            /* of all weights */
} flow_plot_histograms;

/* Walks over all rows; flow_plot_histograms_free is needed after a failure, too. */
flow_status flow_plot_histograms_make(flow_plot_histograms *out, const flow_plot_columns *columns, flow_plot_rows *rows,
                                      flow_error *err);
void flow_plot_histograms_free(flow_plot_histograms *h);

/* The smoothed density of a pair. A column of few values takes SUB cells for each of them, of which the middle ones
 * have the probability, so that contours are strips at the values. Starts from {0}. */
typedef struct flow_plot_density {
    int nx, ny;
    double *z;    /* (ny, nx), owned (free): adds up to the weight inside */
    double total; /* of all rows of the pair */
} flow_plot_density;

/* `kernel` is chosen by these rows where `choose` is true, else used. */
flow_status flow_plot_density_make(flow_plot_density *out, const flow_plot_histograms *h, int i, int j,
                                   flow_kernel *kernel, bool choose, flow_error *err);

#endif
