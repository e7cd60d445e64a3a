/* The end of an epoch: evaluation of the held-out rows, the best weights, the history. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "num/moments.h"
#include "train/trainer_state.h"

/* Whether the epoch's held-out log-densities are higher than those of the reference by more than their paired standard
 * error explains. The difference of two epochs has a far smaller error than either mean, because the rows are the same:
 * an improvement that is real but irrelevant could make training endless. So the difference must exceed a
 * hundredth of the mean's own standard error, too. */
static bool epoch_improves(const flow_trainer *t, double error)
{
    static const double relevant = 0.01;
    if (t->now.reference_epoch == 0)
        return true;
    flow_moments difference = {0};
    for (int64_t i = 0; i < t->source->n_held_out; i++)
        flow_moments_add(&difference, t->scores[i] - t->reference[i], t->held_out_weights[i]);
    return flow_moments_mean(&difference) > relevant * error &&
           flow_moments_mean(&difference) > t->options.min_improvement * flow_moments_error(&difference);
}

static void epoch_warn_not_finite(const flow_trainer *t, const flow_train_hooks *hooks,
                                  const flow_likelihood *likelihood)
{
    if (hooks->on_warning == NULL)
        return;
    char message[FLOW_DIAGNOSIS_SIZE + 512];
    snprintf(message, sizeof message, "epoch %lld: %s of %lld held-out %s%s is not finite, the first is %s %lld of "
             "%.200s%s%s%s; these weights are not kept", (long long)t->now.epochs + 1, t->source->type->score_name,
             (long long)likelihood->not_finite, t->source->type->row_name, likelihood->not_finite == 1 ? "" : "s",
             t->source->type->row_name, (long long)likelihood->first_not_finite + 1, t->source->held_out_name,
             likelihood->place[0] != '\0' ? " (in " : "", likelihood->place, likelihood->place[0] != '\0' ? ")" : "");
    hooks->on_warning(hooks->context, message);
}

/* Of held-out rows in a file of their own: those of the training table are warned of before it begins. */
static void epoch_warn_left_out(const flow_trainer *t, const flow_train_hooks *hooks, const flow_likelihood *likelihood)
{
    if (hooks->on_warning == NULL)
        return;
    char message[512];
    snprintf(message, sizeof message, "%.200s: %lld %s%s with values far from all those of the training data, the "
             "first of them %s %lld; they are left out of the mean", t->source->held_out_name,
             (long long)likelihood->left_out, t->source->type->row_name, likelihood->left_out == 1 ? "" : "s",
             t->source->type->row_name, (long long)likelihood->first_left_out + 1);
    hooks->on_warning(hooks->context, message);
}

flow_status flow_trainer_end_epoch(flow_trainer *t, const flow_train_hooks *hooks, flow_run_clock *clock,
                                   flow_error *err)
{
    flow_likelihood likelihood = {.mean = NAN, .error = NAN};
    const bool has_held_out = t->source->n_held_out > 0;
    flow_status status = flow_history_reserve(&t->history, t->history.n + 1, err);
    flow_profile_enter(hooks->profile, FLOW_PHASE_HELD_OUT);
    if (status == FLOW_OK && has_held_out)
        status = t->source->type->evaluate(t->source, &likelihood, t->scores, t->held_out_weights, hooks, err);
    flow_profile_enter(hooks->profile, FLOW_PHASE_OTHER);
    FLOW_TRY(status);
    if (likelihood.not_finite > 0)
        epoch_warn_not_finite(t, hooks, &likelihood);
    if (likelihood.left_out > 0 && t->now.epochs == 0 && strcmp(t->source->name, t->source->held_out_name) != 0)
        epoch_warn_left_out(t, hooks, &likelihood);

    /* No error is possible from here on: the state goes from one epoch to the next as a whole. */
    flow_trainer_numbers *now = &t->now;
    bool usable = likelihood.not_finite == 0 && (!has_held_out || isfinite(likelihood.mean));
    bool improved = usable && (!has_held_out || epoch_improves(t, likelihood.error));
    bool best = usable && (!has_held_out || likelihood.mean > now->best_score);
    now->epochs++;
    if (improved) {
        now->reference_epoch = now->epochs;
        memcpy(t->reference, t->scores, (size_t)t->source->n_held_out * sizeof *t->reference);
    }
    now->waited = improved ? 0 : now->waited + 1;
    if (best) {
        now->best_epoch = now->epochs;
        now->best_score = has_held_out ? likelihood.mean : now->best_score;
        flow_trainer_keep_best(t, flow_trainer_evaluated_flow(t), flow_trainer_evaluated(t));
    }
    flow_schedule_observe(&t->schedule, flow_optimizer_learning_rate(t->optimizer), improved);

    double steps = (double)now->epoch_steps;
    const flow_nfe *nfe = t->nfe.rows > 0 ? &t->nfe : &likelihood.nfe;
    const flow_epoch epoch = {
        .epoch = (double)now->epochs, .training = now->score / now->scored_weight,
        .validation = likelihood.mean, .validation_error = likelihood.error,
        .rate = now->rate, .gradient_norm = now->norm / steps,
        .clipped = (double)now->clipped / steps, .dropped = (double)now->dropped,
        .best = best ? 1 : 0, .seconds = now->seconds + flow_seconds() - clock->mark,
        .evaluations = flow_nfe_mean(nfe, t->f), .most_evaluations = flow_nfe_most(nfe, t->f),
    };
    t->history.at[t->history.n++] = epoch;
    t->nfe = (flow_nfe){0};
    now->rows = now->epoch_steps = now->clipped = now->dropped = 0;
    now->score = now->scored_weight = now->norm = now->seconds = 0;
    status = hooks->on_epoch != NULL ? hooks->on_epoch(hooks->context, &epoch, err) : FLOW_OK;
    clock->mark = flow_seconds();
    return status;
}
