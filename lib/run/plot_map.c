/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw/contour.h"
#include "draw/smooth.h"
#include "run/given.h"

enum { MAP_CELLS = 200, MAP_POINTS = 2000, MAP_DRAWS = 20000 };

/* Nats below the greatest log p that are told apart. */
#define MAP_DEPTH 10.0

/* ---- the grid ---- */

static int map_cells(const flow_plot_column *column)
{
    const double values = column->step > 0 ? (column->axis.high - column->axis.low) / column->step : MAP_CELLS;
    return column->step > 0 && values <= MAP_CELLS ? (int)lround(values) : MAP_CELLS;
}

/* The value in the middle of cell k of n; of a lattice, a value of it. */
static double map_value(const flow_plot_column *column, int k, int n)
{
    const flow_axis *axis = &column->axis;
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    const double value = flow_axis_value(axis, low + (high - low) * (k + 0.5) / n);
    if (!(column->step > 0))
        return value;
    const double first = axis->low + 0.5 * column->step;
    return first + column->step * nearbyint((value - first) / column->step);
}

/* Fills z (ny, nx) with log p; NaN outside of the support. */
static flow_status map_evaluate(double *z, int nx, int ny, const flow_session *s, const flow_plot_columns *columns,
                                const double *row, flow_error *err)
{
    const size_t width = (size_t)s->width, n = (size_t)nx * (size_t)ny, n_max = flow_batch_rows(width);
    const size_t room = n < n_max ? n : n_max;
    double *rows = calloc(room, width * sizeof *rows);
    if (rows == NULL)
        return flow_error_memory(err, "the rows of a map");
    for (size_t at = 0; at < n; at += room) {
        const size_t m = n - at < room ? n - at : room;
        for (size_t i = 0; i < m; i++) {
            const int k = (int)(at + i);
            double *to = rows + i * width;
            memcpy(to, row, width * sizeof *row);
            to[columns->at[0].at] = map_value(&columns->at[0], k % nx, nx);
            to[columns->at[1].at] = map_value(&columns->at[1], k / nx, ny);
        }
        flow_ensemble_logp(s->ensemble, rows, m, z + at, NULL);
    }
    for (size_t k = 0; k < n; k++)
        if (!isfinite(z[k]))
            z[k] = (double)NAN;
    free(rows);
    return FLOW_OK;
}

/* ---- contours ---- */

/* Values per place of an axis, in the middle of cell k. */
static double map_slope(const flow_axis *axis, int k, int n)
{
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    const double a = low + (high - low) * k / n, b = low + (high - low) * (k + 1) / n;
    return (flow_axis_value(axis, b) - flow_axis_value(axis, a)) / (b - a);
}

/* The probability of each cell, p (ny, nx), and of all together. */
static double map_integrate(double *p, const double *z, int nx, int ny, const flow_plot_columns *columns)
{
    const flow_axis *x = &columns->at[0].axis, *y = &columns->at[1].axis;
    const double width = (flow_axis_place(x, x->high) - flow_axis_place(x, x->low)) / nx;
    const double height = (flow_axis_place(y, y->high) - flow_axis_place(y, y->low)) / ny;
    double sum = 0;
    for (int j = 0; j < ny; j++)
        for (int i = 0; i < nx; i++) {
            const size_t k = (size_t)j * (size_t)nx + (size_t)i;
            p[k] = isnan(z[k]) ? 0 : exp(z[k]) * width * height * map_slope(x, i, nx) * map_slope(y, j, ny);
            sum += p[k];
        }
    return sum;
}

