/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/moments.h"
#include "train/reflow.h"
#include "train/trainer_state.h"

/* ---- making ---- */

static int64_t largest_batch(const flow_trainer *t)
{
    int64_t n_rows = t->source->n_rows;
    if (t->pairs != NULL && t->pairs->n_rows > n_rows)
        n_rows = t->pairs->n_rows;
    return t->options.batch < n_rows ? t->options.batch : n_rows;
}

static flow_status make_parts(flow_trainer *t, const flow_target *target, flow_error *err)
{
    flow_json json = t->options.optimizer;
    flow_status status = flow_optimizer_new(&t->optimizer, &json, &t->f->params, err);
    json = t->options.schedule;
    if (status == FLOW_OK)
        status = flow_schedule_new(&t->schedule, &json, err);
    if (status == FLOW_OK && flow_schedule_observes(t->schedule) && t->source->n_held_out == 0)
        return flow_json_fail(&json, err, "\"%s\" goes by held-out data and there are none; give \"data\" a "
                              "\"validation\", or choose another schedule", flow_schedule_name(t->schedule));
    if (status == FLOW_OK)
        status = flow_step_new(&t->step, t->f, &t->objective, target, largest_batch(t), t->n_threads, err);
    return status;
}

/* Another vector of fitted values, and a flow with them. */
static flow_status make_flow(flow *view, double **fitted, const flow *f, flow_error *err)
{
    *fitted = flow_alloc_aligned(f->params.n_fitted, sizeof **fitted);
    if (*fitted == NULL)
        return flow_error_memory(err, "training");
    *view = *f;
    view->params.fitted = *fitted;
    return FLOW_OK;
}

static flow_status make_flows(flow_trainer *t, flow_error *err)
{
    if (!flow_has_batch_stats(t->f))
        return FLOW_OK;
    flow_status status = make_flow(&t->best_flow, &t->best_fitted, t->f, err);
    if (status == FLOW_OK && t->options.ema > 0)
        status = make_flow(&t->average_flow, &t->average_fitted, t->f, err);
    return status;
}

static flow_status make_weights(flow_trainer *t, flow_error *err)
{
    size_t n = t->f->params.n_weights;
    t->weights = flow_alloc_aligned(n, sizeof *t->weights);
    t->best = flow_alloc_aligned(n, sizeof *t->best);
    t->gradient = flow_alloc_aligned(n, sizeof *t->gradient);
    if (t->options.ema > 0)
        t->average = flow_alloc_aligned(n, sizeof *t->average);
    if (t->weights == NULL || t->best == NULL || t->gradient == NULL || (t->options.ema > 0 && t->average == NULL))
        return flow_error_memory(err, "training");
    return FLOW_OK;
}

static flow_status make_scores(flow_trainer *t, flow_error *err)
{
    size_t n = (size_t)t->source->n_held_out;
    t->scores = flow_alloc_aligned(n, sizeof *t->scores);
    t->reference = flow_alloc_aligned(n, sizeof *t->reference);
    t->held_out_weights = flow_alloc_aligned(n, sizeof *t->held_out_weights);
    if (t->scores == NULL || t->reference == NULL || t->held_out_weights == NULL)
        return flow_error_memory(err, "training");
    return FLOW_OK;
}

static void clear_state(flow_trainer *t)
{
    memset(t->counters, 0, sizeof t->counters);
    memset(t->figures, 0, sizeof t->figures);
    t->effort = (flow_nfe){0};
    memset(t->round, 0, sizeof t->round);
    t->figures[FIGURE_RATE_FACTOR] = 1;
    t->figures[FIGURE_BEST] = -HUGE_VAL;
    t->counters[COUNT_TRAINING_ROWS] = t->source->n_rows;
    t->counters[COUNT_TRAINING_CHECKSUM] = (int64_t)t->source->checksum;
    t->counters[COUNT_VALIDATION_ROWS] = t->source->n_held_out;
    t->counters[COUNT_VALIDATION_CHECKSUM] = (int64_t)t->source->held_out_checksum;
    t->n_history = 0;
}

