/* The rounds of a training with reflow. Round 0 is the one on data, and the only one of other objectives. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/reflow.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "train/interpolant.h"
#include "train/trainer_state.h"

static int64_t n_rounds(const flow_trainer *t)
{
    const flow_interpolant_options *o = flow_objective_interpolant(&t->objective);
    return o != NULL ? o->reflow : 0;
}

flow_source *flow_trainer_serving(const flow_trainer *trainer)
{
    return trainer->round[ROUND] > 0 ? trainer->pairs : trainer->source;
}

int64_t flow_trainer_epochs(const flow_trainer *trainer)
{
    return trainer->round[ROUND_EPOCH] +
           (n_rounds(trainer) - trainer->round[ROUND] + 1) * trainer->options.epochs;
}

void flow_trainer_set_span(flow_trainer *trainer)
{
    flow_trainer *t = trainer;
    int64_t n_rows = flow_trainer_serving(t)->n_rows;
    t->batch = t->options.batch < n_rows ? t->options.batch : n_rows;
    t->n_steps = (n_rows + t->batch - 1) / t->batch * t->options.epochs;
}

flow_status flow_trainer_make_rounds(flow_trainer *trainer, flow_dataset *training, flow_error *err)
{
    flow_trainer *t = trainer;
    if (n_rounds(t) == 0)
        return FLOW_OK;
    t->teacher = flow_alloc_aligned(t->f->params.n_weights, sizeof *t->teacher);
    if (t->teacher == NULL)
        return flow_error_memory(err, "reflow");
    int64_t n = flow_reflow_pairs(flow_objective_interpolant(&t->objective)->pairs, t->source->n_rows);
    return flow_source_pairs(&t->pairs, t->f, training, n, t->options.batch, t->seed, t->n_threads, err);
}

static flow_status make_pairs(flow_trainer *t, const flow_pairs_plan *plan, const flow_train_hooks *hooks,
                              flow_error *err)
{
    int64_t n_failed = 0;
    flow_status status = flow_source_pairs_make(t->pairs, plan, &n_failed, hooks, err);
    if (status != FLOW_OK || n_failed == 0 || hooks->on_warning == NULL)
        return status;
    char message[256];
    snprintf(message, sizeof message, "reflow, round %lld: the solver did not reach the data from %lld of %lld "
             "latents, which others replace", (long long)plan->round, (long long)n_failed,
             (long long)t->pairs->n_rows);
    hooks->on_warning(hooks->context, message);
    return FLOW_OK;
}

flow_status flow_trainer_take_up_round(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err)
{
    flow_trainer *t = trainer;
    if (t->round[ROUND] == 0 || t->has_pairs)
        return FLOW_OK;
    const flow_pairs_plan plan = {t->teacher, t->round[ROUND], t->round[ROUND_EPOCH]};
    flow_status status = make_pairs(t, &plan, hooks, err);
    t->has_pairs = status == FLOW_OK;
    return status;
}

bool flow_trainer_round_is_over(const flow_trainer *trainer)
{
    return trainer->counters[COUNT_EPOCHS] - trainer->round[ROUND_EPOCH] >= trainer->options.epochs ||
           flow_trainer_converged(trainer);
}

bool flow_trainer_is_last_round(const flow_trainer *trainer)
{
    return trainer->round[ROUND] >= n_rounds(trainer);
}

flow_status flow_trainer_next_round(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err)
{
    flow_trainer *t = trainer;
    const flow_pairs_plan plan = {t->best, t->round[ROUND] + 1, t->counters[COUNT_EPOCHS]};
    flow_status status = make_pairs(t, &plan, hooks, err);
    if (status != FLOW_OK) {
        t->has_pairs = false; /* those of the round before may be gone */
        return status;
    }
    /* From here on nothing fails. */
    t->has_pairs = true;
    memcpy(t->teacher, t->best, t->f->params.n_weights * sizeof *t->teacher);
    t->round[ROUND] = plan.round;
    t->round[ROUND_EPOCH] = plan.epoch;
    t->round[ROUND_STEP] = t->counters[COUNT_STEPS];
    t->counters[COUNT_REFERENCE_EPOCH] = t->counters[COUNT_WAITED] = t->counters[COUNT_DROPPED_IN_A_ROW] = 0;
    t->figures[FIGURE_BEST] = -HUGE_VAL;
    t->figures[FIGURE_RATE_FACTOR] = 1;
    flow_trainer_go_back(t);
    flow_schedule_reset(t->schedule);
    flow_trainer_set_span(t);
    return FLOW_OK;
}

const char *flow_trainer_check_round(const flow_trainer *trainer)
{
    const int64_t *round = trainer->round, *counters = trainer->counters;
    bool fits = round[ROUND] >= 0 && round[ROUND] <= n_rounds(trainer) && round[ROUND_EPOCH] >= 0 &&
                round[ROUND_EPOCH] <= counters[COUNT_EPOCHS] && round[ROUND_STEP] >= 0 &&
                round[ROUND_STEP] <= counters[COUNT_STEPS] &&
                (round[ROUND] > 0 || (round[ROUND_EPOCH] == 0 && round[ROUND_STEP] == 0));
    return fits ? NULL : "its rounds of reflow contradict its counters";
}