static flow_status map_add_contours(flow_plot *plot, flow_frame *panel, const double *z, int nx, int ny,
                                    const flow_plot_columns *columns, flow_error *err)
{
    flow_figure *figure = plot->figure;
    double levels[FLOW_PLOT_LEVELS_MAX], *p = calloc((size_t)nx * (size_t)ny + 1, sizeof *p);
    if (p == NULL)
        return flow_error_memory(err, "a density");
    map_integrate(p, z, nx, ny, columns);
    flow_status status = flow_mass_levels(levels, plot->levels, plot->n_levels, p, (size_t)nx * (size_t)ny, 1, err);
    for (int k = 0; k < plot->n_levels && status == FLOW_OK; k++) {
        flow_contour contour;
        if (isnan(levels[k]))
            continue;
        status = flow_contour_trace(&contour, p, nx, ny, levels[k], false, err);
        double *x = flow_figure_numbers(figure, contour.n), *y = flow_figure_numbers(figure, contour.n);
        const double x0 = flow_axis_place(&panel->x, panel->x.low), x1 = flow_axis_place(&panel->x, panel->x.high);
        const double y0 = flow_axis_place(&panel->y, panel->y.low), y1 = flow_axis_place(&panel->y, panel->y.high);
        for (size_t i = 0; i < contour.n && x != NULL && y != NULL; i++) {
            x[i] = flow_axis_value(&panel->x, x0 + (x1 - x0) * contour.x[i]);
            y[i] = flow_axis_value(&panel->y, y0 + (y1 - y0) * contour.y[i]);
        }
        flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
        item->n = contour.n;
        item->x = x;
        item->y = y;
        item->color = FLOW_WHITE;
        item->width = 0.9;
        flow_contour_free(&contour);
    }
    free(p);
    return status;
}

flow_status flow_plot_map_add(flow_plot *plot, flow_frame *panel, const flow_session *s,
                              const flow_plot_columns *columns, const double *row, flow_error *err)
{
    flow_figure *figure = plot->figure;
    const int nx = map_cells(&columns->at[0]), ny = map_cells(&columns->at[1]);
    double *z = flow_figure_numbers(figure, (size_t)nx * (size_t)ny);
    if (z == NULL)
        return flow_error_memory(err, "a map");
    panel->x = columns->at[0].axis;
    panel->y = columns->at[1].axis;
    panel->bar_label = "log p / nats";
    FLOW_TRY(map_evaluate(z, nx, ny, s, columns, row, err));
    panel->z_high = -INFINITY;
    for (size_t k = 0; k < (size_t)nx * (size_t)ny; k++)
        panel->z_high = fmax(panel->z_high, z[k]);
    if (panel->z_high == -INFINITY)
        return flow_error_set(err, FLOW_NUMERIC, "%s: has no finite log-density over %s and %s", s->name,
                              columns->at[0].name, columns->at[1].name);
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_GRID);
    item->nx = nx;
    item->ny = ny;
    item->z = z;
    const bool lattice = columns->at[0].step > 0 || columns->at[1].step > 0;
    if (s->dim == 2 && !lattice && s->model->f->n_discrete == 0)
        return map_add_contours(plot, panel, z, nx, ny, columns, err);
    return FLOW_OK;
}

void flow_plot_map_scale(flow_plot *plot, flow_frame *const *panels, int n)
{
    double most = -INFINITY, least = INFINITY;
    bool has_contours = false;
    for (int k = 0; k < n; k++) {
        most = fmax(most, panels[k]->z_high);
        for (const flow_item *item = panels[k]->items; item != NULL; item = item->next) {
            has_contours = has_contours || (item->kind == FLOW_ITEM_CURVE && item->color == FLOW_WHITE);
            for (size_t i = 0; item->kind == FLOW_ITEM_GRID && i < (size_t)item->nx * (size_t)item->ny; i++)
                least = isnan(item->z[i]) ? least : fmin(least, item->z[i]);
        }
    }
    for (int k = 0; k < n; k++) {
        panels[k]->z_high = most;
        panels[k]->z_low = fmax(least, most - MAP_DEPTH);
        if (!(panels[k]->z_low < most))
            panels[k]->z_low = most - 1;
    }
    if (least < most - MAP_DEPTH)
        flow_plot_note(plot, "log p below %.3g has the darkest colour.", most - MAP_DEPTH);
    if (!has_contours)
        return;
    flow_text list = {0};
    for (int k = 0; k < plot->n_levels; k++)
        flow_text_add(&list, "%s%.3g", k == 0 ? "" : k + 1 < plot->n_levels ? ", " : " and ", 100 * plot->levels[k]);
    if (list.data != NULL)
        flow_plot_note(plot, "Lines hold %s %% of the probability.", list.data);
    flow_text_free(&list);
}

