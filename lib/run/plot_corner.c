/* Columns and pairs of columns: the draws of models against the data, or draws for several contexts. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "run/format.h"
#include "run/given.h"
#include "run/plot_corner_panels.h"

enum { CORNER_MOST = 6, CORNER_ALL = 8 };

/* ---- words ---- */

static void corner_say_levels(flow_corner *c)
{
    flow_plot *plot = c->plot;
    flow_text list = {0};
    for (int k = 0; k < plot->n_levels; k++)
        flow_text_add(&list, "%s%.3g", k == 0 ? "" : k + 1 < plot->n_levels ? ", " : " and ", 100 * plot->levels[k]);
    if (list.data == NULL || !c->has_kernel) {
        flow_text_free(&list);
        return;
    }
    const char *of = c->has_data ? "data" : "first draws";
    if (flow_plot_rows_effective(&c->rows[0]) < FLOW_SMOOTH_FEW)
        flow_plot_note(plot,
                       "Contours hold %s %% of the probability. They are those of histograms, smoothed by a "
                       "normal kernel of the width of Scott's rule for the %s, which has few rows.",
                       list.data, of);
    else if (c->least_factor < c->most_factor)
        flow_plot_note(plot,
                       "Contours hold %s %% of the probability. They are those of histograms, smoothed by a "
                       "normal kernel of %.2g to %.2g times the width of Scott's rule, as cross-validation on the %s "
                       "chooses.",
                       list.data, c->least_factor, c->most_factor, of);
    else
        flow_plot_note(plot,
                       "Contours hold %s %% of the probability. They are those of histograms, smoothed by a "
                       "normal kernel of %.2g times the width of Scott's rule, as cross-validation on the %s chooses.",
                       list.data, c->least_factor, of);
    flow_text_free(&list);
}

static double corner_outside(const flow_corner *c, int origin, int i)
{
    const flow_bins *bins = &c->histograms[origin].bins[i];
    return c->histograms[origin].sum > 0 ? (bins->below + bins->above) / c->histograms[origin].sum : 0;
}

static void corner_add_share(const flow_corner *c, flow_text *list, double first, double second)
{
    flow_text_add(list, "%.*g %%", first < 0.995 ? 2 : 3, 100 * first);
    if (c->n > 1)
        flow_text_add(list, " (%.*g %%)", second < 0.995 ? 2 : 3, 100 * second);
}

/* The spikes of a column that are beyond its axis; returns how many are within. */
static int corner_list_far_spikes(const flow_corner *c, int i, flow_text *list)
{
    const flow_plot_column *column = &c->columns.at[i];
    const flow_plot_histograms *first = &c->histograms[0], *second = &c->histograms[c->n > 1 ? 1 : 0];
    int within = 0;
    for (int k = 0; k < column->n_spikes; k++) {
        const double place = flow_axis_share(&column->axis, column->spikes[k]);
        if (place >= 0 && place <= 1) {
            within++;
            continue;
        }
        char value[FLOW_NUMBER_SIZE];
        flow_number_print(value, column->spikes[k]);
        flow_text_add(list, "%s%.40s = %s in ", list->length == 0 ? "" : ", ", column->name, value);
        corner_add_share(c, list, first->spikes[i][k] / first->sum, second->spikes[i][k] / second->sum);
    }
    return within;
}

/* What is not in the picture: of the first two origins. */
static void corner_say_outside(flow_corner *c)
{
    flow_text list = {0};
    bool has_spikes = false;
    for (int i = 0; i < c->columns.n; i++) {
        const double a = corner_outside(c, 0, i), b = c->n > 1 ? corner_outside(c, 1, i) : 0;
        has_spikes = corner_list_far_spikes(c, i, &list) > 0 || has_spikes;
        if (!(a >= 1e-3 || b >= 1e-3))
            continue;
        flow_text_add(&list, "%s%.40s ", list.length == 0 ? "" : ", ", c->columns.at[i].name);
        corner_add_share(c, &list, a, b);
    }
    if (list.data != NULL && list.length > 0)
        flow_plot_note(c->plot, "Outside of the axes: %s%s.", list.data,
                       c->n > 1 ? c->has_data ? ", of the data (of the draws)" : ", of the first draws (of the second)"
                                : "");
    if (has_spikes)
        flow_plot_note(c->plot,
                       "A line with a share is a value that many rows have%s; these rows are not in the "
                       "histograms and contours beside it.",
                       c->n > 1 ? ", in parentheses among the draws" : "");
    flow_text_free(&list);
}

