/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_corner_panels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw/contour.h"

/* ---- one column ---- */

static void corner_spikes(flow_corner *c, flow_frame *panel, int i)
{
    flow_figure *figure = c->plot->figure;
    const flow_plot_column *column = &c->columns.at[i];
    for (int k = 0; k < column->n_spikes; k++) {
        const flow_plot_histograms *first = &c->histograms[0], *second = &c->histograms[c->n > 1 ? 1 : 0];
        flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_MARK);
        item->x = flow_figure_copy(figure, &column->spikes[k], 1);
        item->size = 0.92 - 0.12 * k;
        item->width = 1.6;
        item->color = FLOW_VERMILLION;
        item->align = flow_axis_share(&column->axis, column->spikes[k]) > 0.5 ? FLOW_ALIGN_RIGHT : FLOW_ALIGN_LEFT;
        item->text = c->n > 1 ? flow_figure_text(figure, "%.3g (%.3g) %%", 100 * first->spikes[i][k] / first->sum,
                                                 100 * second->spikes[i][k] / second->sum)
                              : flow_figure_text(figure, "%.3g %%", 100 * first->spikes[i][k] / first->sum);
    }
}

/* The density of an origin in the cells of a column, as a share of all its rows, and its error. */
static bool corner_density(const flow_corner *c, int origin, int i, double *edges, double *density, double *error)
{
    const flow_plot_histograms *h = &c->histograms[origin];
    const flow_bins *bins = &h->bins[i];
    flow_bins_edges(bins, edges);
    flow_bins_density(bins, density, error);
    const double share = h->sum > 0 ? bins->total / h->sum : 0; /* without the spikes */
    for (int k = 0; k < bins->n; k++) {
        density[k] *= share;
        error[k] *= share;
        if (c->columns.at[i].bars) { /* probabilities */
            const double width =
                (flow_axis_place(&bins->axis, bins->axis.high) - flow_axis_place(&bins->axis, bins->axis.low)) /
                bins->n;
            density[k] *= width;
            error[k] *= width;
        }
    }
    return bins->n > 0;
}

typedef struct corner_curve {
    size_t n;
    double *edges, *middle, *y, *low, *high;
} corner_curve;

static corner_curve corner_make_curve(flow_corner *c, int origin, int i)
{
    flow_figure *figure = c->plot->figure;
    const flow_bins *bins = &c->histograms[origin].bins[i];
    const size_t n = (size_t)bins->n;
    corner_curve out = {n,
                        flow_figure_numbers(figure, n + 1),
                        flow_figure_numbers(figure, n),
                        flow_figure_numbers(figure, n),
                        flow_figure_numbers(figure, n),
                        flow_figure_numbers(figure, n)};
    if (figure->arena.failed)
        return (corner_curve){0};
    corner_density(c, origin, i, out.edges, out.y, out.high);
    for (size_t k = 0; k < n; k++) {
        const flow_axis *axis = &bins->axis;
        const double a = flow_axis_place(axis, out.edges[k]), b = flow_axis_place(axis, out.edges[k + 1]);
        const double error = out.high[k];
        out.middle[k] = flow_axis_value(axis, 0.5 * (a + b));
        out.low[k] = out.y[k] - error;
        out.high[k] = out.y[k] + error;
    }
    return out;
}

/* Data: points with error bars, or bars at the values. Empty cells have none. */
static void corner_add_data(flow_corner *c, flow_frame *panel, int i, const corner_curve *curve)
{
    flow_figure *figure = c->plot->figure;
    const flow_plot_column *column = &c->columns.at[i];
    flow_item *item = flow_frame_add(figure, panel, column->bars ? FLOW_ITEM_BARS : FLOW_ITEM_POINTS);
    for (size_t k = 0; k < curve->n; k++)
        if (curve->y[k] == 0)
            curve->y[k] = (double)NAN;
    item->n = curve->n;
    item->x = curve->middle;
    item->y = curve->y;
    item->low = curve->low;
    item->high = curve->high;
    item->color = column->bars ? FLOW_MIDDLE : FLOW_BLACK;
    item->size = column->bars ? 0.72 * (column->step > 0 ? column->step : column->axis.high - column->axis.low) : 0.4;
    item->legend = c->rows[0].legend;
}

