/* Calibration: where rows of the data lie among what the model expects. Of each latent, and of each column, the share
 * of the model below a row (PIT) is uniform if the model is right; and the region of the highest density that just
 * holds a row has a probability that is uniform, so that a region of the probability p covers the share p of the rows.
 * */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"
#include "run/format.h"
#include "run/plot_rows.h"

enum {
    CALIBRATION_ROWS = 20000,    /* of the data that are looked at, */
    CALIBRATION_CONTEXTS = 1000, /* and of a conditional model: each has draws of its own, so many: */
    CALIBRATION_PER_ROW = 200,
    CALIBRATION_DRAWS = 20000, /* else all have these */
    CALIBRATION_CURVES = 5,    /* that are named and coloured */
    CALIBRATION_BINS = 20,
    CALIBRATION_POINTS = 201
};

/* Numbers that are uniform if the model is right: u (n, d), the weights of the rows behind. */
typedef struct calibration {
    flow_plot *plot;
    const flow_session *s;
    flow_plot_rows rows;
    size_t n, d;     /* rows, columns of the data */
    double *values;  /* (n, d + c) */
    double *weights; /* (n) */
    double effective;
    double *latents; /* (n, d); NULL: an ensemble has none */
    double *columns; /* (n, d) */
    double *regions; /* (n): the probability of the region of higher density */
    int64_t n_draws; /* for each row */
} calibration;

/* ---- numbers ---- */

static flow_status calibration_allocate(calibration *c, flow_error *err)
{
    const size_t n = c->n, width = c->rows.width;
    c->values = calloc(n, width * sizeof *c->values);
    c->weights = calloc(n, sizeof *c->weights);
    c->columns = calloc(n, c->d * sizeof *c->columns);
    c->regions = calloc(n, sizeof *c->regions);
    if (c->s->runner != NULL)
        c->latents = calloc(n, c->d * sizeof *c->latents);
    const bool good = c->values != NULL && c->weights != NULL && c->columns != NULL && c->regions != NULL &&
                      (c->s->runner == NULL || c->latents != NULL);
    return good ? FLOW_OK : flow_error_memory(err, "the rows");
}

static void calibration_copy(calibration *c)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < c->n; i++) {
        const double *row = flow_plot_row(&c->rows, i);
        memcpy(c->values + i * c->rows.width, row, c->rows.width * sizeof *row);
        c->weights[i] = row[c->rows.width];
        sum += c->weights[i];
        squares += c->weights[i] * c->weights[i];
    }
    c->effective = squares > 0 ? sum * sum / squares : 0;
}

/* Between 0 and 1 for the i-th row: where a row lies among draws that are equal to it. */
static double calibration_tie(const calibration *c, size_t i, size_t k)
{
    return flow_rng_uniform((uint64_t)c->plot->o->seed, FLOW_STREAM_OTHER, i, (uint32_t)k);
}

static double calibration_share(double below, double equal, double n, double tie)
{
    return (below + tie * (equal + 1)) / (n + 1);
}

/* Of m sorted numbers: how many are below, and how many are equal. */
static double calibration_rank(const double *sorted, size_t m, double value, double tie)
{
    size_t low = 0, high = m, end;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < m && sorted[end] == value;)
        end++;
    return calibration_share((double)low, (double)(end - low), (double)m, tie);
}

