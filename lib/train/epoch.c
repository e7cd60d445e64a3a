/* The steps of an epoch, and the treatment of those that are not finite.
 *
 * A step whose score or gradient is not finite never reaches the weights. It is dropped, a warning names its cause, and
 * the learning rate is halved, down to a floor. Each good step raises the rate by 2 % again, so a single bad row costs
 * a few dozen slower steps and not the rest of the training. After REWIND_AFTER dropped steps in a row the weights are
 * probably damaged: training goes back to the best ones, with an optimizer whose moments are zero. Training stops after
 * STOP_AFTER dropped steps in a row, or when an epoch loses more than DROPPED_MOST steps and more than one in a
 * hundred.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "train/trainer_state.h"

enum { REWIND_AFTER = 5, STOP_AFTER = 10, DROPPED_MOST = 50 };

/* Where one row makes a step of every epoch fail, the cuts would win over the recovery; a cut below the floor does not
 * help any more. */
static const double cut = 0.5, recovery = 1.02, least_factor = 1.0 / 1024;

/* A gradient above this counts as infinite: its square, which optimizers keep, would leave the range of a real. */
#ifdef FLOW_DOUBLE
static const double largest_norm = 1e150;
#else
static const double largest_norm = 1e18;
#endif

/* "log p of row 17 of FILE is not finite (in 2.maf)" */
static void epoch_diagnose(flow_trainer *t, char *out, size_t size)
{
    flow_diagnosis found;
    flow_step_diagnose(t->step, &found);
    char row[64];
    const flow_source *source = flow_trainer_serving(t);
    const char *row_name = source->type->row_name;
    if (found.row >= 0)
        snprintf(row, sizeof row, "%s %lld", row_name, (long long)source->type->number(source, found.row) + 1);
    else
        snprintf(row, sizeof row, "a %s", row_name);
    snprintf(out, size, "%s of %s of %.200s is %s%s%s%s",
             found.in_gradient ? "the gradient" : t->objective.type->score_name, row, source->name,
             found.in_gradient ? "out of range" : "not finite", found.place[0] != '\0' ? " (in " : "", found.place,
             found.place[0] != '\0' ? ")" : "");
}

static flow_status epoch_drop_step(flow_trainer *t, const flow_train_hooks *hooks, double rate, flow_error *err)
{
    char cause[FLOW_DIAGNOSIS_SIZE + 360], message[FLOW_DIAGNOSIS_SIZE + 520], origin[64] = "the initial ones";
    epoch_diagnose(t, cause, sizeof cause);
    int64_t dropped = ++t->now.dropped, in_a_row = ++t->now.dropped_in_a_row;
    double factor = t->now.rate_factor, cut_factor = fmax(factor * cut, least_factor);
    t->now.rate_factor = cut_factor;
    if (t->now.best_epoch > 0)
        snprintf(origin, sizeof origin, "those of epoch %lld", (long long)t->now.best_epoch);
    bool back = in_a_row == REWIND_AFTER;
    if (back)
        flow_trainer_go_back(t);
    if (hooks->on_warning != NULL) {
        snprintf(message, sizeof message, "epoch %lld: %s; this step is dropped and the rate is cut to %.3g%s%s",
                 (long long)t->now.epochs + 1, cause, rate * cut_factor / factor,
                 back ? "; the weights go back to " : "", back ? origin : "");
        hooks->on_warning(hooks->context, message);
    }
    int64_t epoch_steps = t->n_steps / t->options.epochs;
    if (in_a_row < STOP_AFTER && (dropped <= DROPPED_MOST || dropped * 100 <= epoch_steps))
        return FLOW_OK;
    bool running = in_a_row >= STOP_AFTER;
    return flow_error_set(err, FLOW_NUMERIC, "training stopped in epoch %lld after %lld steps that were not finite%s: "
                          "%s; look at that %s, or try a lower \"rate\" (it is %g) or another \"clip\" (it is %g); the "
                          "best weights are %s", (long long)t->now.epochs + 1,
                          (long long)(running ? in_a_row : dropped), running ? " in a row" : "", cause,
                          flow_trainer_serving(t)->type->row_name, flow_optimizer_learning_rate(t->optimizer),
                          t->options.clip, origin);
}

/* Updates the fitted values that blocks take from batches, and their average, which goes with the average of the
 * weights. A change of fitted values changes the density, and only the gradients of later steps correct that. So it
 * must not be faster than the steps: it slows down with the learning rate, and both come to rest together. */
static void epoch_batch_stats(flow_trainer *t, int64_t n, double rate, double keep)
{
    const flow_params *params = &t->f->params;
    double share = (double)n / (double)t->batch * rate / flow_optimizer_learning_rate(t->optimizer);
    flow_step_batch_stats(t->step, share, params->fitted);
    for (size_t k = 0; t->average_fitted != NULL && k < params->n_fitted; k++)
        t->average_fitted[k] += (1 - keep) * (params->fitted[k] - t->average_fitted[k]);
}

