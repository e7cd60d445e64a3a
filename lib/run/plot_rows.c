/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/real.h"
#include "run/format.h"
#include "run/weighed.h"

/* Rows to keep: a multiple of a tile, so that draws go on behind them. */
static size_t plot_rows_most(size_t width)
{
    size_t most = FLOW_PLOT_VALUES / (width + 1);
    most = most > FLOW_PLOT_ROWS ? FLOW_PLOT_ROWS : most / FLOW_TILE * FLOW_TILE;
    return most < 2 * FLOW_TILE ? 2 * FLOW_TILE : most;
}

double flow_plot_rows_effective(const flow_plot_rows *rows)
{
    return rows->squares > 0 ? rows->sum * rows->sum / rows->squares : 0;
}

static void plot_rows_count(flow_plot_rows *rows, double weight)
{
    rows->n++;
    rows->sum += weight;
    rows->squares += weight * weight;
}

/* ---- data ---- */

/* Reads up to the end, or up to `most` rows. */
static flow_status plot_rows_stream(flow_plot_rows *rows, int64_t most, flow_plot_take *use, void *context,
                                    flow_error *err)
{
    const flow_run_hooks *hooks = &rows->plot->o->rows.hooks;
    const size_t width = rows->width, n_max = flow_batch_rows(width + 2);
    double *values = calloc(n_max, (width + 2) * sizeof *values);
    int64_t *numbers = calloc(n_max, sizeof *numbers), left = most;
    size_t n = 1;
    flow_status status = values == NULL || numbers == NULL ? flow_error_memory(err, "the rows") : FLOW_OK;
    while (status == FLOW_OK && n > 0 && left > 0) {
        double *weights = values + n_max * (width + 1);
        if (flow_run_should_stop(hooks))
            status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
        else
            status = flow_input_read(&rows->in, values, numbers, left < (int64_t)n_max ? (size_t)left : n_max, &n, err);
        if (status != FLOW_OK)
            break;
        flow_input_split(&rows->in, width, n, values, weights);
        for (size_t i = 0; i < n; i++)
            use(context, values + i * width, weights[i]);
        left -= (int64_t)n;
    }
    free(values);
    free(numbers);
    return status;
}

static void plot_rows_keep(void *context, const double *row, double weight)
{
    flow_plot_rows *rows = context;
    plot_rows_count(rows, weight);
    flow_reservoir_add(&rows->kept, row, weight);
}

static flow_status plot_rows_check(const flow_plot_rows *rows, flow_error *err)
{
    const char *data = rows->plot->o->rows.input;
    if (rows->n == 0)
        return flow_error_set(err, FLOW_DATA, "%s: there are no %srows in it", data,
                              rows->in.reader->n_skipped > 0 ? "valid " : "");
    if (!(rows->sum > 0))
        return flow_error_set(err, FLOW_DATA,
                              "%s: the sum of the weights is not positive, so that there is no density "
                              "of the rows",
                              data);
    return FLOW_OK;
}

flow_status flow_plot_rows_read(flow_plot_rows *out, const flow_plot *plot, int64_t first, flow_error *err)
{
    const flow_session *s = &plot->sessions[0];
    const flow_row_options *o = &plot->o->rows;
    *out = (flow_plot_rows){.plot = plot, .width = (size_t)s->width, .is_data = true, .color = FLOW_BLACK};
    const flow_weighed_options weighed = {.asked = plot->o->weight, .trained = s->model->spec->data->weight};
    FLOW_TRY(flow_weighed_open(&out->in, &out->weight, s, o, &weighed, err));
    const size_t most = first > 0 ? (size_t)first : plot_rows_most(out->width);
    FLOW_TRY(flow_reservoir_start(&out->kept, out->width + 1, most, (uint64_t)plot->o->seed, err));
    out->goes_on = !out->in.reader->can_seek;
    out->start = flow_reader_tell(out->in.reader);
    flow_run_begin(&o->hooks);
    const bool only_first = out->goes_on || first > 0;
    FLOW_TRY(plot_rows_stream(out, only_first ? (int64_t)most : INT64_MAX, plot_rows_keep, out, err));
    flow_run_say_remarks(&o->hooks, o->input, &out->in.reader->remarks);
    return plot_rows_check(out, err);
}

void flow_plot_rows_say(const flow_plot_rows *rows, flow_plot *plot)
{
    if (rows->in.reader == NULL)
        return;
    const flow_skipped skipped = flow_reader_skipped(rows->in.reader, NULL);
    plot->result->rows = rows->n;
    plot->result->skipped = skipped.rows;
    flow_run_warn_skipped(&plot->o->rows.hooks, plot->o->rows.input, &skipped, "", "");
}

/* ---- draws ---- */

static flow_status plot_rows_make_draws(flow_plot_rows *rows, uint64_t first, size_t n, double *x, double *context,
                                        flow_error *err)
{
    const flow_session *s = rows->s;
    const size_t c = (size_t)s->n_context, d = (size_t)s->dim;
    if (flow_run_should_stop(&rows->plot->o->rows.hooks))
        return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
    for (size_t i = 0; i < n && c > 0; i++) {
        const double *from = rows->contexts != NULL
                                 ? flow_plot_row(rows->contexts, (first + i) % rows->contexts->kept.n) + d
                                 : rows->given;
        memcpy(context + i * c, from, c * sizeof *context);
    }
    flow_ensemble_sample(s->ensemble, (uint64_t)rows->plot->o->seed, first, n, 1, context, x, NULL, NULL);
    return FLOW_OK;
}

