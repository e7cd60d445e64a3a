/* The pages of a report: latents, coverage, the classifier, the columns and the pairs of columns that differ most. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/replace.h"
#include "draw/bins.h"
#include "draw/figure.h"
#include "draw/gnuplot.h"
#include "run/diagnose_run.h"
#include "run/output.h"

enum { BINS = 20, CURVE = 200, PANELS = 9, POINTS = 2000, PAGES = 5 };

typedef struct report {
    const diagnosis *d;
    flow_figure *pages[PAGES];
    int n;
    double *room; /* (2 rows + draws + 2), for sorting */
} report;

static flow_figure *report_page(report *r, int rows, int columns, const char *title)
{
    flow_figure *page = flow_figure_new(rows, columns);
    if (page == NULL)
        return NULL;
    page->title = flow_figure_text(page, "%s: %s", r->d->result->model, title);
    page->subtitle = flow_figure_text(page, "%s", r->d->result->verdict);
    r->pages[r->n++] = page;
    return page;
}

/* The tests of a kind, those with the smallest p-values first, up to `most`; returns how many. */
static int report_find(const report *r, diagnose_kind kind, const diagnose_test *out[PANELS], int most)
{
    int n = 0;
    for (size_t i = 0; i < r->d->n_tests; i++) {
        const diagnose_test *test = &r->d->tests[i];
        if (test->kind != kind)
            continue;
        int at = n < most ? n++ : most;
        for (; at > 0 && out[at - 1]->p > test->p; at--)
            if (at < most)
                out[at] = out[at - 1];
        if (at < most)
            out[at] = test;
    }
    return n;
}

static const char *report_name(flow_figure *page, const report *r, const diagnose_test *test)
{
    flow_text where = {0}, found = {0}, remedy = {0};
    diagnose_describe(r->d, test, &where, &found, &remedy);
    const char *out = flow_figure_text(page, "%s", where.data != NULL ? where.data : "");
    flow_text_free(&where);
    flow_text_free(&found);
    flow_text_free(&remedy);
    return out;
}

static void report_rule(flow_figure *page, flow_frame *panel, double height)
{
    flow_item *rule = flow_frame_add(page, panel, FLOW_ITEM_RULE);
    rule->y = flow_figure_copy(page, &height, 1);
    rule->color = FLOW_GRAY;
    rule->dashed = true;
    rule->width = 1;
}

/* ---- histograms of numbers that should be uniform ---- */

static flow_status report_uniform(flow_figure *page, flow_frame *panel, const double *u, size_t n, size_t stride,
                                  flow_error *err)
{
    const flow_axis axis = {.low = 0, .high = 1};
    double edges[BINS + 1], density[BINS], low[BINS], high[BINS], most = 2;
    const double band = 2 * sqrt((BINS - 1.0) / (double)n);
    flow_bins bins;
    FLOW_TRY(flow_bins_make(&bins, &axis, BINS, err));
    for (size_t i = 0; i < n; i++)
        flow_bins_add(&bins, fmin(u[i * stride], 1 - 1e-12), 1);
    flow_bins_edges(&bins, edges);
    flow_bins_density(&bins, density, NULL);
    flow_bins_free(&bins);
    for (int k = 0; k < BINS; k++) {
        low[k] = 1 - band;
        high[k] = 1 + band;
        most = fmax(most, 1.05 * density[k]);
    }
    panel->x = (flow_axis){.label = "share of the model below a row", .low = 0, .high = 1};
    panel->y = (flow_axis){.label = "density", .low = 0, .high = most};
    flow_item *item = flow_frame_add(page, panel, FLOW_ITEM_HISTOGRAM);
    *item = (flow_item){.next = item->next,
                        .kind = FLOW_ITEM_HISTOGRAM,
                        .color = FLOW_BLUE,
                        .width = 1.5,
                        .n = BINS,
                        .x = flow_figure_copy(page, edges, BINS + 1),
                        .y = flow_figure_copy(page, density, BINS),
                        .low = flow_figure_copy(page, low, BINS),
                        .high = flow_figure_copy(page, high, BINS)};
    report_rule(page, panel, 1);
    return FLOW_OK;
}

