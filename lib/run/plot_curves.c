/* Training curves: the mean log-likelihood of each epoch. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/format.h"
#include "run/info_model.h"
#include "run/plot_run.h"
#include "train/objective.h"

/* The epochs of one model. */
typedef struct curves_model {
    const flow_run_info_model_result *info;
    const flow_history_row *rows;
    size_t n;
    flow_color color;
    const char *name;
    bool alone;
    bool bits; /* log-likelihoods are told in bits per dimension */
    bool loss; /* the training value is minus a loss, and no log-likelihood */
} curves_model;

/* The values of the later epochs, by which the axis is chosen: first epochs are far below. */
typedef struct curves_range {
    double least, most;
    double last; /* epoch */
    size_t n_values;
    double *values;
} curves_range;

static void curves_collect(curves_range *range, const curves_model *m, bool losses)
{
    for (size_t k = 0; k < m->n; k++) {
        const flow_history_row *row = &m->rows[k];
        range->last = fmax(range->last, (double)row->epoch);
        if (isfinite(row->training) && m->loss == losses)
            range->values[range->n_values++] = row->training;
        if (isfinite(row->validation.mean) && !losses)
            range->values[range->n_values++] = row->validation.mean;
    }
}

static int curves_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From a tenth of the values on, with room around; bits per dimension fall. */
static flow_axis curves_axis(curves_range *range, const char *label, bool falls)
{
    const size_t n = range->n_values;
    if (n == 0)
        return (flow_axis){.label = label, .low = 0, .high = 1};
    qsort(range->values, n, sizeof *range->values, curves_compare);
    const double middle = range->values[n / 2], worst = range->values[falls ? n - 1 : 0];
    const double best = range->values[falls ? 0 : n - 1], near = range->values[falls ? n - 1 - n / 10 : n / 10];
    const double extent = fabs(best - near) > 0 ? fabs(best - near) : fmax(fabs(middle) * 0.01, 1e-3);
    double far = falls ? near + 0.6 * extent : near - 0.6 * extent; /* first epochs farther out are not shown */
    far = falls ? fmin(far, worst + 0.05 * extent) : fmax(far, worst - 0.05 * extent);
    const double top = falls ? best - 0.08 * extent : best + 0.08 * extent;
    return (flow_axis){.label = label, .low = fmin(far, top), .high = fmax(far, top)};
}

static void curves_add_training(flow_plot *plot, flow_frame *panel, const curves_model *m)
{
    flow_figure *figure = plot->figure;
    double *x = flow_figure_numbers(figure, m->n), *y = flow_figure_numbers(figure, m->n);
    for (size_t k = 0; k < m->n && x != NULL && y != NULL; k++) {
        x[k] = (double)m->rows[k].epoch;
        y[k] = m->rows[k].training;
    }
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
    item->n = m->n;
    item->x = x;
    item->y = y;
    item->color = m->color;
    item->dashed = true;
    item->width = 1.2;
    item->legend = m->alone ? "training" : flow_figure_text(figure, "%s, training", m->name);
}

static void curves_add_validation(flow_plot *plot, flow_frame *panel, const curves_model *m)
{
    flow_figure *figure = plot->figure;
    double *x = flow_figure_numbers(figure, m->n), *y = flow_figure_numbers(figure, m->n);
    double *low = flow_figure_numbers(figure, m->n), *high = flow_figure_numbers(figure, m->n);
    double best[2] = {NAN, NAN};
    if (figure->arena.failed)
        return;
    for (size_t k = 0; k < m->n; k++) {
        const flow_mean v = m->rows[k].validation;
        const double error = isfinite(v.error) ? v.error : 0;
        x[k] = (double)m->rows[k].epoch;
        y[k] = v.mean;
        low[k] = v.mean - error;
        high[k] = v.mean + error;
        if (m->rows[k].best && isfinite(v.mean)) {
            best[0] = x[k];
            best[1] = v.mean;
        }
    }
    if (!isfinite(best[0]))
        return;
    flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
    *item = (flow_item){.kind = FLOW_ITEM_CURVE,
                        .n = m->n,
                        .x = x,
                        .y = y,
                        .low = low,
                        .high = high,
                        .color = m->color,
                        .width = 2,
                        .opacity = 0.18,
                        .legend = m->alone ? "held-out, with its standard error"
                                           : flow_figure_text(figure, "%s, held-out", m->name)};
    item = flow_frame_add(figure, panel, FLOW_ITEM_POINTS);
    item->n = 1;
    item->x = flow_figure_copy(figure, &best[0], 1);
    item->y = flow_figure_copy(figure, &best[1], 1);
    item->size = 1.1;
    item->color = m->color;
    item->legend = m->alone ? flow_figure_text(figure, "best: epoch %.0f", best[0]) : NULL;
}