/* ---- the picture ---- */

typedef struct map_plot {
    flow_plot *plot;
    flow_plot_rows rows; /* data, or draws of the first model: for the axes and the medians */
    flow_plot_columns columns;
    double *given, *row;
    bool has_data;
} map_plot;

static int map_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of each column of the rows that are kept. */
static flow_status map_take_medians(map_plot *m, flow_error *err)
{
    const size_t n = m->rows.kept.n;
    double *values = malloc((n + 1) * sizeof *values);
    if (values == NULL)
        return flow_error_memory(err, "the medians");
    for (size_t k = 0; k < m->rows.width; k++) {
        for (size_t i = 0; i < n; i++)
            values[i] = flow_plot_row(&m->rows, i)[k];
        qsort(values, n, sizeof *values, map_compare);
        m->row[k] = values[n / 2];
    }
    free(values);
    return FLOW_OK;
}

/* A row of the data, by its number. */
typedef struct map_wanted {
    int64_t left;
    double *row;
    size_t width;
    bool found;
} map_wanted;

static void map_take_row(void *context, const double *row, double weight)
{
    (void)weight;
    map_wanted *wanted = context;
    if (--wanted->left == 0) {
        memcpy(wanted->row, row, wanted->width * sizeof *row);
        wanted->found = true;
    }
}

static flow_status map_choose_row(map_plot *m, flow_error *err)
{
    const flow_run_plot_options *o = m->plot->o;
    const flow_session *s = &m->plot->sessions[0];
    m->row = calloc((size_t)s->width, sizeof *m->row);
    if (m->row == NULL)
        return flow_error_memory(err, "a row");
    if (o->row == 0) {
        FLOW_TRY(map_take_medians(m, err));
    } else {
        map_wanted wanted = {.left = o->row, .row = m->row, .width = (size_t)s->width};
        FLOW_TRY(flow_plot_rows_walk(&m->rows, map_take_row, &wanted, err));
        if (!wanted.found)
            return flow_error_set(err, FLOW_ARGUMENT, "--row %lld: %s has %lld rows", (long long)o->row, o->rows.input,
                                  (long long)m->rows.n);
    }
    if (m->given != NULL)
        memcpy(m->row + s->dim, m->given, (size_t)s->n_context * sizeof *m->given);
    return FLOW_OK;
}

/* Rows of data over the map, where it is the whole density. */
static void map_add_points(map_plot *m, flow_frame *panel)
{
    flow_figure *figure = m->plot->figure;
    const size_t n = m->rows.kept.n < MAP_POINTS ? m->rows.kept.n : MAP_POINTS;
    double *x = flow_figure_numbers(figure, n), *y = flow_figure_numbers(figure, n);
    for (size_t i = 0; i < n && x != NULL && y != NULL; i++) {
        const double *row = flow_plot_row(&m->rows, i);
        x[i] = flow_plot_column_value(&m->columns.at[0], row[m->columns.at[0].at]);
        y[i] = flow_plot_column_value(&m->columns.at[1], row[m->columns.at[1].at]);
    }
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_POINTS);
    item->n = n;
    item->x = x;
    item->y = y;
    item->size = 0.18;
    item->opacity = 0.7;
    item->color = FLOW_VERMILLION;
    item->legend = flow_figure_text(figure, "%zu rows of the data", n);
}

