/* The rounds of a training with reflow (train/source_pairs.h). Round 0 is the one on data, and the only one of other
 * objectives. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/interpolant.h"
#include "train/source_pairs.h"
#include "train/trainer_state.h"

static int64_t reflow_n_rounds(const flow_trainer *t)
{
    const flow_interpolant_options *o = flow_objective_interpolant(&t->objective);
    return o != NULL ? o->reflow : 0;
}

flow_source *flow_trainer_serving(const flow_trainer *t)
{
    return t->now.round > 0 ? t->pairs : t->source;
}

int64_t flow_trainer_n_epochs(const flow_trainer *t)
{
    return t->now.round_epoch + (reflow_n_rounds(t) - t->now.round + 1) * t->options.epochs;
}

bool flow_trainer_ran_out(const flow_trainer *t)
{
    return t->options.patience > 0 && t->now.waited >= t->options.patience;
}

void flow_trainer_set_span(flow_trainer *t)
{
    int64_t n_rows = flow_trainer_serving(t)->n_rows;
    t->batch = t->options.batch < n_rows ? t->options.batch : n_rows;
    t->n_steps = (n_rows + t->batch - 1) / t->batch * t->options.epochs;
}

flow_status flow_trainer_make_rounds(flow_trainer *t, flow_dataset *training, flow_error *err)
{
    if (reflow_n_rounds(t) == 0)
        return FLOW_OK;
    t->teacher = flow_arena_take(&t->arena, t->f->params.n_weights, sizeof *t->teacher);
    if (t->teacher == NULL)
        return flow_error_memory(err, "reflow");
    int64_t n = flow_reflow_pairs(flow_objective_interpolant(&t->objective)->pairs, t->source->n_rows);
    return flow_source_pairs(&t->pairs, t->f, training, n, t->options.batch, t->seed, t->n_threads, err);
}

static flow_status reflow_make_pairs(flow_trainer *t, const flow_pair_request *request,
                                     const flow_train_hooks *hooks, flow_error *err)
{
    int64_t n_failed = 0;
    t->has_pairs = false; /* after an error those of the round before may be gone */
    FLOW_TRY(flow_source_pairs_make(t->pairs, request, &n_failed, hooks, err));
    t->has_pairs = true;
    if (n_failed == 0 || hooks->on_warning == NULL)
        return FLOW_OK;
    char message[256];
    snprintf(message, sizeof message, "reflow, round %lld: the solver did not reach the data from %lld of %lld "
             "latents, which others replace", (long long)request->round, (long long)n_failed,
             (long long)t->pairs->n_rows);
    hooks->on_warning(hooks->context, message);
    return FLOW_OK;
}

/* Makes the pairs of the next round with the best weights and begins it; an error leaves the state as it was. */
static flow_status reflow_next_round(flow_trainer *t, const flow_train_hooks *hooks, flow_error *err)
{
    const flow_pair_request request = {t->best, t->now.round + 1, t->now.epochs};
    FLOW_TRY(reflow_make_pairs(t, &request, hooks, err));
    /* No error is possible from here on. */
    memcpy(t->teacher, t->best, t->f->params.n_weights * sizeof *t->teacher);
    t->now.round = request.round;
    t->now.round_epoch = request.epoch;
    t->now.round_step = t->now.steps;
    t->now.reference_epoch = t->now.waited = t->now.dropped_in_a_row = 0;
    t->now.best_score = -HUGE_VAL;
    t->now.rate_factor = 1;
    flow_trainer_go_back(t);
    flow_schedule_reset(&t->schedule);
    flow_trainer_set_span(t);
    return FLOW_OK;
}

flow_status flow_trainer_take_up_round(flow_trainer *t, bool *done, const flow_train_hooks *hooks, flow_error *err)
{
    bool is_over = t->now.epochs - t->now.round_epoch >= t->options.epochs || flow_trainer_ran_out(t);
    *done = is_over && t->now.round >= reflow_n_rounds(t);
    if (*done)
        return FLOW_OK;
    if (is_over)
        return reflow_next_round(t, hooks, err);
    const flow_pair_request again = {t->teacher, t->now.round, t->now.round_epoch}; /* after a restart */
    return t->now.round == 0 || t->has_pairs ? FLOW_OK : reflow_make_pairs(t, &again, hooks, err);
}

const char *flow_trainer_check_round(const flow_trainer *t)
{
    const flow_trainer_numbers *now = &t->now;
    bool fits = now->round >= 0 && now->round <= reflow_n_rounds(t) && now->round_epoch >= 0 &&
                now->round_epoch <= now->epochs && now->round_step >= 0 && now->round_step <= now->steps &&
                (now->round > 0 || (now->round_epoch == 0 && now->round_step == 0));
    return fits ? NULL : "its rounds of reflow contradict its counters";
}