/* A trainer with its objective and its vectors of weights, and no source yet. */
static flow_status begin(flow_trainer **out, flow *f, const flow_train_options *options, uint64_t seed, int n_threads,
                         flow_error *err)
{
    *out = NULL;
    flow_trainer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return flow_error_memory(err, "training");
    t->f = f;
    t->options = *options;
    t->seed = seed;
    t->n_threads = n_threads < 1 ? 1 : n_threads;
    flow_json json = options->objective;
    flow_status status = flow_objective_new(&t->objective, &json, err);
    if (status == FLOW_OK)
        status = make_weights(t, err);
    if (status == FLOW_OK)
        status = make_flows(t, err);
    if (status != FLOW_OK) {
        flow_trainer_free(t);
        return status;
    }
    *out = t;
    return FLOW_OK;
}

/* The rest, which depends on the source; the target is NULL for data. */
static flow_status finish(flow_trainer *t, const flow_target *target, flow_error *err)
{
    flow_status status = make_parts(t, target, err);
    if (status == FLOW_OK)
        status = make_scores(t, err);
    if (status != FLOW_OK)
        return status;
    clear_state(t);
    flow_trainer_set_span(t);
    flow_trainer_list_arrays(t);
    return FLOW_OK;
}

flow_status flow_trainer_new(flow_trainer **out, flow *f, const flow_train_options *options, flow_dataset *training,
                             flow_dataset *validation, uint64_t seed, int n_threads, flow_error *err)
{
    flow_trainer *t;
    *out = NULL;
    flow_status status = begin(&t, f, options, seed, n_threads, err);
    if (status != FLOW_OK)
        return status;
    if (flow_objective_draws(&t->objective) != NULL)
        status = flow_error_set(err, FLOW_ARGUMENT, "the objective \"%s\" is not one on data", t->objective.type->type);
    if (status == FLOW_OK)
        status = flow_objective_check(&t->objective, f, flow_dataset_is_weighted(training), err);
    if (status == FLOW_OK)
        status = flow_source_data(&t->source, flow_trainer_evaluated_flow(t), training, validation,
                                  flow_trainer_evaluated(t), options, seed, t->n_threads, err);
    if (status == FLOW_OK)
        status = flow_trainer_make_rounds(t, training, err);
    if (status == FLOW_OK)
        status = finish(t, NULL, err);
    if (status == FLOW_OK)
        *out = t;
    else
        flow_trainer_free(t);
    return status;
}

flow_status flow_trainer_new_target(flow_trainer **out, flow *f, const flow_train_options *options,
                                    const flow_target *target, uint64_t seed, int n_threads, flow_error *err)
{
    flow_trainer *t;
    *out = NULL;
    flow_status status = begin(&t, f, options, seed, n_threads, err);
    if (status != FLOW_OK)
        return status;
    const flow_draw_options *draws = flow_objective_draws(&t->objective);
    if (draws == NULL)
        status = flow_error_set(err, FLOW_ARGUMENT, "the objective \"%s\" is one on data", t->objective.type->type);
    if (status == FLOW_OK)
        status = flow_source_draws(&t->source, flow_trainer_evaluated_flow(t), target, draws,
                                   flow_trainer_evaluated(t), options, seed, t->n_threads, err);
    if (status == FLOW_OK)
        status = finish(t, target, err);
    if (status == FLOW_OK)
        *out = t;
    else
        flow_trainer_free(t);
    return status;
}

void flow_trainer_free(flow_trainer *trainer)
{
    if (trainer == NULL)
        return;
    if (trainer->source != NULL)
        trainer->source->type->free(trainer->source);
    if (trainer->pairs != NULL)
        trainer->pairs->type->free(trainer->pairs);
    flow_objective_release(&trainer->objective);
    flow_step_free(trainer->step);
    flow_schedule_free(trainer->schedule);
    flow_optimizer_free(trainer->optimizer);
    flow_free_aligned(trainer->weights);
    flow_free_aligned(trainer->best);
    flow_free_aligned(trainer->average);
    flow_free_aligned(trainer->teacher);
    flow_free_aligned(trainer->gradient);
    flow_free_aligned(trainer->best_fitted);
    flow_free_aligned(trainer->average_fitted);
    flow_free_aligned(trainer->scores);
    flow_free_aligned(trainer->reference);
    flow_free_aligned(trainer->held_out_weights);
    free(trainer->history);
    free(trainer);
}

/* ---- starting ---- */

/* Initial or evaluated weights, and the fitted values that go with them. */
static void keep_best(flow_trainer *t, const flow *f, const real *weights)
{
    memcpy(t->best, weights, f->params.n_weights * sizeof *t->best);
    if (t->best_fitted != NULL)
        memcpy(t->best_fitted, f->params.fitted, f->params.n_fitted * sizeof *t->best_fitted);
}

