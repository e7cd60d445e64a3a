/* Points of a pair of columns: rows of the data beside draws of the models. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "run/format.h"
#include "run/plot_map.h"

enum { SAMPLES_POINTS = 2000, SAMPLES_ORIGINS = FLOW_PLOT_MODELS_MAX + 1 };

typedef struct samples_plot {
    flow_plot *plot;
    int n; /* origins: the data, if there are any, and the models */
    bool has_data;
    flow_plot_rows rows[SAMPLES_ORIGINS];
    flow_plot_columns columns;
} samples_plot;

/* As many of each origin, for the eye to compare. */
static size_t samples_points(const samples_plot *s)
{
    size_t n = s->plot->o->n > 0 ? (size_t)s->plot->o->n : SAMPLES_POINTS;
    for (int k = 0; k < s->n; k++)
        n = s->rows[k].kept.n < n ? s->rows[k].kept.n : n;
    return n;
}

static void samples_panel(samples_plot *s, int k, flow_frame *panel)
{
    flow_plot *plot = s->plot;
    flow_figure *figure = plot->figure;
    const flow_plot_rows *rows = &s->rows[k];
    const size_t n = samples_points(s);
    double *x = flow_figure_numbers(figure, n), *y = flow_figure_numbers(figure, n);
    char count[FLOW_FORMAT_SIZE];
    for (size_t i = 0; i < n && x != NULL && y != NULL; i++) {
        const double *row = flow_plot_row(rows, i);
        x[i] = flow_plot_column_value(&s->columns.at[0], row[s->columns.at[0].at]);
        y[i] = flow_plot_column_value(&s->columns.at[1], row[s->columns.at[1].at]);
    }
    flow_format_count(count, (int64_t)n);
    panel->x = s->columns.at[0].axis;
    panel->y = s->columns.at[1].axis;
    panel->title = rows->is_data
                       ? flow_figure_text(figure, "data: %s rows", count)
                       : flow_figure_text(figure, "%s: %s draws", plot->names[k - (s->has_data ? 1 : 0)], count);
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_POINTS);
    item->n = n;
    item->x = x;
    item->y = y;
    item->size = n > 5000 ? 0.15 : 0.25;
    item->opacity = n > 5000 ? 0.35 : 0.6;
    item->color = rows->is_data ? FLOW_BLACK : rows->color;
}

/* The density of a model of these two columns alone beside its draws. */
static flow_status samples_add_map(samples_plot *s, int column, flow_error *err)
{
    flow_plot *plot = s->plot;
    const double none[2] = {0, 0};
    flow_frame *panel = flow_figure_panel(plot->figure, 0, column);
    panel->title = flow_figure_text(plot->figure, "log-density of %s", plot->names[0]);
    FLOW_TRY(flow_plot_map_add(plot, panel, &plot->sessions[0], &s->columns, none, err));
    flow_plot_map_scale(plot, &panel, 1);
    panel->bar_label = NULL; /* the panels are equally wide */
    return FLOW_OK;
}

static flow_status samples_run(samples_plot *s, flow_error *err)
{
    flow_plot *plot = s->plot;
    const flow_run_plot_options *o = plot->o;
    const flow_session *first = &plot->sessions[0];
    s->has_data = o->rows.input != NULL;
    if (s->has_data) {
        s->n = 1;
        FLOW_TRY(flow_plot_rows_read(&s->rows[0], plot, 0, err));
    }
    for (int m = 0; m < plot->n_models; m++) {
        FLOW_TRY(flow_plot_need_context(&plot->sessions[m], s->has_data, err));
        const int at = s->n++;
        FLOW_TRY(flow_plot_rows_draw(&s->rows[at], plot, &plot->sessions[m], s->has_data ? &s->rows[0] : NULL, NULL,
                                     FLOW_PLOT_DRAWS / 5, err));
        s->rows[at].color = flow_color_of(m);
    }
    FLOW_TRY(flow_plot_columns_choose(&s->columns, plot, s->rows, s->n, 2, 2, s->has_data, err));
    if (s->columns.n != 2)
        return flow_error_set(err, FLOW_ARGUMENT, "--kind samples: points are of two columns; name two with --columns");
    const bool map = first->dim == 2 && first->n_context == 0 && plot->n_models == 1;
    FLOW_TRY(flow_plot_begin(plot, 1, s->n + map, err));
    plot->figure->title = s->has_data ? "data and draws" : "draws";
    plot->figure->subtitle =
        s->has_data ? flow_figure_text(plot->figure, "%s", flow_plot_base_name(o->rows.input)) : NULL;
    FLOW_TRY(flow_plot_columns_say(plot, &s->columns, s->has_data, err));
    for (int k = 0; k < s->n; k++)
        samples_panel(s, k, flow_figure_panel(plot->figure, 0, k));
    if (map)
        FLOW_TRY(samples_add_map(s, s->n, err));
    plot->result->draws = (int64_t)samples_points(s);
    if (s->has_data && s->rows[0].weight != NULL)
        flow_plot_note(plot, "The points are rows as they are: their weights are not shown.");
    flow_plot_rows_say(&s->rows[0], plot);
    return FLOW_OK;
}

flow_status flow_plot_samples(flow_plot *plot, flow_error *err)
{
    samples_plot *s = calloc(1, sizeof *s);
    if (s == NULL)
        return flow_error_memory(err, "a figure");
    s->plot = plot;
    const flow_status status = samples_run(s, err);
    for (int k = 0; k < s->n; k++)
        flow_plot_rows_free(&s->rows[k]);
    free(s);
    return status;
}
