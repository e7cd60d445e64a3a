/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- distances ---- */

typedef struct weighted_value {
    double value, weight;
    bool first;
} weighted_value;

static int columns_compare(const void *a, const void *b)
{
    const double x = ((const weighted_value *)a)->value, y = ((const weighted_value *)b)->value;
    return (x > y) - (x < y);
}

/* The largest difference between the weighted distribution functions of a column; `room` is for the rows of both. */
static double columns_distance(weighted_value *room, const flow_plot_rows *a, const flow_plot_rows *b, int at)
{
    const flow_plot_rows *both[2] = {a, b};
    double sums[2] = {0, 0}, gone[2] = {0, 0}, most = 0;
    size_t n = 0;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < both[k]->kept.n; i++, n++) {
            const double *row = flow_plot_row(both[k], i);
            room[n] = (weighted_value){row[at], row[both[k]->width], k == 0};
            sums[k] += room[n].weight;
        }
    qsort(room, n, sizeof *room, columns_compare);
    for (size_t i = 0; i < n; i++) {
        gone[room[i].first ? 0 : 1] += room[i].weight;
        if (i + 1 == n || room[i + 1].value > room[i].value)
            most = fmax(most, fabs(gone[0] / sums[0] - gone[1] / sums[1]));
    }
    return most;
}

/* ---- the choice ---- */

static const char *columns_name(const flow_session *s, int at)
{
    return at < s->dim ? s->columns[at] : s->context[at - s->dim];
}

static flow_status columns_by_name(flow_plot_columns *out, const flow_plot *plot, int n_all, flow_error *err)
{
    const flow_session *s = &plot->sessions[0];
    flow_name_list names = {0};
    char hint[FLOW_HINT_SIZE];
    flow_status status = flow_name_list_split(&names, plot->o->columns, err);
    if (status == FLOW_OK && names.n > FLOW_PLOT_COLUMNS_MAX)
        status = flow_error_set(err, FLOW_ARGUMENT, "--columns names %d columns; a figure has room for %d", names.n,
                                FLOW_PLOT_COLUMNS_MAX);
    for (int k = 0; k < names.n && status == FLOW_OK; k++) {
        int at = 0;
        while (at < n_all && strcmp(columns_name(s, at), names.at[k]) != 0)
            at++;
        for (int i = 0; i < out->n && status == FLOW_OK; i++)
            if (out->at[i].at == at)
                status = flow_error_set(err, FLOW_ARGUMENT, "--columns names \"%.80s\" twice", names.at[k]);
        if (at < n_all) {
            out->at[out->n++] = (flow_plot_column){.at = at, .name = columns_name(s, at), .distance = (double)NAN};
        } else if (status == FLOW_OK) {
            const char **all = flow_session_names(s, s->columns);
            if (all != NULL)
                flow_hint(hint, names.at[k], all, n_all, "it has");
            status = all == NULL ? flow_error_memory(err, "column names")
                                 : flow_error_set(err, FLOW_ARGUMENT, "--columns %.80s: %s has no such column; %s",
                                                  names.at[k], s->name, hint);
            free(all);
        }
    }
    flow_name_list_free(&names);
    return status;
}

/* The `most` columns with the greatest distances, in the order of the data. */
static void columns_by_distance(flow_plot_columns *out, const double *distances, int n_all, int most)
{
    for (int at = 0; at < n_all; at++) {
        int above = 0; /* columns that go before it */
        for (int k = 0; k < n_all && above < most; k++)
            above += distances[k] > distances[at] || (distances[k] == distances[at] && k < at);
        if (above < most)
            out->at[out->n++] = (flow_plot_column){.at = at, .distance = distances[at]};
    }
}