void flow_trainer_go_back(flow_trainer *trainer)
{
    flow_trainer *t = trainer;
    const flow_params *params = &t->f->params;
    memcpy(t->weights, t->best, params->n_weights * sizeof *t->weights);
    if (t->average != NULL)
        memcpy(t->average, t->best, params->n_weights * sizeof *t->average);
    if (t->best_fitted != NULL)
        memcpy(params->fitted, t->best_fitted, params->n_fitted * sizeof *t->best_fitted);
    if (t->average_fitted != NULL)
        memcpy(t->average_fitted, t->best_fitted, params->n_fitted * sizeof *t->best_fitted);
    flow_optimizer_reset(t->optimizer);
}

flow_status flow_trainer_start(flow_trainer *trainer, flow_error *err)
{
    flow_trainer *t = trainer;
    t->ready = false;
    clear_state(t);
    flow_trainer_set_span(t);
    flow_schedule_reset(t->schedule);
    flow_status status = flow_init_weights(t->f, t->seed, t->weights, err);
    if (status == FLOW_OK)
        status = t->source->type->fit(t->source, t->f, t->weights, err);
    if (status != FLOW_OK)
        return status;
    keep_best(t, t->f, t->weights);
    flow_trainer_go_back(t);
    t->ready = true;
    return FLOW_OK;
}

/* ---- the end of an epoch ---- */

const real *flow_trainer_evaluated(const flow_trainer *trainer)
{
    return trainer->average != NULL ? trainer->average : trainer->weights;
}

const flow *flow_trainer_evaluated_flow(const flow_trainer *trainer)
{
    return trainer->average_fitted != NULL ? &trainer->average_flow : trainer->f;
}

/* Whether the epoch's held-out log-densities are higher than those of the reference by more than their paired standard
 * error explains. The difference of two epochs is far sharper than either mean, because the rows are the same; so sharp
 * that an improvement which is real but nobody would notice could keep training alive for ever. It has to be a
 * hundredth of the mean's own standard error, too. */
static bool improves_significantly(const flow_trainer *t, double error)
{
    static const double noticeable = 0.01;
    if (t->counters[COUNT_REFERENCE_EPOCH] == 0)
        return true;
    flow_moments difference = {0};
    for (int64_t i = 0; i < t->source->n_held_out; i++)
        flow_moments_add(&difference, t->scores[i] - t->reference[i], t->held_out_weights[i]);
    return flow_moments_mean(&difference) > noticeable * error &&
           flow_moments_mean(&difference) > t->options.min_improvement * flow_moments_error(&difference);
}

static void warn_not_finite(const flow_trainer *t, const flow_train_hooks *hooks, const flow_likelihood *likelihood)
{
    if (hooks->on_warning == NULL)
        return;
    char message[FLOW_DIAGNOSIS_SIZE + 512];
    snprintf(message, sizeof message,
             "epoch %lld: %s of %lld held-out %s%s is not finite, the first is %s %lld of %.200s%s%s%s; these weights "
             "are not kept", (long long)t->counters[COUNT_EPOCHS] + 1, t->source->type->quantity,
             (long long)likelihood->not_finite, t->source->type->noun, likelihood->not_finite == 1 ? "" : "s",
             t->source->type->noun, (long long)likelihood->first_not_finite + 1, t->source->held_out_name,
             likelihood->why[0] != '\0' ? " (in " : "", likelihood->why, likelihood->why[0] != '\0' ? ")" : "");
    hooks->on_warning(hooks->context, message);
}