static flow_status report_latents(report *r, flow_error *err)
{
    const diagnose_test *tests[PANELS];
    const int n = report_find(r, KIND_LATENT, tests, PANELS), columns = n < 3 ? n : 3;
    if (n == 0 || !r->d->exact)
        return FLOW_OK;
    flow_figure *page = report_page(r, (n + columns - 1) / columns, columns,
                                    "each latent of the rows as the base's distribution function");
    flow_status status = flow_figure_check(page, err);
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        flow_frame *panel = flow_figure_panel(page, i / columns, i % columns);
        panel->title = report_name(page, r, tests[i]);
        status = report_uniform(page, panel, r->d->u + tests[i]->a, r->d->n, r->d->d, err);
    }
    if (status == FLOW_OK)
        page->note = "flat where the density is right; the band is two standard deviations";
    return status;
}

/* ---- curves of two samples ---- */

static size_t report_sort(double *out, const double *values, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            out[kept++] = values[i];
    gsl_sort(out, 1, kept);
    return kept;
}

/* The share of sorted values (n) that is at least `limit`. */
static double report_above(const double *sorted, size_t n, double limit)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle] < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return (double)(n - low) / (double)n;
}

/* For each share of the draws (m) with the highest values, the share of the rows above the same value; with
 * `difference` that minus the share of the draws, and the band of two standard deviations. */
static void report_curve(flow_figure *page, flow_frame *panel, const double *rows, size_t n, const double *draws,
                         size_t m, bool difference)
{
    double *x = flow_figure_numbers(page, CURVE), *y = flow_figure_numbers(page, CURVE);
    double *low = flow_figure_numbers(page, CURVE), *high = flow_figure_numbers(page, CURVE), most = 0.01;
    if (x == NULL || y == NULL || low == NULL || high == NULL)
        return;
    for (size_t k = 0; k < CURVE; k++) {
        x[k] = (double)k / (CURVE - 1);
        y[k] = k == 0 ? 0 : report_above(rows, n, draws[(size_t)((1 - x[k]) * (double)(m - 1))]);
        high[k] = 2 * sqrt(x[k] * (1 - x[k]) * (1 / (double)n + 1 / (double)m));
        low[k] = -high[k];
        if (difference) {
            y[k] -= x[k];
            most = fmax(most, 1.2 * fmax(fabs(y[k]), high[k]));
        } else {
            low[k] += x[k];
            high[k] += x[k];
        }
    }
    flow_item *band = flow_frame_add(page, panel, FLOW_ITEM_CURVE),
              *curve = flow_frame_add(page, panel, FLOW_ITEM_CURVE);
    *band = (flow_item){.next = band->next,
                        .kind = FLOW_ITEM_CURVE,
                        .color = FLOW_GRAY,
                        .opacity = 0.3,
                        .n = CURVE,
                        .x = x,
                        .y = low,
                        .low = low,
                        .high = high};
    *curve = (flow_item){
        .next = curve->next, .kind = FLOW_ITEM_CURVE, .color = FLOW_BLUE, .width = 2, .n = CURVE, .x = x, .y = y};
    panel->y = (flow_axis){.low = difference ? -most : 0, .high = difference ? most : 1};
    panel->x = (flow_axis){.low = 0, .high = 1};
}

/* Histograms of both samples on one axis from `low` to `high`. */
static flow_status report_histograms(flow_figure *page, flow_frame *panel, const double *rows, size_t n,
                                     const double *draws, size_t m, double low, double high, flow_error *err)
{
    enum { CELLS = 40 };
    const flow_axis axis = {.low = low, .high = high};
    double edges[CELLS + 1], density[2][CELLS], errors[CELLS] = {0}, centers[CELLS], below[CELLS], above[CELLS];
    double most = 0;
    for (int k = 0; k < 2; k++) {
        flow_bins bins;
        FLOW_TRY(flow_bins_make(&bins, &axis, CELLS, err));
        for (size_t i = 0; i < (k == 0 ? n : m); i++)
            flow_bins_add(&bins, k == 0 ? rows[i] : draws[i], 1);
        flow_bins_edges(&bins, edges);
        flow_bins_density(&bins, density[k], k == 0 ? errors : NULL);
        flow_bins_free(&bins);
    }
    for (int i = 0; i < CELLS; i++) {
        centers[i] = 0.5 * (edges[i] + edges[i + 1]);
        below[i] = density[0][i] - errors[i];
        above[i] = density[0][i] + errors[i];
        most = fmax(most, fmax(above[i], density[1][i]));
    }
    panel->x.low = low;
    panel->x.high = high;
    panel->y = (flow_axis){.label = "density", .low = 0, .high = 1.05 * most};
    flow_item *model = flow_frame_add(page, panel, FLOW_ITEM_HISTOGRAM);
    *model = (flow_item){.next = model->next,
                         .kind = FLOW_ITEM_HISTOGRAM,
                         .color = FLOW_VERMILLION,
                         .width = 1.5,
                         .legend = "draws of the model",
                         .n = CELLS,
                         .x = flow_figure_copy(page, edges, CELLS + 1),
                         .y = flow_figure_copy(page, density[1], CELLS)};
    flow_item *data = flow_frame_add(page, panel, FLOW_ITEM_POINTS);
    *data = (flow_item){.next = data->next,
                        .kind = FLOW_ITEM_POINTS,
                        .color = FLOW_BLUE,
                        .width = 1,
                        .size = 0.5,
                        .legend = "held-out rows",
                        .n = CELLS,
                        .x = flow_figure_copy(page, centers, CELLS),
                        .y = flow_figure_copy(page, density[0], CELLS),
                        .low = flow_figure_copy(page, below, CELLS),
                        .high = flow_figure_copy(page, above, CELLS)};
    return FLOW_OK;
}