/* A model: steps with a band of their errors, or a line at each value. */
static void corner_add_draws(flow_corner *c, flow_frame *panel, int origin, int i, const corner_curve *curve)
{
    flow_figure *figure = c->plot->figure;
    const flow_plot_column *column = &c->columns.at[i];
    flow_item *item = flow_frame_add(figure, panel, column->bars ? FLOW_ITEM_CURVE : FLOW_ITEM_HISTOGRAM);
    item->color = c->rows[origin].color;
    item->width = column->bars ? 2.2 : 1.4;
    item->legend = c->rows[origin].legend;
    item->n = curve->n;
    if (!column->bars) {
        item->x = curve->edges;
        item->y = curve->y;
        item->low = curve->low;
        item->high = curve->high;
        return;
    }
    const size_t n = 3 * curve->n;
    double *x = flow_figure_numbers(figure, n), *y = flow_figure_numbers(figure, n);
    const double half = 0.42 * (curve->edges != NULL ? curve->edges[1] - curve->edges[0] : 0);
    for (size_t k = 0; k < curve->n && x != NULL && y != NULL; k++)
        for (size_t part = 0; part < 3; part++) {
            x[3 * k + part] = curve->middle[k] + (part == 0 ? -half : half);
            y[3 * k + part] = part == 2 ? (double)NAN : curve->y[k];
        }
    item->n = n;
    item->x = x;
    item->y = y;
}

/* ---- the only column of a model for a context: its density itself ---- */

bool flow_corner_is_exact(const flow_corner *c, int origin)
{
    const flow_plot_column *column = &c->columns.at[0];
    const flow_session *s = c->rows[origin].s;
    return c->given[origin] != NULL && s->dim == 1 && s->model->f->n_discrete == 0 && !column->bars &&
           column->n_spikes == 0;
}

/* p(x | c) over the places of the axis. */
static flow_status corner_add_exact(flow_corner *c, flow_frame *panel, int origin, double *most, flow_error *err)
{
    enum { POINTS = 601 };
    flow_figure *figure = c->plot->figure;
    const flow_session *s = c->rows[origin].s;
    const flow_axis *axis = &panel->x;
    const size_t width = (size_t)s->width;
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    double *x = flow_figure_numbers(figure, POINTS), *y = flow_figure_numbers(figure, POINTS);
    double *rows = calloc(POINTS, width * sizeof *rows);
    if (x == NULL || y == NULL || rows == NULL) {
        free(rows);
        return flow_error_memory(err, "a density");
    }
    for (size_t k = 0; k < POINTS; k++) {
        x[k] = flow_axis_value(axis, low + (high - low) * (double)k / (POINTS - 1));
        rows[k * width] = x[k];
        memcpy(rows + k * width + 1, c->given[origin], (width - 1) * sizeof *rows);
    }
    flow_ensemble_logp(s->ensemble, rows, POINTS, y, NULL);
    for (size_t k = 0; k < POINTS; k++) {
        const double place = flow_axis_place(axis, x[k]), h = 1e-6 * (high - low);
        const double slope = axis->scale == FLOW_SCALE_LINEAR
                                 ? 1
                                 : (flow_axis_value(axis, place + h) - flow_axis_value(axis, place - h)) / (2 * h);
        y[k] = isnan(y[k]) ? (double)NAN : exp(y[k]) * slope;
        *most = fmax(*most, y[k]);
    }
    free(rows);
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
    item->n = POINTS;
    item->x = x;
    item->y = y;
    item->width = 1.8;
    item->color = c->rows[origin].color;
    item->legend = c->rows[origin].legend;
    return FLOW_OK;
}

