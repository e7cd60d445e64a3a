/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "core/clock.h"
#include "train/trainer_state.h"

/* ---- making ---- */

static int64_t trainer_largest_batch(const flow_trainer *t)
{
    int64_t n_rows = t->source->n_rows;
    if (t->pairs != NULL && t->pairs->n_rows > n_rows)
        n_rows = t->pairs->n_rows;
    return t->options.batch < n_rows ? t->options.batch : n_rows;
}

static flow_status trainer_make_parts(flow_trainer *t, const flow_target *target, flow_error *err)
{
    t->schedule = flow_schedule_of(&t->options.schedule);
    if (t->schedule.type->observe != NULL && t->source->n_held_out == 0)
        return flow_error_set(err, FLOW_SPEC, "train.schedule: \"%s\" needs held-out data and there are none; give "
                              "\"data\" a \"validation\", or choose another schedule", t->schedule.type->info.name);
    FLOW_TRY(flow_optimizer_new(&t->optimizer, &t->options.optimizer, &t->f->params, err));
    size_t n = (size_t)t->source->n_held_out;
    t->scores = flow_arena_take(&t->arena, n, sizeof *t->scores);
    t->reference = flow_arena_take(&t->arena, n, sizeof *t->reference);
    t->held_out_weights = flow_arena_take(&t->arena, n, sizeof *t->held_out_weights);
    if (t->arena.failed)
        return flow_error_memory(err, "training");
    const size_t memory = (size_t)(t->options.memory * (double)(1u << 30));
    return flow_step_new(&t->step, t->f, &t->objective, target, trainer_largest_batch(t), memory, t->comm,
                         t->n_threads, err);
}

/* Draws for the target where there are no data. */
static flow_status trainer_make_source(flow_trainer *t, flow_dataset *training, flow_dataset *validation,
                                       const flow_target *target, flow_error *err)
{
    const flow *f = flow_trainer_evaluated_flow(t);
    const real *weights = flow_trainer_evaluated(t);
    const flow_draw_options *draws = flow_objective_draws(&t->objective);
    if ((draws != NULL) != (training == NULL))
        return flow_error_set(err, FLOW_ARGUMENT, "the objective \"%s\" is %sone on data",
                              t->objective.type->info.name, draws != NULL ? "not " : "");
    if (training == NULL)
        return flow_source_draws(&t->source, f, target, draws, weights, &t->options, t->seed, t->comm,
                                 t->n_threads, err);
    FLOW_TRY(flow_objective_check(&t->objective, t->f, training->is_weighted, err));
    FLOW_TRY(flow_source_data(&t->source, f, training, validation, weights, &t->options, t->seed, t->n_threads, err));
    return flow_trainer_make_rounds(t, training, err);
}

static flow_status trainer_make(flow_trainer *t, flow_dataset *training, flow_dataset *validation,
                                const flow_target *target, flow_error *err)
{
    FLOW_TRY(flow_trainer_make_weights(t, err));
    FLOW_TRY(trainer_make_source(t, training, validation, target, err));
    FLOW_TRY(trainer_make_parts(t, target, err));
    flow_trainer_clear(t);
    flow_trainer_set_span(t);
    flow_trainer_list_arrays(t);
    return FLOW_OK;
}

/* The data are NULL where there is a target, and the other way round. */
static flow_status trainer_new(flow_trainer **out, flow *f, const flow_train_options *options, flow_dataset *training,
                               flow_dataset *validation, const flow_target *target, uint64_t seed,
                               const flow_comm *comm, int n_threads, flow_error *err)
{
    *out = NULL;
    flow_trainer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return flow_error_memory(err, "training");
    t->f = f;
    t->options = *options;
    t->seed = seed;
    t->comm = comm;
    t->n_threads = n_threads < 1 ? 1 : n_threads;
    t->objective = flow_objective_of(&options->objective);
    flow_status status = trainer_make(t, training, validation, target, err);
    FLOW_RETURN_MADE(out, t, flow_trainer_free, status);
}

flow_status flow_trainer_new(flow_trainer **out, flow *f, const flow_train_options *options, flow_dataset *training,
                             flow_dataset *validation, uint64_t seed, int n_threads, flow_error *err)
{
    return trainer_new(out, f, options, training, validation, NULL, seed, training != NULL ? training->comm : NULL,
                       n_threads, err);
}

flow_status flow_trainer_new_target(flow_trainer **out, flow *f, const flow_train_options *options,
                                    const flow_target *target, uint64_t seed, const flow_comm *comm, int n_threads,
                                    flow_error *err)
{
    return trainer_new(out, f, options, NULL, NULL, target, seed, comm, n_threads, err);
}