/* Different in every step, and the same after a resume. */
static flow_noise epoch_noise(const flow_trainer *t)
{
    enum { BITS_OF_BATCH = 20 }; /* the largest batch has 2^20 rows */
    uint64_t first_row = (uint64_t)t->now.steps << BITS_OF_BATCH;
    return (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .seed = t->seed, .first_row = first_row};
}

static flow_status epoch_step(flow_trainer *t, const flow_train_hooks *hooks, flow_batch *batch, flow_error *err)
{
    flow_trainer_numbers *now = &t->now;
    double rate = now->rate_factor *
                  flow_schedule_rate(&t->schedule, flow_optimizer_learning_rate(t->optimizer),
                                     now->steps - now->round_step, t->n_steps);
    now->steps++;
    /* Every row has the same weight, also in a short last batch, whose step is smaller instead of noisier. */
    batch->share = 1 / ((double)t->batch * flow_trainer_serving(t)->mean_weight);
    batch->mode = FLOW_TRAINING;
    batch->noise = epoch_noise(t);
    batch->profile = hooks->profile;
    double score = flow_step_gradient(t->step, t->weights, batch, t->gradient);
    flow_profile_enter(hooks->profile, FLOW_PHASE_OPTIMIZER);
    double norm = isfinite(score) ? flow_optimizer_norm(t->optimizer, t->gradient, t->n_threads) : NAN;
    if (!(norm <= largest_norm))
        return epoch_drop_step(t, hooks, rate, err);

    double clip = t->options.clip, scale = 1;
    if (clip > 0 && norm > clip) {
        scale = clip / norm;
        now->clipped++;
    }
    /* The average starts as a plain mean of the first steps, without the initial weights. */
    double taken = (double)flow_optimizer_steps(t->optimizer);
    double keep = fmin(t->options.ema, (1 + taken) / (10 + taken));
    flow_optimizer_step(t->optimizer, rate, scale, t->gradient, t->weights, t->average, keep, t->n_threads);
    epoch_batch_stats(t, batch->n, rate, keep);

    const flow_nfe nfe = flow_step_nfe(t->step);
    flow_nfe_add(&t->nfe, &nfe);
    now->epoch_steps++;
    now->dropped_in_a_row = 0;
    now->score += score;
    now->scored_weight += flow_step_weight(t->step);
    now->norm += norm;
    now->rate = rate;
    now->rate_factor = fmin(1, now->rate_factor * recovery);
    return FLOW_OK;
}

static void epoch_report(const flow_trainer *t, const flow_train_hooks *hooks, const flow_run_clock *clock)
{
    if (hooks->on_step == NULL)
        return;
    double elapsed = clock->mark - clock->began;
    double speed = elapsed > 0 ? (double)clock->rows_done / elapsed : NAN;
    int64_t n_rows = flow_trainer_serving(t)->n_rows, epochs = flow_trainer_n_epochs(t);
    double rows_left = (double)(epochs - t->now.epochs) * (double)n_rows - (double)t->now.rows;
    const flow_progress progress = {
        .epoch = t->now.epochs + 1, .epochs = epochs, .row = t->now.rows, .rows = n_rows,
        .training = t->now.score / t->now.scored_weight, .rows_per_second = speed, .seconds_left = rows_left / speed,
        .evaluations = flow_nfe_mean(&t->nfe, t->f),
    };
    hooks->on_step(hooks->context, &progress);
}

flow_status flow_trainer_run_epoch(flow_trainer *t, const flow_train_hooks *hooks, flow_run_clock *clock,
                                   flow_error *err)
{
    flow_source *source = flow_trainer_serving(t);
    if (t->now.rows == source->n_rows)
        return FLOW_OK;
    flow_profile_enter(hooks->profile, FLOW_PHASE_DATA);
    FLOW_TRY(source->type->seek(source, t->now.epochs, t->now.rows, err));
    while (t->now.rows < source->n_rows) {
        int64_t left = source->n_rows - t->now.rows;
        flow_batch batch;
        flow_profile_enter(hooks->profile, FLOW_PHASE_DATA);
        FLOW_TRY(source->type->next(source, left < t->batch ? left : t->batch, &batch, err));
        flow_status status = epoch_step(t, hooks, &batch, err);
        t->now.rows += batch.n;
        clock->rows_done += batch.n;
        flow_profile_enter(hooks->profile, FLOW_PHASE_OTHER);
        double time = flow_seconds();
        t->now.seconds += time - clock->mark;
        clock->mark = time;
        epoch_report(t, hooks, clock);
        FLOW_TRY(status);
        if (flow_train_should_stop(hooks, t->comm))
            return flow_error_set(err, FLOW_INTERRUPTED, "interrupted in epoch %lld", (long long)t->now.epochs + 1);
    }
    return FLOW_OK;
}