static void corner_say_weights(flow_corner *c)
{
    const flow_plot_rows *data = &c->rows[0];
    if (c->has_data && data->weight != NULL)
        flow_plot_note(c->plot,
                       "Rows are weighed by %.60s: they count as %.0f rows; error bars are the root of the "
                       "sum of squared weights.",
                       data->weight, flow_plot_rows_effective(data));
}

/* ---- origins ---- */

static const char *corner_count(char out[FLOW_FORMAT_SIZE], const flow_plot_rows *rows)
{
    return flow_format_count(out, rows->n);
}

static flow_status corner_read(flow_corner *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    if (plot->o->rows.input == NULL || plot->o->kind == FLOW_PLOT_GIVEN)
        return FLOW_OK;
    c->has_data = true;
    c->n = 1;
    return flow_plot_rows_read(&c->rows[0], plot, 0, err);
}

static flow_status corner_draw_given(flow_corner *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    const flow_run_plot_options *o = plot->o;
    for (int m = 0; m < plot->n_models; m++)
        for (int k = 0; k < o->n_given; k++) {
            if (c->n == FLOW_CORNER_ORIGINS)
                return flow_error_set(err, FLOW_ARGUMENT,
                                      "there are %d models and %d contexts; a figure has room for "
                                      "%d curves",
                                      plot->n_models, o->n_given, FLOW_CORNER_ORIGINS);
            const int at = c->n++;
            FLOW_TRY(flow_given_read(&c->given[at], &plot->sessions[m], o->given[k], false, err));
            FLOW_TRY(
                flow_plot_rows_draw(&c->rows[at], plot, &plot->sessions[m], NULL, c->given[at], FLOW_PLOT_DRAWS, err));
            c->rows[at].color = flow_color_of(at);
        }
    return FLOW_OK;
}

static flow_status corner_draw(flow_corner *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    const flow_run_plot_options *o = plot->o;
    for (int m = 0; m < plot->n_models; m++)
        FLOW_TRY(flow_plot_need_context(&plot->sessions[m], c->has_data || o->n_given > 0, err));
    if (o->n_given > 0 && !c->has_data)
        return corner_draw_given(c, err);
    for (int m = 0; m < plot->n_models; m++) {
        const int at = c->n++;
        FLOW_TRY(flow_plot_rows_draw(&c->rows[at], plot, &plot->sessions[m], c->has_data ? &c->rows[0] : NULL, NULL,
                                     FLOW_PLOT_DRAWS, err));
        c->rows[at].color = flow_color_of(m);
    }
    return FLOW_OK;
}

static void corner_name_origins(flow_corner *c)
{
    flow_plot *plot = c->plot;
    char count[FLOW_FORMAT_SIZE];
    const bool given = plot->o->n_given > 0 && !c->has_data;
    for (int k = 0; k < c->n; k++) {
        flow_plot_rows *rows = &c->rows[k];
        corner_count(count, rows);
        if (rows->is_data)
            rows->legend = flow_figure_text(plot->figure, "data: %s rows", count);
        else if (given && plot->n_models == 1)
            rows->legend = plot->o->given[k];
        else if (given)
            rows->legend = flow_figure_text(plot->figure, "%s: %s", plot->names[k / plot->o->n_given],
                                            plot->o->given[k % plot->o->n_given]);
        else
            rows->legend =
                flow_figure_text(plot->figure, "%s: %s draws", plot->names[k - (c->has_data ? 1 : 0)], count);
    }
}