static int calibration_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A flow without a context: all rows among the same draws. */
static flow_status calibration_rank_among(calibration *c, flow_error *err)
{
    const size_t m = (size_t)c->n_draws, d = c->d, n_max = flow_batch_rows(d);
    double *x = calloc(m, d * sizeof *x), *logp = calloc(m, sizeof *logp), *sorted = calloc(m, sizeof *sorted);
    double *own = calloc(c->n, sizeof *own);
    flow_status status =
        x == NULL || logp == NULL || sorted == NULL || own == NULL ? flow_error_memory(err, "draws") : FLOW_OK;
    for (size_t at = 0; at < m && status == FLOW_OK; at += n_max) {
        if (flow_run_should_stop(&c->plot->o->rows.hooks))
            status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
        else
            flow_ensemble_sample(c->s->ensemble, (uint64_t)c->plot->o->seed, at, m - at < n_max ? m - at : n_max, 1,
                                 NULL, x + at * d, logp + at, NULL);
    }
    for (size_t k = 0; k < d && status == FLOW_OK; k++) {
        for (size_t i = 0; i < m; i++)
            sorted[i] = isnan(x[i * d + k]) ? INFINITY : x[i * d + k];
        qsort(sorted, m, sizeof *sorted, calibration_compare);
        for (size_t i = 0; i < c->n; i++)
            c->columns[i * d + k] = calibration_rank(sorted, m, c->values[i * d + k], calibration_tie(c, i, k));
    }
    if (status == FLOW_OK) {
        for (size_t i = 0; i < m; i++)
            sorted[i] = isnan(logp[i]) ? -INFINITY : logp[i];
        qsort(sorted, m, sizeof *sorted, calibration_compare);
        flow_ensemble_logp(c->s->ensemble, c->values, c->n, own, NULL);
        for (size_t i = 0; i < c->n; i++)
            c->regions[i] =
                1 - calibration_rank(sorted, m, isnan(own[i]) ? -INFINITY : own[i], calibration_tie(c, i, d));
    }
    free(own);
    free(sorted);
    free(logp);
    free(x);
    return status;
}

/* A conditional flow: each row among draws for its context. */
static flow_status calibration_rank_given(calibration *c, flow_error *err)
{
    const size_t m = (size_t)c->n_draws, d = c->d, width = c->rows.width, g = width - d;
    double *x = calloc(m, d * sizeof *x), *logp = calloc(m, sizeof *logp), *given = calloc(m, g * sizeof *given), own;
    flow_status status = x == NULL || logp == NULL || given == NULL ? flow_error_memory(err, "draws") : FLOW_OK;
    for (size_t i = 0; i < c->n && status == FLOW_OK; i++) {
        const double *row = c->values + i * width;
        if (flow_run_should_stop(&c->plot->o->rows.hooks)) {
            status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
            break;
        }
        for (size_t j = 0; j < m; j++)
            memcpy(given + j * g, row + d, g * sizeof *row);
        /* a tile's worth of numbers apart, so that rows have draws of their own */
        flow_ensemble_sample(c->s->ensemble, (uint64_t)c->plot->o->seed, i * 256 * ((m + 255) / 256), m, 1, given, x,
                             logp, NULL);
        flow_ensemble_logp(c->s->ensemble, row, 1, &own, NULL);
        for (size_t k = 0; k <= d; k++) {
            double below = 0, equal = 0;
            const double value = k < d ? row[k] : own;
            for (size_t j = 0; j < m; j++) {
                const double drawn = k < d ? x[j * d + k] : logp[j];
                below += drawn < value;
                equal += drawn == value;
            }
            const double u = calibration_share(below, equal, (double)m, calibration_tie(c, i, k));
            if (k < d)
                c->columns[i * d + k] = u;
            else
                c->regions[i] = 1 - u;
        }
    }
    free(given);
    free(logp);
    free(x);
    return status;
}

/* ---- curves ---- */

/* The weighted share of u (n, `stride` apart) that is at most each of the points k / (POINTS - 1), minus that. Rows
 * that have none, NaN, are left out. Returns the largest size. */
static double calibration_difference(double out[CALIBRATION_POINTS], const calibration *c, const double *u,
                                     size_t stride)
{
    double sum = 0, most = 0;
    memset(out, 0, CALIBRATION_POINTS * sizeof *out);
    for (size_t i = 0; i < c->n; i++) {
        const double value = u[i * stride];
        if (isnan(value))
            continue;
        const int k = (int)ceil(fmin(fmax(value, 0), 1) * (CALIBRATION_POINTS - 1));
        out[k] += c->weights[i];
        sum += c->weights[i];
    }
    double below = 0;
    for (int k = 0; k < CALIBRATION_POINTS; k++) {
        below += out[k];
        out[k] = (sum > 0 ? below / sum : 0) - (double)k / (CALIBRATION_POINTS - 1);
        most = fmax(most, fabs(out[k]));
    }
    return most;
}

