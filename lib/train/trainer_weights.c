/* The weights of a trainer: current, averaged, best; and the fitted values that go with each. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/memory.h"
#include "train/trainer_state.h"

/* Another vector of fitted values, and a flow with them. */
static flow_status weights_make_flow(flow *view, double **fitted, const flow *f, flow_error *err)
{
    *fitted = flow_alloc_aligned(f->params.n_fitted, sizeof **fitted);
    if (*fitted == NULL)
        return flow_error_memory(err, "training");
    *view = *f;
    view->params.fitted = *fitted;
    return FLOW_OK;
}

flow_status flow_trainer_make_weights(flow_trainer *t, flow_error *err)
{
    size_t n = t->f->params.n_weights;
    bool averages = t->options.ema > 0;
    t->weights = flow_alloc_aligned(n, sizeof *t->weights);
    t->best = flow_alloc_aligned(n, sizeof *t->best);
    t->gradient = flow_alloc_aligned(n, sizeof *t->gradient);
    t->average = averages ? flow_alloc_aligned(n, sizeof *t->average) : NULL;
    if (t->weights == NULL || t->best == NULL || t->gradient == NULL || (averages && t->average == NULL))
        return flow_error_memory(err, "training");
    if (!flow_has_batch_stats(t->f))
        return FLOW_OK;
    flow_status status = weights_make_flow(&t->best_flow, &t->best_fitted, t->f, err);
    if (status == FLOW_OK && averages)
        status = weights_make_flow(&t->average_flow, &t->average_fitted, t->f, err);
    return status;
}

void flow_trainer_free_weights(flow_trainer *t)
{
    flow_free_aligned(t->weights);
    flow_free_aligned(t->best);
    flow_free_aligned(t->average);
    flow_free_aligned(t->teacher);
    flow_free_aligned(t->gradient);
    flow_free_aligned(t->best_fitted);
    flow_free_aligned(t->average_fitted);
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
