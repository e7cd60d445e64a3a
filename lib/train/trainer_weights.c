/* The weights of a trainer: current, averaged, best; and the fitted values that go with each. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "train/trainer_state.h"

/* Another vector of fitted values, and a flow with them. */
static void weights_make_flow(flow *view, double **fitted, flow_trainer *t)
{
    *fitted = flow_arena_take(&t->arena, t->f->params.n_fitted, sizeof **fitted);
    *view = *t->f;
    view->params.fitted = *fitted;
}

flow_status flow_trainer_make_weights(flow_trainer *t, flow_error *err)
{
    size_t n = t->f->params.n_weights;
    bool averages = t->options.ema > 0, changes_fitted = flow_has_batch_stats(t->f);
    t->weights = flow_arena_take(&t->arena, n, sizeof *t->weights);
    t->best = flow_arena_take(&t->arena, n, sizeof *t->best);
    t->gradient = flow_arena_take(&t->arena, n, sizeof *t->gradient);
    if (averages)
        t->average = flow_arena_take(&t->arena, n, sizeof *t->average);
    if (changes_fitted)
        weights_make_flow(&t->best_flow, &t->best_fitted, t);
    if (changes_fitted && averages)
        weights_make_flow(&t->average_flow, &t->average_fitted, t);
    return t->arena.failed ? flow_error_memory(err, "training") : FLOW_OK;
}

const real *flow_trainer_evaluated(const flow_trainer *t)
{
    return t->average != NULL ? t->average : t->weights;
}

const flow *flow_trainer_evaluated_flow(const flow_trainer *t)
{
    return t->average_fitted != NULL ? &t->average_flow : t->f;
}

void flow_trainer_keep_best(flow_trainer *t, const flow *f, const real *weights)
{
    memcpy(t->best, weights, f->params.n_weights * sizeof *t->best);
    if (t->best_fitted != NULL)
        memcpy(t->best_fitted, f->params.fitted, f->params.n_fitted * sizeof *t->best_fitted);
}

void flow_trainer_go_back(flow_trainer *t)
{
    const flow_params *params = &t->f->params;
    memcpy(t->weights, t->best, params->n_weights * sizeof *t->weights);
    if (t->average != NULL)
        memcpy(t->average, t->best, params->n_weights * sizeof *t->average);
    if (t->best_fitted != NULL)
        memcpy(params->fitted, t->best_fitted, params->n_fitted * sizeof *t->best_fitted);
    if (t->average_fitted != NULL && t->best_fitted != NULL)
        memcpy(t->average_fitted, t->best_fitted, params->n_fitted * sizeof *t->best_fitted);
    flow_optimizer_reset(t->optimizer);
}