/* Within it lies the largest difference of 95 of 100 right models (Kolmogorov). */
static double calibration_band(const calibration *c)
{
    return c->effective > 0 ? 1.358 / sqrt(c->effective) : 1;
}

typedef struct calibration_curve {
    int at; /* latent or column */
    double distance;
} calibration_curve;

static int calibration_compare_curves(const void *a, const void *b)
{
    const calibration_curve *x = a, *y = b;
    return x->distance != y->distance ? (x->distance < y->distance) - (x->distance > y->distance) : x->at - y->at;
}

static const double *calibration_points(flow_figure *figure)
{
    double *x = flow_figure_numbers(figure, CALIBRATION_POINTS);
    for (int k = 0; k < CALIBRATION_POINTS && x != NULL; k++)
        x[k] = (double)k / (CALIBRATION_POINTS - 1);
    return x;
}

/* A gray band around `middle` (points). */
static void calibration_add_band(const calibration *c, flow_frame *panel, bool rising)
{
    flow_figure *figure = c->plot->figure;
    const double *x = calibration_points(figure), band = calibration_band(c);
    double *y = flow_figure_numbers(figure, CALIBRATION_POINTS), *low = flow_figure_numbers(figure, CALIBRATION_POINTS);
    double *high = flow_figure_numbers(figure, CALIBRATION_POINTS);
    for (int k = 0; k < CALIBRATION_POINTS && !figure->arena.failed; k++) {
        y[k] = rising ? x[k] : 0;
        low[k] = y[k] - band;
        high[k] = y[k] + band;
    }
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
    item->n = CALIBRATION_POINTS;
    item->x = x;
    item->y = y;
    item->low = low;
    item->high = high;
    item->color = FLOW_GRAY;
    item->opacity = 0.25;
    item->width = 1;
    item->legend = "expected of a right model (95 %)";
}

/* Differences of all d series of u from the uniform distribution: the worst ones have colours and names. */
static flow_status calibration_add_series(calibration *c, flow_frame *panel, const double *u, bool latents,
                                          flow_error *err)
{
    flow_figure *figure = c->plot->figure;
    enum { MOST_CURVES = 64 };
    double y[CALIBRATION_POINTS], most = calibration_band(c);
    calibration_curve *curves = calloc(c->d, sizeof *curves);
    if (curves == NULL)
        return flow_error_memory(err, "the curves");
    for (size_t k = 0; k < c->d; k++)
        curves[k] = (calibration_curve){(int)k, calibration_difference(y, c, u + k, c->d)};
    qsort(curves, c->d, sizeof *curves, calibration_compare_curves);
    const int n = c->d < MOST_CURVES ? (int)c->d : MOST_CURVES;
    panel->x = (flow_axis){.label = latents ? "PIT of latents" : "PIT of columns", .low = 0, .high = 1};
    calibration_add_band(c, panel, false);
    for (int k = n - 1; k >= 0; k--) {
        const bool named = k < CALIBRATION_CURVES;
        calibration_difference(y, c, u + curves[k].at, c->d);
        most = fmax(most, curves[k].distance);
        flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
        item->n = CALIBRATION_POINTS;
        item->x = calibration_points(figure);
        item->y = flow_figure_copy(figure, y, CALIBRATION_POINTS);
        item->color = named ? flow_color_of(k) : FLOW_DARK;
        item->width = named ? 1.6 : 0.8;
    }
    for (int k = 0; k < n && k < CALIBRATION_CURVES; k++) { /* their names, in the panel */
        const double at[2] = {0.03, 0.96 - 0.06 * k};
        flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_TEXT);
        const char *const *names = latents ? (const char *const *)c->s->latents.at : c->s->columns;
        item->x = flow_figure_copy(figure, &at[0], 1);
        item->y = flow_figure_copy(figure, &at[1], 1);
        item->text = flow_figure_text(figure, "%.24s  %.3f", names[curves[k].at], curves[k].distance);
        item->color = flow_color_of(k);
    }
    panel->y = (flow_axis){.label = "share of rows minus PIT", .low = -1.15 * most, .high = 1.5 * most};
    free(curves);
    return FLOW_OK;
}