void flow_trainer_free(flow_trainer *trainer)
{
    if (trainer == NULL)
        return;
    if (trainer->source != NULL)
        trainer->source->type->free(trainer->source);
    if (trainer->pairs != NULL)
        trainer->pairs->type->free(trainer->pairs);
    flow_step_free(trainer->step);
    flow_optimizer_free(trainer->optimizer);
    flow_arena_release(&trainer->arena);
    flow_history_free(&trainer->history);
    free(trainer);
}

/* ---- starting ---- */

flow_status flow_trainer_start(flow_trainer *t, flow_error *err)
{
    t->ready = false;
    flow_trainer_clear(t);
    flow_trainer_set_span(t);
    flow_schedule_reset(&t->schedule);
    FLOW_TRY(flow_init_weights(t->f, t->seed, t->weights, err));
    if (t->source->type->fit != NULL)
        FLOW_TRY(t->source->type->fit(t->source, t->f, t->weights, err));
    flow_trainer_keep_best(t, t->f, t->weights);
    flow_trainer_go_back(t);
    t->ready = true;
    return FLOW_OK;
}

/* ---- state ---- */

void flow_trainer_state(flow_trainer *trainer, const flow_array **arrays, int *n_arrays)
{
    *arrays = trainer->arrays;
    *n_arrays = trainer->n_arrays;
}

flow_status flow_trainer_restored(flow_trainer *trainer, flow_error *err)
{
    flow_status status = flow_trainer_check(trainer, err);
    trainer->ready = status == FLOW_OK;
    trainer->has_pairs = false;
    if (status == FLOW_OK)
        flow_trainer_set_span(trainer);
    return status;
}

const flow_epoch *flow_trainer_history(const flow_trainer *trainer, int64_t *n)
{
    *n = trainer->history.n;
    return trainer->history.at;
}

flow_status flow_trainer_set_history(flow_trainer *trainer, const char *const *columns, int n_columns,
                                     const double *table, int64_t n, flow_error *err)
{
    return flow_history_fill(&trainer->history, columns, n_columns, table, n, err);
}

/* ---- running ---- */

/* Without an epoch whose held-out mean is a number, the best weights are those of the start. */
static flow_status trainer_check_best(const flow_trainer *t, flow_error *err)
{
    const flow_source *source = t->source;
    if (source->n_held_out == 0 || t->now.epochs == 0 || t->now.best_epoch > 0)
        return FLOW_OK;
    return flow_error_set(err, FLOW_NUMERIC, "the mean of %s over the held-out %ss of %.200s was a finite number "
                          "after no epoch, so there are no best weights; look at the %ss that the warnings name, "
                          "correct them or leave them out", source->type->score_name, source->type->row_name,
                          source->held_out_name, source->type->row_name);
}

flow_status flow_trainer_run(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err)
{
    static const flow_train_hooks no_hooks = {0};
    if (!trainer->ready)
        return flow_error_set(err, FLOW_ARGUMENT, "the trainer was neither started nor restored");
    double now = flow_seconds();
    flow_run_clock clock = {.began = now, .mark = now};
    hooks = hooks != NULL ? hooks : &no_hooks;
    bool done = false;
    flow_status status = flow_trainer_take_up_round(trainer, &done, hooks, err);
    while (status == FLOW_OK && !done) {
        status = flow_trainer_run_epoch(trainer, hooks, &clock, err);
        if (status == FLOW_OK)
            status = flow_trainer_end_epoch(trainer, hooks, &clock, err);
        if (status == FLOW_OK)
            status = flow_trainer_take_up_round(trainer, &done, hooks, err);
    }
    flow_profile_enter(NULL, FLOW_PHASE_OTHER);
    return status == FLOW_OK ? trainer_check_best(trainer, err) : status;
}

const real *flow_trainer_best(const flow_trainer *trainer)
{
    return trainer->best;
}

const flow *flow_trainer_best_flow(const flow_trainer *trainer)
{
    return trainer->best_fitted != NULL ? &trainer->best_flow : trainer->f;
}

int64_t flow_trainer_best_epoch(const flow_trainer *trainer)
{
    return trainer->now.best_epoch;
}

int64_t flow_trainer_epochs(const flow_trainer *trainer)
{
    return flow_trainer_n_epochs(trainer);
}

bool flow_trainer_converged(const flow_trainer *trainer)
{
    return flow_trainer_ran_out(trainer);
}