static flow_status finish_epoch(flow_trainer *t, const flow_train_hooks *hooks, flow_run_clock *clock, flow_error *err)
{
    flow_likelihood likelihood = {.mean = NAN, .error = NAN};
    flow_status status = flow_trainer_reserve_history(t, err);
    flow_profile_enter(hooks->profile, FLOW_PHASE_HELD_OUT);
    if (status == FLOW_OK && t->source->n_held_out > 0)
        status = t->source->type->judge(t->source, &likelihood, t->scores, t->held_out_weights, hooks, err);
    flow_profile_enter(hooks->profile, FLOW_PHASE_OTHER);
    if (status != FLOW_OK)
        return status;
    if (likelihood.not_finite > 0)
        warn_not_finite(t, hooks, &likelihood);

    /* From here on nothing fails: the state goes from one epoch to the next in one piece. */
    int64_t *counters = t->counters, epoch = ++counters[COUNT_EPOCHS];
    double *figures = t->figures;
    bool usable = likelihood.not_finite == 0;
    bool improved = usable && (t->source->n_held_out == 0 || improves_significantly(t, likelihood.error));
    bool best = usable && (t->source->n_held_out == 0 || likelihood.mean > figures[FIGURE_BEST]);
    if (improved) {
        counters[COUNT_REFERENCE_EPOCH] = epoch;
        memcpy(t->reference, t->scores, (size_t)t->source->n_held_out * sizeof *t->reference);
    }
    counters[COUNT_WAITED] = improved ? 0 : counters[COUNT_WAITED] + 1;
    if (best) {
        counters[COUNT_BEST_EPOCH] = epoch;
        figures[FIGURE_BEST] = t->source->n_held_out > 0 ? likelihood.mean : figures[FIGURE_BEST];
        keep_best(t, flow_trainer_evaluated_flow(t), flow_trainer_evaluated(t));
    }
    flow_schedule_observe(t->schedule, flow_optimizer_rate(t->optimizer), improved);

    double now = flow_seconds(), steps = (double)counters[COUNT_EPOCH_STEPS];
    const flow_nfe *effort = t->effort.rows > 0 ? &t->effort : &likelihood.effort;
    const flow_epoch line = {
        .epoch = epoch,
        .training = figures[FIGURE_SCORE] / figures[FIGURE_SCORED_WEIGHT],
        .validation = likelihood.mean,
        .validation_error = likelihood.error,
        .rate = figures[FIGURE_RATE],
        .gradient_norm = figures[FIGURE_NORM] / steps,
        .clipped = (double)counters[COUNT_CLIPPED] / steps,
        .dropped = (double)counters[COUNT_DROPPED],
        .best = best ? 1 : 0,
        .seconds = figures[FIGURE_SECONDS] + now - clock->mark,
        .evaluations = flow_nfe_mean(effort, t->f),
        .most_evaluations = flow_nfe_most(effort, t->f),
    };
    flow_trainer_add_history(t, &line);
    t->effort = (flow_nfe){0};
    static const flow_counter of_epoch[] = {COUNT_ROWS, COUNT_EPOCH_STEPS, COUNT_CLIPPED, COUNT_DROPPED};
    for (size_t k = 0; k < sizeof of_epoch / sizeof *of_epoch; k++)
        counters[of_epoch[k]] = 0;
    static const flow_figure summed[] = {FIGURE_SCORE, FIGURE_SCORED_WEIGHT, FIGURE_NORM, FIGURE_SECONDS};
    for (size_t k = 0; k < sizeof summed / sizeof *summed; k++)
        figures[summed[k]] = 0;
    status = hooks->on_epoch != NULL ? hooks->on_epoch(hooks->context, &line, err) : FLOW_OK;
    clock->mark = flow_seconds();
    return status;
}

/* ---- running ---- */

flow_status flow_trainer_run(flow_trainer *trainer, const flow_train_hooks *hooks, flow_error *err)
{
    static const flow_train_hooks no_hooks = {0};
    if (!trainer->ready)
        return flow_error_set(err, FLOW_ARGUMENT, "the trainer was neither started nor restored");
    double now = flow_seconds();
    flow_run_clock clock = {.began = now, .mark = now};
    hooks = hooks != NULL ? hooks : &no_hooks;
    flow_status status = FLOW_OK;
    while (status == FLOW_OK) {
        bool over = flow_trainer_round_is_over(trainer);
        if (over && flow_trainer_is_last_round(trainer))
            break;
        status = over ? flow_trainer_next_round(trainer, hooks, err) : flow_trainer_take_up_round(trainer, hooks, err);
        if (status == FLOW_OK)
            status = flow_trainer_run_epoch(trainer, hooks, &clock, err);
        if (status == FLOW_OK)
            status = finish_epoch(trainer, hooks, &clock, err);
    }
    flow_profile_enter(NULL, FLOW_PHASE_OTHER);
    return status;
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
    return trainer->counters[COUNT_BEST_EPOCH];
}

bool flow_trainer_converged(const flow_trainer *trainer)
{
    return trainer->options.patience > 0 && trainer->counters[COUNT_WAITED] >= trainer->options.patience;
}
