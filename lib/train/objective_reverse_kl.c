/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "train/objective.h"

static const flow_option options[] = {
    {.key = "density", .kind = FLOW_OPTION_TEXT, .offset = offsetof(flow_draw_options, density),
     .fallback = FLOW_REQUIRED,
     .help = "a shared library with the function log_density (density.h), relative to the spec"},
    {.key = "dimensions", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_draw_options, dimensions), .least = 1,
     .most = FLOW_DIM_MAX, .help = "of the density; without it, what the library or data.columns say"},
    {.key = "parallel", .kind = FLOW_OPTION_FLAG, .offset = offsetof(flow_draw_options, parallel), .fallback = "true",
     .help = "call log_density from several threads at once; false: from one at a time"},
    {.key = "steps", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_draw_options, steps), .fallback = "100",
     .least = 1, .most = 1e6, .help = "steps of \"batch\" draws that make an epoch"},
    {.key = "validation", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_draw_options, validation),
     .fallback = "10000", .least = 2, .most = 1e8,
     .help = "draws, always the same, on which the bound is evaluated after each epoch"},
    {.key = "test", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_draw_options, test), .fallback = "100000",
     .least = 2, .most = 1e8, .help = "draws on which bound, log Z and effective sample size are evaluated at the end"},
    {.key = "path_gradient", .kind = FLOW_OPTION_FLAG, .offset = offsetof(flow_draw_options, path_gradient),
     .fallback = "false",
     .help = "leave a part of the gradient out whose mean is zero: less noise near the end, for a pass in the density "
             "direction"},
    FLOW_OPTIONS_END,
};

static void gather(const double *tile, int d, int n, int column, double *point)
{
    for (int i = 0; i < d; i++)
        point[i] = tile[(size_t)i * (size_t)n + (size_t)column];
}

static bool all_finite(const double *x, int n)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* The density at row j of ws->x, the map to it being finite; with a gradient that is wanted and finite, or NaN. */
static double density_at(const flow_objective_tile *tile, int j)
{
    int d = tile->f->dim;
    double *x = tile->point, *gradient = tile->share != NULL ? x + d : NULL;
    gather(tile->ws->x, d, tile->n, j, x);
    if (!isfinite(tile->ws->logdet[j]) || !all_finite(x, d))
        return NAN; /* a density may take it badly */
    double log_density = flow_target_log(tile->target, x, gradient);
    return gradient == NULL || all_finite(gradient, d) ? log_density : NAN;
}

static bool wants_other(const void *options_)
{
    const flow_draw_options *o = options_;
    return o != NULL && o->path_gradient;
}

static void reverse_kl_tile(const flow_objective_tile *tile)
{
    const flow *f = tile->f;
    flow_workspace *ws = tile->ws;
    int d = f->dim, n = tile->n;
    for (int j = 0; j < n; j++)
        tile->score[j] = 0;
    flow_tile_base_logp(f, tile->weights, ws, n, ws->a, tile->score);
    flow_tile_to_data(f, tile->weights, ws, n);
    flow_workspace *other = tile->other;
    if (other != NULL) {
        memcpy(other->x, ws->x, (size_t)d * (size_t)n * sizeof *ws->x);
        flow_tile_logp_gradient(f, tile->weights, other, n); /* of log q, in other->x */
    }
    for (int j = 0; j < n; j++) {
        bool is_row = j < tile->n_rows; /* padding is not worth a call of the density */
        double share = is_row && tile->share != NULL ? (double)tile->share[j] : 0;
        if (is_row)
            tile->score[j] = density_at(tile, j) + ws->logdet[j] - tile->score[j];
        for (int i = 0; tile->share != NULL && i < d; i++) {
            size_t k = (size_t)i * (size_t)n + (size_t)j;
            ws->x[k] = is_row ? -share * (tile->point[d + i] - (other != NULL ? other->x[k] : 0)) : 0;
        }
    }
    if (tile->share == NULL)
        return;
    /* The draws z do not depend on the weights, and with them log base(z). A path gradient has log q in it already. */
    for (int j = 0; j < n; j++)
        ws->glogdet[j] = other != NULL ? 0 : -tile->share[j];
    ws->gpenalty = tile->share;
    flow_tile_to_data_backward(f, tile->weights, ws, n, ws->x, NULL);
}

/* "log_density at x = (0.5, 2.1, ...) is nan" */
static void reverse_kl_blame(const flow_objective_tile *tile, int row, char *place, size_t size)
{
    enum { SHOWN = 4 };
    const flow *f = tile->f;
    if (flow_tile_diagnose(f, tile->weights, tile->ws, tile->n, FLOW_TO_DATA, row, place, size))
        return;
    double *x = tile->point, *gradient = x + f->dim;
    gather(tile->ws->x, f->dim, tile->n, row, x);
    double log_density = flow_target_log(tile->target, x, gradient);
    flow_text text = {0};
    flow_text_add(&text, "%s of log_density at x = (", isfinite(log_density) ? "the gradient" : "the value");
    for (int i = 0; i < f->dim && i < SHOWN; i++)
        flow_text_add(&text, "%s%.6g", i > 0 ? ", " : "", x[i]);
    flow_text_add(&text, "%s)", f->dim > SHOWN ? ", ..." : "");
    if (!isfinite(log_density))
        flow_text_add(&text, ", %g", log_density);
    snprintf(place, size, "%s", text.failed ? "log_density" : text.data);
    flow_text_free(&text);
}

const flow_objective_type flow_objective_reverse_kl = {
    .type = "reverse_kl",
    .help = "the evidence lower bound of a density that a library computes, without data",
    .options_size = sizeof(flow_draw_options),
    .options = options,
    .draws = true,
    .quantity = "the bound",
    .wants_other = wants_other,
    .tile = reverse_kl_tile,
    .blame = reverse_kl_blame,
};