static flow_status report_density(report *r, flow_error *err)
{
    const diagnosis *d = r->d;
    const bool classified = d->scores != NULL;
    double *rows = r->room, *draws = rows + d->n;
    size_t n = report_sort(rows, d->logp, d->n), m = report_sort(draws, d->draws_logp, d->n * d->k);
    flow_figure *page = report_page(r, 1, classified ? 3 : 1, "coverage, and a classifier");
    FLOW_TRY(flow_figure_check(page, err));
    flow_frame *panel = flow_figure_panel(page, 0, 0);
    report_curve(page, panel, rows, n, draws, m, true);
    report_rule(page, panel, 0);
    panel->title = "regions of the highest density";
    panel->x.label = "probability of the region";
    panel->y.label = "share of the rows in it - that";
    page->note = "bands are two standard deviations";
    if (!classified)
        return FLOW_OK;
    n = report_sort(rows, d->scores, d->n);
    m = report_sort(draws, d->draws_scores, d->n);
    panel = flow_figure_panel(page, 0, 1);
    report_curve(page, panel, rows, n, draws, m, false);
    panel->title = flow_figure_text(page, "area under the curve %.3f", d->result->auc);
    panel->x.label = "share of draws taken for rows";
    panel->y.label = "share of rows taken for rows";
    panel->aspect = 1;
    panel = flow_figure_panel(page, 0, 2);
    panel->title = "scores of the classifier";
    panel->x.label = "log odds of a row";
    const double low = fmin(rows[n / 200], draws[m / 200]), high = fmax(rows[n - 1 - n / 200], draws[m - 1 - m / 200]);
    return report_histograms(page, panel, rows, n, draws, m, low, high > low ? high : low + 1, err);
}

/* ---- columns and pairs ---- */

static flow_status report_columns(report *r, flow_error *err)
{
    enum { MOST = 6 };
    const diagnosis *d = r->d;
    const diagnose_test *tests[PANELS];
    const int count = report_find(r, KIND_COLUMN, tests, MOST), columns = count < 1 ? 1 : count < 3 ? count : 3;
    const size_t n = d->n, m = d->n * d->k;
    double *rows = r->room, *draws = rows + n;
    flow_figure *page = report_page(r, (count + columns - 1) / columns, columns, "the columns that differ most");
    flow_status status = flow_figure_check(page, err);
    for (int i = 0; i < count && status == FLOW_OK; i++) {
        const size_t column = (size_t)tests[i]->a;
        for (size_t j = 0; j < n; j++)
            rows[j] = d->rows[j * d->width + column];
        for (size_t j = 0; j < m; j++)
            draws[j] = d->draws[j * d->d + column];
        gsl_sort(rows, 1, n);
        gsl_sort(draws, 1, m);
        flow_frame *panel = flow_figure_panel(page, i / columns, i % columns);
        const double low = fmin(rows[n / 500], draws[m / 500]);
        const double high = fmax(rows[n - 1 - n / 500], draws[m - 1 - m / 500]);
        panel->title = flow_figure_text(page, "p = %.1e", tests[i]->adjusted);
        panel->x.label = report_name(page, r, tests[i]);
        status = report_histograms(page, panel, rows, n, draws, m, low, high > low ? high : low + 1, err);
    }
    return status;
}