flow_status flow_corner_column(flow_corner *c, int i, flow_error *err)
{
    flow_figure *figure = c->plot->figure;
    flow_frame *panel = flow_figure_panel(figure, i, i);
    double most = 0;
    panel->x = c->columns.at[i].axis;
    for (int pass = 0; pass < 2; pass++) /* points are over lines, and boxes under them */
        for (int k = 0; k < c->n; k++) {
            const bool data = c->has_data && k == 0;
            if ((data && !c->columns.at[i].bars) != (pass == 1))
                continue;
            if (flow_corner_is_exact(c, k)) {
                FLOW_TRY(corner_add_exact(c, panel, k, &most, err));
                continue;
            }
            const corner_curve curve = corner_make_curve(c, k, i);
            for (size_t b = 0; b < curve.n; b++)
                most = fmax(most, data ? curve.high[b] : curve.y[b]);
            if (data)
                corner_add_data(c, panel, i, &curve);
            else
                corner_add_draws(c, panel, k, i, &curve);
        }
    panel->y = (flow_axis){.low = 0, .high = most > 0 ? 1.12 * most : 1, .no_ticks = c->columns.n > 1};
    panel->y.label = c->columns.n > 1 ? NULL : c->columns.at[i].bars ? "share of the rows" : "density";
    corner_spikes(c, panel, i);
    return FLOW_OK;
}

/* ---- a pair ---- */

static flow_status corner_add_contour(flow_corner *c, flow_frame *panel, const flow_plot_density *density, double level,
                                      flow_item **out, bool area, flow_error *err)
{
    flow_figure *figure = c->plot->figure;
    flow_contour contour;
    flow_status status = flow_contour_trace(&contour, density->z, density->nx, density->ny, level, area, err);
    flow_item *item = flow_frame_add(figure, panel, area ? FLOW_ITEM_AREA : FLOW_ITEM_CURVE);
    double *x = flow_figure_numbers(figure, contour.n), *y = flow_figure_numbers(figure, contour.n);
    const double x0 = flow_axis_place(&panel->x, panel->x.low), x1 = flow_axis_place(&panel->x, panel->x.high);
    const double y0 = flow_axis_place(&panel->y, panel->y.low), y1 = flow_axis_place(&panel->y, panel->y.high);
    for (size_t k = 0; k < contour.n && x != NULL && y != NULL; k++) {
        x[k] = flow_axis_value(&panel->x, x0 + (x1 - x0) * contour.x[k]);
        y[k] = flow_axis_value(&panel->y, y0 + (y1 - y0) * contour.y[k]);
    }
    item->n = contour.n;
    item->x = x;
    item->y = y;
    *out = item;
    flow_contour_free(&contour);
    return status;
}

static flow_status corner_add_levels(flow_corner *c, flow_frame *panel, int origin, const flow_plot_density *density,
                                     flow_error *err)
{
    const flow_plot *plot = c->plot;
    const bool data = c->has_data && origin == 0;
    double levels[FLOW_PLOT_LEVELS_MAX];
    FLOW_TRY(flow_mass_levels(levels, plot->levels, plot->n_levels, density->z,
                              (size_t)density->nx * (size_t)density->ny, density->total, err));
    for (int k = plot->n_levels - 1; k >= 0; k--) { /* the largest region first */
        flow_item *item;
        if (isnan(levels[k]))
            continue;
        FLOW_TRY(corner_add_contour(c, panel, density, levels[k], &item, data, err));
        const int shade = plot->n_levels - 1 - k;
        item->color = data ? (flow_color)(FLOW_LIGHT + (shade > 2 ? 2 : shade)) : c->rows[origin].color;
        item->width = 1.3;
    }
    return FLOW_OK;
}

flow_status flow_corner_pair(flow_corner *c, int i, int j, flow_error *err)
{
    flow_frame *panel = flow_figure_panel(c->plot->figure, i, j);
    flow_kernel kernel = {0};
    flow_status status = FLOW_OK;
    panel->x = c->columns.at[j].axis;
    panel->y = c->columns.at[i].axis;
    for (int k = 0; k < c->n && status == FLOW_OK; k++) {
        flow_plot_density density;
        if (!(c->histograms[k].cells[i][j].inside > 0))
            continue;
        status = flow_plot_density_make(&density, &c->histograms[k], i, j, &kernel, kernel.factor == 0, err);
        if (status == FLOW_OK)
            status = corner_add_levels(c, panel, k, &density, err);
        free(density.z);
    }
    if (kernel.factor > 0 && !(c->columns.at[i].bars && c->columns.at[j].bars)) {
        c->least_factor = c->has_kernel ? fmin(c->least_factor, kernel.factor) : kernel.factor;
        c->most_factor = c->has_kernel ? fmax(c->most_factor, kernel.factor) : kernel.factor;
        c->has_kernel = true;
    }
    return status;
}