static flow_status columns_choose(flow_plot_columns *out, const flow_plot *plot, const flow_plot_rows *origins, int n,
                                  int most, int all, flow_error *err)
{
    const int n_all = out->n_all;
    const bool compares = n > 1 && origins[0].kept.n > 0 && origins[1].kept.n > 0;
    double *distances = calloc((size_t)n_all, sizeof *distances);
    weighted_value *room = compares ? malloc((origins[0].kept.n + origins[1].kept.n) * sizeof *room) : NULL;
    flow_status status = FLOW_OK;
    if (distances == NULL || (compares && room == NULL))
        status = flow_error_memory(err, "the distances of columns");
    for (int at = 0; at < n_all && compares && status == FLOW_OK; at++)
        distances[at] = columns_distance(room, &origins[0], &origins[1], at);
    if (status == FLOW_OK && plot->o->columns == NULL) {
        out->chosen = n_all > all;
        columns_by_distance(out, distances, n_all, out->chosen ? most : n_all);
    } else if (status == FLOW_OK) {
        status = columns_by_name(out, plot, n_all, err);
    }
    for (int k = 0; k < out->n && status == FLOW_OK; k++) {
        out->at[k].name = columns_name(&plot->sessions[0], out->at[k].at);
        out->at[k].distance = compares ? distances[out->at[k].at] : (double)NAN;
    }
    free(room);
    free(distances);
    return status;
}

/* ---- axes ---- */

static int columns_compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static flow_status columns_make_axis(flow_plot_column *column, const flow_plot *plot, const flow_plot_rows *origins,
                                     int n, bool alone, flow_error *err)
{
    const flow *f = plot->sessions[0].model->f;
    const double period = f->periods != NULL && column->at < f->dim ? f->periods[column->at] : 0;
    double *sorted[2 * FLOW_PLOT_MODELS_MAX + 1] = {0};
    size_t n_sorted[2 * FLOW_PLOT_MODELS_MAX + 1] = {0};
    flow_status status = FLOW_OK;
    for (int k = 0; k < n && status == FLOW_OK; k++) {
        n_sorted[k] = origins[k].kept.n;
        sorted[k] = malloc((n_sorted[k] + 1) * sizeof **sorted);
        if (sorted[k] == NULL)
            status = flow_error_memory(err, "the values of a column");
        for (size_t i = 0; i < n_sorted[k] && status == FLOW_OK; i++)
            sorted[k][i] = flow_plot_row(&origins[k], i)[column->at];
        if (status == FLOW_OK)
            qsort(sorted[k], n_sorted[k], sizeof **sorted, columns_compare_numbers);
    }
    const flow_plot_axis_options how = {.n_origins = n,
                                        .most = alone ? 100 : 48,
                                        .equal = !origins[0].is_data,
                                        .period = period,
                                        .effective = flow_plot_rows_effective(&origins[0])};
    if (status == FLOW_OK)
        flow_plot_axis_choose(column, sorted, n_sorted, &how);
    for (int k = 0; k < n; k++)
        free(sorted[k]);
    return status;
}

flow_status flow_plot_columns_choose(flow_plot_columns *out, const flow_plot *plot, const flow_plot_rows *origins,
                                     int n, int most, int all, bool given_too, flow_error *err)
{
    const flow_session *s = &plot->sessions[0];
    *out = (flow_plot_columns){.n_all = given_too ? s->width : s->dim};
    if (given_too && plot->o->columns == NULL && s->width > all)
        out->n_all = s->dim;
    FLOW_TRY(columns_choose(out, plot, origins, n, most, all, err));
    for (int k = 0; k < out->n; k++)
        FLOW_TRY(columns_make_axis(&out->at[k], plot, origins, n, out->n == 1, err));
    return FLOW_OK;
}

flow_status flow_plot_columns_say(flow_plot *plot, const flow_plot_columns *columns, bool has_data, flow_error *err)
{
    flow_run_plot_result *r = plot->result;
    flow_plot_shown *shown = calloc((size_t)columns->n + 1, sizeof *shown);
    r->columns = (flow_list){shown, shown != NULL ? (size_t)columns->n : 0};
    r->all_columns = columns->n_all;
    r->chosen = columns->chosen;
    if (shown == NULL)
        return flow_error_memory(err, "the columns");
    for (int k = 0; k < columns->n; k++)
        shown[k] = (flow_plot_shown){columns->at[k].name, columns->at[k].distance};
    if (columns->chosen && has_data)
        flow_plot_note(plot,
                       "Shown are the %d of %d columns in which data and model differ most (largest difference "
                       "of their distribution functions); --columns chooses others.",
                       columns->n, columns->n_all);
    else if (columns->chosen)
        flow_plot_note(plot, "Shown are the first %d of %d columns; --columns chooses others.", columns->n,
                       columns->n_all);
    return FLOW_OK;
}