static void report_points(flow_figure *page, flow_frame *panel, const double *x, const double *y, size_t n,
                          size_t stride, flow_color color)
{
    const size_t count = n < POINTS ? n : POINTS;
    double *xs = flow_figure_numbers(page, count), *ys = flow_figure_numbers(page, count);
    for (size_t i = 0; i < count && xs != NULL && ys != NULL; i++) {
        xs[i] = x[i * stride];
        ys[i] = y[i * stride];
    }
    flow_item *item = flow_frame_add(page, panel, FLOW_ITEM_POINTS);
    *item = (flow_item){
        .next = item->next, .kind = FLOW_ITEM_POINTS, .color = color, .size = 0.25, .n = count, .x = xs, .y = ys};
}

/* The range that holds all but a few values of the draws and of the rows. */
static flow_axis report_range(const report *r, size_t column)
{
    const diagnosis *d = r->d;
    double *values = r->room;
    for (size_t j = 0; j < d->n; j++) {
        values[2 * j] = d->rows[j * d->width + column];
        values[2 * j + 1] = d->draws[j * d->d + column];
    }
    gsl_sort(values, 1, 2 * d->n);
    const double low = values[d->n / 250], high = values[2 * d->n - 1 - d->n / 250];
    return (flow_axis){.low = low, .high = high > low ? high : low + 1};
}

static flow_status report_pairs(report *r, flow_error *err)
{
    enum { MOST = 3 };
    const diagnosis *d = r->d;
    const diagnose_test *tests[PANELS];
    const int count = report_find(r, KIND_RELATION, tests, MOST);
    if (count == 0)
        return FLOW_OK;
    flow_figure *page = report_page(r, count, 2, "the pairs of columns that differ most");
    FLOW_TRY(flow_figure_check(page, err));
    for (int i = 0; i < count; i++) {
        const size_t a = (size_t)tests[i]->a, b = (size_t)tests[i]->b;
        for (int k = 0; k < 2; k++) {
            flow_frame *panel = flow_figure_panel(page, i, k);
            panel->x = report_range(r, a);
            panel->y = report_range(r, b);
            panel->x.label = flow_figure_text(page, "%s", d->s->columns[a]);
            panel->y.label = flow_figure_text(page, "%s", d->s->columns[b]);
            panel->title = k == 0 ? flow_figure_text(page, "rows (p = %.1e)", tests[i]->adjusted) : "draws";
            if (k == 0)
                report_points(page, panel, d->rows + a, d->rows + b, d->n, d->width, FLOW_BLUE);
            else
                report_points(page, panel, d->draws + a, d->draws + b, d->n, d->d, FLOW_VERMILLION);
        }
    }
    return FLOW_OK;
}

/* ---- the file ---- */

flow_status diagnose_check_plot(const diagnosis *d, flow_error *err)
{
    const char *file = d->o->plot;
    flow_output_sources sources = d->o->rows.sources;
    flow_picture_format format;
    sources.data = d->o->rows.input;
    if (file == NULL)
        return FLOW_OK;
    FLOW_TRY(flow_picture_format_of(&format, file, "--plot", err));
    if (format != FLOW_PICTURE_PDF)
        return flow_error_set(err, FLOW_ARGUMENT, "--plot %s: the report has several pages; name a file FILE.pdf",
                              file);
    FLOW_TRY(flow_output_check("--plot", file, &sources, err));
    return sources.force ? FLOW_OK : flow_replace_protect(file, err);
}

flow_status diagnose_plot(const diagnosis *d, flow_error *err)
{
    static flow_status (*const pages[PAGES])(report * r, flow_error * err) = {report_density, report_latents,
                                                                              report_columns, report_pairs};
    const flow_draw_options how = {.file = d->o->plot, .width = 1200, .height = 800}; /* all pages are alike */
    report r = {.d = d, .room = malloc((2 * d->n + d->n * d->k + 2) * sizeof *r.room)};
    if (d->o->plot == NULL) {
        free(r.room);
        return FLOW_OK;
    }
    flow_status status = r.room == NULL ? flow_error_memory(err, "the report") : FLOW_OK;
    for (int i = 0; i < PAGES && pages[i] != NULL && status == FLOW_OK; i++)
        status = pages[i](&r, err);
    if (status == FLOW_OK)
        status = flow_draw_files((const flow_figure *const *)r.pages, r.n, &how, err);
    for (int i = 0; i < r.n; i++)
        flow_figure_free(r.pages[i]);
    free(r.room);
    return status;
}