/* The histogram of the series that is the farthest from uniform, with the errors of its counts. */
static void calibration_add_histogram(calibration *c, flow_frame *panel, const double *u, bool latents)
{
    flow_figure *figure = c->plot->figure;
    double y[CALIBRATION_POINTS], sums[CALIBRATION_BINS] = {0}, squares[CALIBRATION_BINS] = {0}, sum = 0, most = 1;
    size_t worst = 0;
    double distance = -1;
    for (size_t k = 0; k < c->d; k++) {
        const double of = calibration_difference(y, c, u + k, c->d);
        if (of > distance) {
            distance = of;
            worst = k;
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        const double value = u[i * c->d + worst], w = c->weights[i];
        if (isnan(value))
            continue;
        const int k = (int)fmin(value * CALIBRATION_BINS, CALIBRATION_BINS - 1);
        sums[k] += w;
        squares[k] += w * w;
        sum += w;
    }
    const size_t n = CALIBRATION_BINS;
    double *x = flow_figure_numbers(figure, n), *height = flow_figure_numbers(figure, n);
    double *low = flow_figure_numbers(figure, n), *high = flow_figure_numbers(figure, n);
    for (size_t k = 0; k < n && !figure->arena.failed && sum > 0; k++) {
        const double error = sqrt(squares[k]) * CALIBRATION_BINS / sum;
        x[k] = ((double)k + 0.5) / CALIBRATION_BINS;
        height[k] = sums[k] * CALIBRATION_BINS / sum;
        low[k] = height[k] - error;
        high[k] = height[k] + error;
        most = fmax(most, high[k]);
    }
    const double one = 1;
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_BARS);
    item->n = n;
    item->x = x;
    item->y = height;
    item->low = low;
    item->high = high;
    item->size = 1.0 / CALIBRATION_BINS;
    item->color = FLOW_MIDDLE;
    item = flow_frame_add(figure, panel, FLOW_ITEM_RULE);
    item->y = flow_figure_copy(figure, &one, 1);
    item->dashed = true;
    panel->x = (flow_axis){
        .label = flow_figure_text(figure, "PIT of %.60s", latents ? c->s->latents.at[worst] : c->s->columns[worst]),
        .low = 0,
        .high = 1};
    panel->y = (flow_axis){.label = "density", .low = 0, .high = 1.15 * most};
}

static void calibration_add_coverage(calibration *c, flow_frame *panel)
{
    flow_figure *figure = c->plot->figure;
    double y[CALIBRATION_POINTS];
    calibration_difference(y, c, c->regions, 1);
    for (int k = 0; k < CALIBRATION_POINTS; k++)
        y[k] += (double)k / (CALIBRATION_POINTS - 1);
    panel->x = (flow_axis){.label = "probability of the region", .low = 0, .high = 1};
    panel->y = (flow_axis){.label = "share of rows in it", .low = 0, .high = 1};
    calibration_add_band(c, panel, true);
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
    item->n = CALIBRATION_POINTS;
    item->x = calibration_points(figure);
    item->y = flow_figure_copy(figure, y, CALIBRATION_POINTS);
    item->color = FLOW_BLUE;
    item->width = 2;
}

/* ---- the picture ---- */