static void map_say_row(map_plot *m)
{
    flow_plot *plot = m->plot;
    const flow_session *s = &plot->sessions[0];
    flow_text list = {0};
    int n = 0;
    for (int k = 0; k < s->width; k++) {
        if (k == m->columns.at[0].at || k == m->columns.at[1].at)
            continue;
        if (n++ < 8)
            flow_text_add(&list, "%s%.40s = %.4g", n == 1 ? "" : ", ",
                          k < s->dim ? s->columns[k] : s->context[k - s->dim], m->row[k]);
    }
    const bool slice = s->dim > 2;
    if (n > 0 && list.data != NULL)
        plot->figure->subtitle =
            flow_figure_text(plot->figure, "%s %s%s", slice ? "where" : "given", list.data, n > 8 ? ", ..." : "");
    if (slice)
        flow_plot_note(plot,
                       "The other columns have the values of %s: a slice through the density, and not the density "
                       "of the two columns.",
                       plot->o->row > 0 ? "a row of the data"
                       : m->has_data    ? "the medians of the data"
                                        : "the medians of draws");
    flow_text_free(&list);
}

static flow_status map_draw(map_plot *m, flow_error *err)
{
    flow_plot *plot = m->plot;
    const int n = plot->n_models, across = n < 3 ? n : 3;
    flow_frame *panels[FLOW_PLOT_MODELS_MAX] = {0};
    FLOW_TRY(flow_plot_begin(plot, (n + across - 1) / across, across, err));
    FLOW_TRY(flow_plot_columns_say(plot, &m->columns, m->has_data, err));
    for (int k = 0; k < n; k++) {
        panels[k] = flow_figure_panel(plot->figure, k / across, k % across);
        panels[k]->title = n > 1 ? plot->names[k] : NULL;
        FLOW_TRY(flow_plot_map_add(plot, panels[k], &plot->sessions[k], &m->columns, m->row, err));
        if (m->has_data && plot->sessions[k].dim == 2 && plot->sessions[k].n_context == 0)
            map_add_points(m, panels[k]);
    }
    flow_plot_map_scale(plot, panels, n);
    plot->figure->title =
        n == 1 ? flow_figure_text(plot->figure, "log-density of %s", plot->names[0]) : "log-densities";
    map_say_row(m);
    plot->result->draws = m->has_data ? 0 : m->rows.n;
    return FLOW_OK;
}

static flow_status map_run(map_plot *m, flow_error *err)
{
    flow_plot *plot = m->plot;
    const flow_run_plot_options *o = plot->o;
    const flow_session *s = &plot->sessions[0];
    m->has_data = o->rows.input != NULL;
    if (s->dim < 2)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--kind map: %s has one column, and a map is of two; --kind given "
                              "draws the density of one",
                              s->name);
    if (o->row > 0 && !m->has_data)
        return flow_error_set(err, FLOW_ARGUMENT, "--row %lld: name the data behind the model", (long long)o->row);
    if (o->n_given > 0)
        FLOW_TRY(flow_given_read(&m->given, s, o->given[0], false, err));
    else
        FLOW_TRY(flow_plot_need_context(s, o->row > 0, err));
    if (m->has_data)
        FLOW_TRY(flow_plot_rows_read(&m->rows, plot, 0, err));
    else
        FLOW_TRY(flow_plot_rows_draw(&m->rows, plot, s, NULL, m->given, MAP_DRAWS, err));
    FLOW_TRY(flow_plot_columns_choose(&m->columns, plot, &m->rows, 1, 2, 2, false, err));
    if (m->columns.n != 2)
        return flow_error_set(err, FLOW_ARGUMENT, "--columns %s: a map is of two columns", o->columns);
    FLOW_TRY(map_choose_row(m, err));
    FLOW_TRY(map_draw(m, err));
    flow_plot_rows_say(&m->rows, plot);
    return FLOW_OK;
}

flow_status flow_plot_map(flow_plot *plot, flow_error *err)
{
    map_plot m = {.plot = plot};
    const flow_status status = map_run(&m, err);
    flow_plot_rows_free(&m.rows);
    free(m.given);
    free(m.row);
    return status;
}
