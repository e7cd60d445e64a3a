/* Weighted rows of data, and draws of models: a part of them is kept, and all of them can be walked in bounded memory.
 * Internal to plot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PLOT_ROWS_H
#define FLOW_RUN_PLOT_ROWS_H

#include "run/plot_run.h"
#include "run/reservoir.h"

/* Starts from {0}. */
typedef struct flow_plot_rows {
    const char *legend;
    flow_color color;
    size_t width;        /* d + c; a row that is kept has its weight behind */
    flow_reservoir kept; /* of the data a random part, of draws and of a pipe the first ones */
    int64_t n;           /* all rows; of a pipe, once they were walked */
    double sum, squares; /* of their weights and of the squares */
    const flow_plot *plot;
    /* of data */
    flow_input in;
    const char *weight;
    flow_position start;
    bool is_data, goes_on; /* goes_on: what is kept are the first rows, and others may follow */
    /* of draws */
    const flow_session *s;
    const struct flow_plot_rows *contexts; /* draws have the contexts and weights of the rows that these keep; NULL: */
    const double *given;                   /* (c) all have this one */
    int64_t n_draws, failed;               /* failed: those that are not finite */
} flow_plot_rows;

/* Reads the data once and keeps a part; with `first` only so many rows, which are all kept. flow_plot_rows_free is
 * needed after a failure, too. */
flow_status flow_plot_rows_read(flow_plot_rows *out, const flow_plot *plot, int64_t first, flow_error *err);
/* Says in the result, and in warnings, what was read. */
void flow_plot_rows_say(const flow_plot_rows *rows, flow_plot *plot);

/* Draws from a model: as many as the options say, or `usual`. */
flow_status flow_plot_rows_draw(flow_plot_rows *out, const flow_plot *plot, const flow_session *s,
                                const flow_plot_rows *contexts, const double *given, int64_t usual, flow_error *err);
/* FLOW_ARGUMENT for a conditional model where neither data nor --given say its context. */
flow_status flow_plot_need_context(const flow_session *s, bool has_context, flow_error *err);

/* Gives every row (width) to `take`. */
typedef void flow_plot_take(void *context, const double *row, double weight);
flow_status flow_plot_rows_walk(flow_plot_rows *rows, flow_plot_take *take, void *context, flow_error *err);

void flow_plot_rows_free(flow_plot_rows *rows);

/* A row that is kept, and its weight behind. */
static inline const double *flow_plot_row(const flow_plot_rows *rows, size_t i)
{
    return rows->kept.rows + i * (rows->width + 1);
}

/* The effective number of rows. */
double flow_plot_rows_effective(const flow_plot_rows *rows);

#endif
