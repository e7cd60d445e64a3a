/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "train/objective.h"

#define KEY(member, kind, text) FLOW_KEY(flow_draw_options, member, kind, text)

static const flow_option reverse_kl_options[] = {
    {KEY(density, TEXT, FLOW_REQUIRED), .may_change = true,
     .help = "a shared library with the function log_density (density.h), relative to the spec"},
    {KEY(dimensions, INT, NULL), .least = 1, .most = FLOW_DIM_MAX, .may_change = true,
     .help = "of the density; without it, what the library or data.columns say"},
    {KEY(parallel, FLAG, "true"), .may_change = true,
     .help = "call log_density from several threads at once; false: from one at a time"},
    FLOW_KEY_INT(flow_draw_options, steps, "100", 1, 1e6, "steps of \"batch\" draws that make an epoch"),
    FLOW_KEY_INT(flow_draw_options, validation, "10000", 2, 1e8,
                 "draws, always the same, on which the bound is evaluated after each epoch"),
    {KEY(test, INT, "100000"), .least = 2, .most = 1e8, .may_change = true,
     .help = "draws on which bound, log Z and effective sample size are evaluated at the end"},
    FLOW_KEY_FLAG(flow_draw_options, path_gradient, "false",
                  "leave a part of the gradient out whose mean is zero: less noise near the end, for a pass in the "
                  "density direction"),
    FLOW_OPTIONS_END,
};

static void reverse_kl_gather(const double *tile, int d, int n, int column, double *point)
{
    for (int i = 0; i < d; i++)
        point[i] = tile[(size_t)i * (size_t)n + (size_t)column];
}

static bool reverse_kl_all_finite(const double *x, int n)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* Log-density at row j of ws->x; with tile->share, its gradient is written behind the point. NaN where the map to the
 * row, or a requested gradient, is not finite. */
static double reverse_kl_density_at(const flow_objective_tile *tile, int j)
{
    int d = tile->f->dim;
    double *x = tile->x_and_grad, *gradient = tile->share != NULL ? x + d : NULL;
    reverse_kl_gather(tile->ws->x, d, tile->n, j, x);
    if (!isfinite(tile->ws->logdet[j]) || !reverse_kl_all_finite(x, d))
        return NAN; /* a density may crash there */
    double log_density = flow_target_log(tile->target, x, gradient);
    return gradient == NULL || reverse_kl_all_finite(gradient, d) ? log_density : NAN;
}

static bool reverse_kl_needs_second_ws(const void *options)
{
    return options != NULL && ((const flow_draw_options *)options)->path_gradient;
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
    flow_workspace *second_ws = tile->second_ws;
    if (second_ws != NULL) {
        memcpy(second_ws->x, ws->x, (size_t)d * (size_t)n * sizeof *ws->x);
        flow_tile_logp_gradient(f, tile->weights, second_ws, n); /* of log q, in second_ws->x */
    }
    for (int j = 0; j < n; j++) {
        bool is_row = j < tile->n_rows; /* padding is not worth a call of the density */
        double share = is_row && tile->share != NULL ? (double)tile->share[j] : 0;
        if (is_row)
            tile->score[j] = reverse_kl_density_at(tile, j) + ws->logdet[j] - tile->score[j];
        for (int i = 0; tile->share != NULL && i < d; i++) {
            size_t k = (size_t)i * (size_t)n + (size_t)j;
            ws->x[k] = is_row ? -share * (tile->x_and_grad[d + i] - (second_ws != NULL ? second_ws->x[k] : 0)) : 0;
        }
    }
    if (tile->share == NULL)
        return;
    /* The draws z do not depend on the weights, and with them log base(z). A path gradient has log q in it already. */
    for (int j = 0; j < n; j++)
        ws->glogdet[j] = second_ws != NULL ? 0 : -tile->share[j];
    ws->gpenalty = tile->share;
    flow_tile_to_data_backward(f, tile->weights, ws, n, ws->x, NULL);
}

/* "log_density at x = (0.5, 2.1, ...) is nan" */
static void reverse_kl_diagnose(const flow_objective_tile *tile, int row, char *place, size_t size)
{
    enum { SHOWN = 4 };
    const flow *f = tile->f;
    if (flow_tile_diagnose(f, tile->weights, tile->ws, tile->n, FLOW_TO_DATA, row, place, size))
        return;
    double *x = tile->x_and_grad, *gradient = x + f->dim;
    reverse_kl_gather(tile->ws->x, f->dim, tile->n, row, x);
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
    .info = {FLOW_INFO("reverse_kl", "the evidence lower bound of a density that a library computes, without data",
                       reverse_kl_options, flow_draw_options)},
    .draws = true, .score_name = "the bound", .needs_second_ws = reverse_kl_needs_second_ws,
    .tile = reverse_kl_tile, .diagnose = reverse_kl_diagnose,
};