static flow_status calibration_draw(calibration *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    char count[FLOW_FORMAT_SIZE], draws[FLOW_FORMAT_SIZE];
    const bool latents = c->latents != NULL;
    FLOW_TRY(flow_plot_begin(plot, 2, 2, err));
    flow_figure *figure = plot->figure;
    flow_frame *panel = flow_figure_panel(figure, 0, 0);
    panel->title = latents ? "latents, each given those before" : "columns";
    FLOW_TRY(calibration_add_series(c, panel, latents ? c->latents : c->columns, latents, err));
    panel = flow_figure_panel(figure, 0, 1);
    panel->title = latents ? "the latent that differs most" : "the column that differs most";
    calibration_add_histogram(c, panel, latents ? c->latents : c->columns, latents);
    panel = flow_figure_panel(figure, 1, 0);
    panel->title = "regions of the highest density";
    calibration_add_coverage(c, panel);
    if (latents) {
        panel = flow_figure_panel(figure, 1, 1);
        panel->title = "columns";
        FLOW_TRY(calibration_add_series(c, panel, c->columns, false, err));
    }
    figure->title = flow_figure_text(figure, "calibration of %s", plot->names[0]);
    figure->subtitle = flow_figure_text(figure, "%s, %s rows", flow_plot_base_name(plot->o->rows.input),
                                        flow_format_count(count, (int64_t)c->n));
    flow_plot_note(plot, "PIT: the share of the model that is below a row. Numbers beside names are the largest "
                         "differences.");
    if (c->s->n_context > 0)
        flow_plot_note(plot, "Columns and regions: %s draws for the context of each row.",
                       flow_format_count(draws, c->n_draws));
    else
        flow_plot_note(plot, "Columns and regions: among %s draws.", flow_format_count(draws, c->n_draws));
    if (c->rows.n > (int64_t)c->n)
        flow_plot_note(plot, "The rows are a random part of %s.", flow_format_count(draws, c->rows.n));
    if (c->s->model->f->n_discrete > 0)
        flow_plot_note(plot, "Discrete columns are spread within their steps at random.");
    return FLOW_OK;
}

static flow_status calibration_run(calibration *c, flow_error *err)
{
    flow_plot *plot = c->plot;
    const flow_run_plot_options *o = plot->o;
    FLOW_TRY(flow_plot_need_one(plot, "calibration", err));
    FLOW_TRY(flow_plot_need_data(plot, "calibration", err));
    FLOW_TRY(flow_plot_rows_read(&c->rows, plot, 0, err));
    const bool given = c->s->n_context > 0;
    const size_t most = given ? CALIBRATION_CONTEXTS : CALIBRATION_ROWS;
    flow_reservoir_shuffle(&c->rows.kept);
    c->n = c->rows.kept.n < most ? c->rows.kept.n : most;
    c->d = (size_t)c->s->dim;
    c->n_draws = o->n > 0 ? o->n : given ? CALIBRATION_PER_ROW : CALIBRATION_DRAWS;
    const int64_t room = FLOW_PLOT_VALUES * 4 / (int64_t)c->d;
    c->n_draws = c->n_draws < room ? c->n_draws : room;
    FLOW_TRY(calibration_allocate(c, err));
    calibration_copy(c);
    if (c->latents != NULL)
        flow_rows_to_uniform(c->s->runner, c->values, c->n, c->latents);
    FLOW_TRY(given ? calibration_rank_given(c, err) : calibration_rank_among(c, err));
    FLOW_TRY(calibration_draw(c, err));
    flow_plot_rows_say(&c->rows, plot);
    plot->result->draws = c->n_draws;
    return FLOW_OK;
}

flow_status flow_plot_calibration(flow_plot *plot, flow_error *err)
{
    calibration c = {.plot = plot, .s = &plot->sessions[0]};
    const flow_status status = calibration_run(&c, err);
    flow_plot_rows_free(&c.rows);
    free(c.values);
    free(c.weights);
    free(c.latents);
    free(c.columns);
    free(c.regions);
    return status;
}
