/* A picture while it is made: what all kinds of plots share. Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_RUN_H
#define FLOW_RUN_PLOT_RUN_H

#include "draw/figure.h"
#include "run/plot.h"

/* The default number of draws, and the rows that are kept of any origin: as many values as 32 MiB hold. */
enum { FLOW_PLOT_DRAWS = 50000, FLOW_PLOT_VALUES = 1 << 22, FLOW_PLOT_ROWS = 65536 };

typedef struct flow_plot {
    const flow_run_plot_options *o;
    flow_run_plot_result *result;
    int n_models;
    flow_session sessions[FLOW_PLOT_MODELS_MAX];
    const char *names[FLOW_PLOT_MODELS_MAX]; /* for legends: of the files, without folder and end */
    double levels[FLOW_PLOT_LEVELS_MAX];     /* shares of the probability, ascending */
    int n_levels;
    int width, height; /* 0: chosen */
    flow_figure *figure;
    flow_text note; /* sentences */
} flow_plot;

/* Starts the figure. */
flow_status flow_plot_begin(flow_plot *plot, int n_rows, int n_columns, flow_error *err);
/* Whether the terminal is all that the figure is for: it has room for less. */
bool flow_plot_is_text(const flow_plot *plot);
/* Adds a sentence below it, with its full stop. */
void flow_plot_note(flow_plot *plot, const char *format, ...) FLOW_PRINTF(2, 3);

/* FLOW_ARGUMENT unless there are data, or there is one model, or none of the models is conditional; KIND is for
 * messages. */
flow_status flow_plot_need_data(const flow_plot *plot, const char *kind, flow_error *err);
flow_status flow_plot_need_one(const flow_plot *plot, const char *kind, flow_error *err);

/* A location or path without the folder of its file, for a title. */
const char *flow_plot_base_name(const char *location);

/* The kinds. */
flow_status flow_plot_corner(flow_plot *plot, flow_error *err); /* also of given contexts */
flow_status flow_plot_samples(flow_plot *plot, flow_error *err);
flow_status flow_plot_map(flow_plot *plot, flow_error *err);
flow_status flow_plot_curves(flow_plot *plot, flow_error *err);
flow_status flow_plot_calibration(flow_plot *plot, flow_error *err);
flow_status flow_plot_sheet(flow_plot *plot, flow_error *err);

#endif