/* Log-likelihoods in one panel, and below it losses, if there are any. */
static flow_status curves_draw(flow_plot *plot, const curves_model *models, curves_range *range, bool losses,
                               flow_error *err)
{
    FLOW_TRY(flow_plot_begin(plot, losses ? 2 : 1, 1, err));
    flow_figure *figure = plot->figure;
    const bool bits = models[0].bits;
    figure->title = plot->n_models == 1 ? flow_figure_text(figure, "training of %s", plot->names[0]) : "training";
    if (losses && plot->height == 0)
        figure->height = 640;
    for (int row = 0; row < (losses ? 2 : 1); row++) {
        flow_frame *panel = flow_figure_panel(figure, row, 0);
        range->n_values = 0;
        for (int m = 0; m < plot->n_models; m++)
            curves_collect(range, &models[m], row == 1);
        panel->x = (flow_axis){.label = "epoch", .low = 0.5, .high = range->last + 0.5, .whole = true};
        panel->y = curves_axis(range,
                               row == 1 ? "minus the loss"
                               : bits   ? "bits per dimension"
                                        : "mean log p / nats",
                               bits && row == 0);
        for (int m = 0; m < plot->n_models; m++)
            if (models[m].loss == (row == 1))
                curves_add_training(plot, panel, &models[m]);
        for (int m = 0; m < plot->n_models && row == 0; m++)
            curves_add_validation(plot, panel, &models[m]);
    }
    plot->result->epochs = (int64_t)range->last;
    if (plot->n_models > 1)
        flow_plot_note(plot, "Points: the epochs with the best weights.");
    flow_plot_note(plot, "The training value of an epoch is the mean over its steps, with the weights as they were at "
                         "each step.");
    return FLOW_OK;
}

static flow_status curves_read(flow_plot *plot, flow_run_info_model_result *infos, curves_model *models,
                               curves_range *range, flow_error *err)
{
    size_t n_all = 0;
    for (int m = 0; m < plot->n_models; m++) {
        FLOW_TRY(flow_run_info_model(&infos[m], plot->o->models[m], true, err));
        models[m] = (curves_model){.info = &infos[m],
                                   .rows = infos[m].history.items,
                                   .n = infos[m].history.n,
                                   .color = flow_color_of(m),
                                   .name = plot->names[m],
                                   .alone = plot->n_models == 1};
        const flow_objective objective = flow_objective_of(&infos[m].spec->train->objective);
        models[m].loss = flow_objective_interpolant(&objective) != NULL;
        if (infos[m].n_members > 0)
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s: is an ensemble, whose members were trained apart; name "
                                  "their files, which \"flowctl info %s\" lists",
                                  plot->o->models[m], plot->o->models[m]);
        if (models[m].n == 0)
            return flow_error_set(err, FLOW_DATA, "%s: has no history of a training", plot->o->models[m]);
        models[m].bits = models[m].rows[0].in_bits;
        if (models[m].bits != models[0].bits)
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s and %s: one is told in bits per dimension, the other in nats; "
                                  "draw a picture of each",
                                  plot->o->models[0], plot->o->models[m]);
        n_all += models[m].n;
    }
    range->values = calloc(2 * n_all + 1, sizeof *range->values);
    if (range->values == NULL)
        return flow_error_memory(err, "the history");
    return FLOW_OK;
}

flow_status flow_plot_curves(flow_plot *plot, flow_error *err)
{
    flow_run_info_model_result infos[FLOW_PLOT_MODELS_MAX] = {0};
    curves_model models[FLOW_PLOT_MODELS_MAX] = {0};
    curves_range range = {0};
    bool losses = false;
    flow_status status = curves_read(plot, infos, models, &range, err);
    for (int m = 0; m < plot->n_models; m++)
        losses = losses || models[m].loss;
    if (status == FLOW_OK)
        status = curves_draw(plot, models, &range, losses, err);
    free(range.values);
    for (int m = 0; m < plot->n_models; m++)
        flow_run_info_model_free(&infos[m]);
    return status;
}