static void corner_title(flow_corner *c)
{
    flow_plot *plot = c->plot;
    flow_figure *figure = plot->figure;
    char count[FLOW_FORMAT_SIZE];
    flow_text names = {0};
    for (int m = 0; m < plot->n_models; m++)
        flow_text_add(&names, "%s%.60s", m == 0 ? "" : ", ", plot->names[m]);
    figure->title = flow_figure_text(figure,
                                     c->has_data            ? "%s against data"
                                     : plot->o->n_given > 0 ? "%s for given "
                                                              "contexts"
                                                            : "%s",
                                     names.data != NULL ? names.data : "");
    if (c->has_data)
        figure->subtitle = flow_figure_text(figure, "%s", flow_plot_base_name(plot->o->rows.input));
    else if (flow_corner_is_exact(c, 0))
        figure->subtitle = "the density itself; the axis is that of draws";
    else
        figure->subtitle = flow_figure_text(figure, "%s draws%s, seed %lld", corner_count(count, &c->rows[0]),
                                            c->n > 1 ? " each" : "", (long long)plot->o->seed);
    flow_text_free(&names);
}

/* The data stand first in the legend, although they are drawn over the lines: an entry without points. */
static void corner_begin_legend(flow_corner *c)
{
    static const double none = 0;
    if (!c->has_data)
        return;
    flow_item *item = flow_frame_add(c->plot->figure, flow_figure_panel(c->plot->figure, 0, 0), FLOW_ITEM_POINTS);
    item->x = item->y = item->low = item->high = &none;
    item->size = 0.4;
    item->legend = c->rows[0].legend;
}

static flow_status corner_fill(flow_corner *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    const int n = c->columns.n;
    plot->figure->corner = n > 1;
    corner_name_origins(c);
    corner_title(c);
    corner_begin_legend(c);
    for (int i = 0; i < n; i++) {
        FLOW_TRY(flow_corner_column(c, i, err));
        for (int j = 0; j < i; j++)
            FLOW_TRY(flow_corner_pair(c, i, j, err));
    }
    corner_say_levels(c);
    corner_say_outside(c);
    corner_say_weights(c);
    return FLOW_OK;
}

static flow_status corner_run(flow_corner *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    const flow_run_plot_options *o = plot->o;
    /* a terminal has room for few panels */
    const bool only_text = flow_plot_is_text(plot);
    const int fits = o->terminal.columns / 20 < 2 ? 2 : o->terminal.columns / 20;
    const int most = only_text && fits < CORNER_MOST ? fits : CORNER_MOST;
    const int all = only_text && fits < CORNER_ALL ? fits : CORNER_ALL;
    FLOW_TRY(corner_read(c, err));
    FLOW_TRY(corner_draw(c, err));
    FLOW_TRY(flow_plot_columns_choose(&c->columns, plot, c->rows, c->n, most, all, c->has_data, err));
    for (int k = 0; k < c->n; k++)
        FLOW_TRY(flow_plot_histograms_make(&c->histograms[k], &c->columns, &c->rows[k], err));
    FLOW_TRY(flow_plot_begin(plot, c->columns.n, c->columns.n, err));
    FLOW_TRY(flow_plot_columns_say(plot, &c->columns, c->has_data, err));
    plot->result->draws = c->rows[c->n - 1].n;
    return corner_fill(c, err);
}

flow_status flow_plot_corner(flow_plot *plot, flow_error *err)
{
    flow_corner *c = calloc(1, sizeof *c);
    if (c == NULL)
        return flow_error_memory(err, "a figure");
    c->plot = plot;
    flow_status status = corner_run(c, err);
    if (status == FLOW_OK)
        flow_plot_rows_say(&c->rows[0], plot);
    for (int k = 0; k < c->n; k++) {
        flow_plot_histograms_free(&c->histograms[k]);
        flow_plot_rows_free(&c->rows[k]);
        free(c->given[k]);
    }
    free(c);
    return status;
}