/* Draws first ... first + n - 1 go to `use`, one after the other. */
static flow_status plot_rows_draw(flow_plot_rows *rows, int64_t first, int64_t n, flow_plot_take *use, void *context,
                                  flow_error *err)
{
    const size_t c = (size_t)rows->s->n_context, d = (size_t)rows->s->dim, n_max = flow_batch_rows(rows->width + d);
    double *x = calloc(n_max, (rows->width + d) * sizeof *x), *row = calloc(rows->width, sizeof *row);
    double *given = x != NULL ? x + n_max * d : NULL;
    flow_status status = x == NULL || row == NULL ? flow_error_memory(err, "draws") : FLOW_OK;
    for (int64_t at = 0; at < n && status == FLOW_OK; at += (int64_t)n_max) {
        const size_t m = n - at < (int64_t)n_max ? (size_t)(n - at) : n_max;
        status = plot_rows_make_draws(rows, (uint64_t)(first + at), m, x, given, err);
        for (size_t i = 0; i < m && status == FLOW_OK; i++) {
            bool finite = true;
            for (size_t k = 0; k < d; k++)
                finite = finite && isfinite(x[i * d + k]);
            memcpy(row, x + i * d, d * sizeof *row);
            memcpy(row + d, given + i * c, c * sizeof *row);
            const double *from =
                rows->contexts != NULL
                    ? flow_plot_row(rows->contexts, ((size_t)(first + at) + i) % rows->contexts->kept.n)
                    : NULL;
            rows->failed += !finite;
            if (finite)
                use(context, row, from != NULL ? from[rows->width] : 1);
        }
    }
    free(row);
    free(x);
    return status;
}

static flow_status plot_rows_check_draws(const flow_plot_rows *rows, flow_error *err)
{
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE];
    if (2 * rows->failed > rows->n_draws)
        return flow_error_set(err, FLOW_NUMERIC,
                              "%s: %s of %s draws have values that are not finite; train it longer, or at a lower "
                              "learning rate",
                              rows->s->name, flow_format_count(count, rows->failed),
                              flow_format_count(all, rows->n_draws));
    return FLOW_OK;
}

flow_status flow_plot_rows_draw(flow_plot_rows *out, const flow_plot *plot, const flow_session *s,
                                const flow_plot_rows *contexts, const double *given, int64_t usual, flow_error *err)
{
    *out = (flow_plot_rows){.plot = plot,
                            .width = (size_t)s->width,
                            .s = s,
                            .given = given,
                            .color = FLOW_BLUE,
                            .contexts = s->n_context > 0 && given == NULL ? contexts : NULL,
                            .goes_on = true};
    const int64_t wanted = plot->o->n > 0 ? plot->o->n : usual;
    const int64_t most = (int64_t)plot_rows_most(out->width), first = wanted < most ? wanted : most;
    out->n_draws = wanted;
    FLOW_TRY(flow_reservoir_start(&out->kept, out->width + 1, (size_t)first, 0, err));
    FLOW_TRY(plot_rows_draw(out, 0, first, plot_rows_keep, out, err));
    return plot_rows_check_draws(out, err);
}

flow_status flow_plot_need_context(const flow_session *s, bool has_context, flow_error *err)
{
    if (s->n_context == 0 || has_context)
        return FLOW_OK;
    return flow_error_set(err, FLOW_ARGUMENT,
                          "%s is conditional on %s%s: name data, whose contexts its draws then have, or give a "
                          "context with --given %s=VALUE",
                          s->name, s->context[0], s->n_context > 1 ? " and more columns" : "", s->context[0]);
}

/* ---- all rows ---- */

typedef struct plot_rows_walk {
    flow_plot_rows *rows;
    flow_plot_take *take;
    void *context;
    bool counts; /* rows that were not seen before */
} plot_rows_walk;

static void plot_rows_give(void *context, const double *row, double weight)
{
    plot_rows_walk *walk = context;
    if (walk->counts)
        plot_rows_count(walk->rows, weight);
    walk->take(walk->context, row, weight);
}

flow_status flow_plot_rows_walk(flow_plot_rows *rows, flow_plot_take *take, void *context, flow_error *err)
{
    plot_rows_walk walk = {.rows = rows, .take = take, .context = context, .counts = rows->goes_on};
    const bool again = rows->is_data && !rows->goes_on && rows->n > (int64_t)rows->kept.n;
    if (again) {
        FLOW_TRY(flow_reader_seek(rows->in.reader, &rows->start, err));
        return plot_rows_stream(rows, INT64_MAX, plot_rows_give, &walk, err);
    }
    for (size_t i = 0; i < rows->kept.n; i++) {
        const double *row = flow_plot_row(rows, i);
        take(context, row, row[rows->width]);
    }
    if (!rows->goes_on)
        return FLOW_OK;
    rows->goes_on = false;
    if (rows->is_data)
        return plot_rows_stream(rows, INT64_MAX, plot_rows_give, &walk, err);
    const int64_t first = (int64_t)plot_rows_most(rows->width);
    if (first < rows->n_draws)
        FLOW_TRY(plot_rows_draw(rows, first, rows->n_draws - first, plot_rows_give, &walk, err));
    return plot_rows_check_draws(rows, err);
}

void flow_plot_rows_free(flow_plot_rows *rows)
{
    flow_input_close(&rows->in);
    free(rows->kept.rows);
    *rows = (flow_plot_rows){0};
}
