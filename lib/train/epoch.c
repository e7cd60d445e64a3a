/* The steps of an epoch, and what happens to those that are not finite.
 *
 * A step whose score or gradient is not finite never reaches the weights. It is dropped, its culprit is named, and
 * the rate is halved, down to a floor; each good step gives 2 % of it back, so that a single bad row costs a few
 * dozen slower steps and not the rest of the training. After REWIND_AFTER dropped steps in a row the weights
 * themselves are likely to be beyond repair, and training goes back to the best ones with an optimizer that has
 * forgotten its moments. After STOP_AFTER in a row, or when an epoch loses more than DROPPED_MOST steps and more
 * than one in a hundred, training stops. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/trainer_state.h"

enum { REWIND_AFTER = 5, STOP_AFTER = 10, DROPPED_MOST = 50 };

/* A dropped step halves the rate, good ones bring it back. Where a row spoils a step in every epoch the cuts would win;
 * below the floor a further cut helps nobody. */
static const double cut = 0.5, recovery = 1.02, least_factor = 1.0 / 1024;

/* A gradient beyond this is as good as infinite: its square, which optimizers keep, would leave the range of a real. */
#ifdef FLOW_DOUBLE
static const double largest_norm = 1e150;
#else
static const double largest_norm = 1e18;
#endif

/* "log p of row 17 of FILE is not finite (in 2.maf)" */
static void describe_culprit(flow_trainer *t, char *out, size_t size)
{
    flow_diagnosis culprit;
    flow_step_diagnose(t->step, &culprit);
    char row[64];
    const flow_source *source = flow_trainer_serving(t);
    const char *noun = source->type->noun;
    if (culprit.row >= 0)
        snprintf(row, sizeof row, "%s %lld", noun, (long long)source->type->number(source, culprit.row) + 1);
    else
        snprintf(row, sizeof row, "a %s", noun);
    snprintf(out, size, "%s of %s of %.200s is %s%s%s%s",
             culprit.in_gradient ? "the gradient" : t->objective.type->quantity, row, source->name,
             culprit.in_gradient ? "out of range" : "not finite", culprit.place[0] != '\0' ? " (in " : "",
             culprit.place, culprit.place[0] != '\0' ? ")" : "");
}

static flow_status drop(flow_trainer *t, const flow_train_hooks *hooks, double rate, flow_error *err)
{
    char culprit[FLOW_DIAGNOSIS_SIZE + 360], message[FLOW_DIAGNOSIS_SIZE + 520], origin[64] = "the initial ones";
    describe_culprit(t, culprit, sizeof culprit);
    int64_t dropped = ++t->counters[COUNT_DROPPED], in_a_row = ++t->counters[COUNT_DROPPED_IN_A_ROW];
    double factor = t->figures[FIGURE_RATE_FACTOR], cut_factor = fmax(factor * cut, least_factor);
    t->figures[FIGURE_RATE_FACTOR] = cut_factor;
    if (t->counters[COUNT_BEST_EPOCH] > 0)
        snprintf(origin, sizeof origin, "those of epoch %lld", (long long)t->counters[COUNT_BEST_EPOCH]);
    bool back = in_a_row == REWIND_AFTER;
    if (back)
        flow_trainer_go_back(t);
    if (hooks->on_warning != NULL) {
        snprintf(message, sizeof message, "epoch %lld: %s; this step is dropped and the rate is cut to %.3g%s%s",
                 (long long)t->counters[COUNT_EPOCHS] + 1, culprit, rate * cut_factor / factor,
                 back ? "; the weights go back to " : "", back ? origin : "");
        hooks->on_warning(hooks->context, message);
    }
    int64_t epoch_steps = t->n_steps / t->options.epochs;
    if (in_a_row < STOP_AFTER && (dropped <= DROPPED_MOST || dropped * 100 <= epoch_steps))
        return FLOW_OK;
    bool running = in_a_row >= STOP_AFTER;
    return flow_error_set(err, FLOW_NUMERIC,
                          "training stopped in epoch %lld after %lld steps that were not finite%s: %s; look at that "
                          "%s, or try a lower \"rate\" (it is %g) or another \"clip\" (it is %g); the best weights "
                          "are %s",
                          (long long)t->counters[COUNT_EPOCHS] + 1, (long long)(running ? in_a_row : dropped),
                          running ? " in a row" : "", culprit, flow_trainer_serving(t)->type->noun,
                          flow_optimizer_rate(t->optimizer), t->options.clip, origin);
}

/* What blocks take from the batch, and the average of that: it belongs to the average of the weights, which grew
 * together with it. What they take changes the density and no gradient answers it but through the next steps, so it
 * must not be faster than these: it slows down with the learning rate, and both come to rest together. */
static void observe(flow_trainer *t, int64_t n, double rate, double keep)
{
    const flow_params *params = &t->f->params;
    double share = (double)n / (double)t->batch * rate / flow_optimizer_rate(t->optimizer);
    flow_step_batch_stats(t->step, share, params->fitted);
    for (size_t k = 0; t->average_fitted != NULL && k < params->n_fitted; k++)
        t->average_fitted[k] += (1 - keep) * (params->fitted[k] - t->average_fitted[k]);
}

/* Fresh in every step, and the same after a resume. */
static flow_noise noise_of_step(const flow_trainer *t)
{
    enum { BITS_OF_BATCH = 20 }; /* the largest batch has 2^20 rows */
    return (flow_noise){.kind = FLOW_NOISE_OF_PLACE,
                        .seed = t->seed,
                        .first_row = (uint64_t)t->counters[COUNT_STEPS] << BITS_OF_BATCH};
}

static flow_status take_step(flow_trainer *t, const flow_train_hooks *hooks, flow_batch *batch, flow_error *err)
{
    double *figures = t->figures;
    double rate = figures[FIGURE_RATE_FACTOR] * flow_schedule_rate(t->schedule, flow_optimizer_rate(t->optimizer),
                                                                   t->counters[COUNT_STEPS] - t->round[ROUND_STEP],
                                                                   t->n_steps);
    t->counters[COUNT_STEPS]++;
    /* Every row counts the same, also in a short last batch: its step is not as noisy then as it is small. */
    batch->share = 1 / ((double)t->batch * flow_trainer_serving(t)->mean_weight);
    batch->mode = FLOW_TRAINING;
    batch->noise = noise_of_step(t);
    batch->profile = hooks->profile;
    double score = flow_step_gradient(t->step, t->weights, batch, t->gradient);
    flow_profile_enter(hooks->profile, FLOW_PHASE_OPTIMIZER);
    double norm = isfinite(score) ? flow_optimizer_norm(t->optimizer, t->gradient, t->n_threads) : NAN;
    if (!(norm <= largest_norm))
        return drop(t, hooks, rate, err);

    double clip = t->options.clip, scale = 1;
    if (clip > 0 && norm > clip) {
        scale = clip / norm;
        t->counters[COUNT_CLIPPED]++;
    }
    /* The average starts as a plain mean of the first steps, so that it does not remember the initial weights. */
    double taken = (double)flow_optimizer_steps(t->optimizer);
    double keep = fmin(t->options.ema, (1 + taken) / (10 + taken));
    flow_optimizer_step(t->optimizer, rate, scale, t->gradient, t->weights, t->average, keep, t->n_threads);
    observe(t, batch->n, rate, keep);

    const flow_nfe effort = flow_step_nfe(t->step);
    flow_nfe_add(&t->effort, &effort);
    t->counters[COUNT_EPOCH_STEPS]++;
    t->counters[COUNT_DROPPED_IN_A_ROW] = 0;
    figures[FIGURE_SCORE] += score;
    figures[FIGURE_SCORED_WEIGHT] += flow_batch_weight(batch, t->f);
    figures[FIGURE_NORM] += norm;
    figures[FIGURE_RATE] = rate;
    figures[FIGURE_RATE_FACTOR] = fmin(1, figures[FIGURE_RATE_FACTOR] * recovery);
    return FLOW_OK;
}

static void report(const flow_trainer *t, const flow_train_hooks *hooks, const flow_run_clock *clock)
{
    if (hooks->on_step == NULL)
        return;
    double elapsed = clock->mark - clock->began;
    double speed = elapsed > 0 ? (double)clock->rows_done / elapsed : NAN;
    int64_t n_rows = flow_trainer_serving(t)->n_rows, epochs = flow_trainer_epochs(t);
    double rows_left = (double)(epochs - t->counters[COUNT_EPOCHS]) * (double)n_rows - (double)t->counters[COUNT_ROWS];
    const flow_progress progress = {
        .epoch = t->counters[COUNT_EPOCHS] + 1,
        .epochs = epochs,
        .row = t->counters[COUNT_ROWS],
        .rows = n_rows,
        .training = t->figures[FIGURE_SCORE] / t->figures[FIGURE_SCORED_WEIGHT],
        .rows_per_second = speed,
        .seconds_left = rows_left / speed,
        .evaluations = flow_nfe_mean(&t->effort, t->f),
    };
    hooks->on_step(hooks->context, &progress);
}

flow_status flow_trainer_run_epoch(flow_trainer *trainer, const flow_train_hooks *hooks, flow_run_clock *clock,
                                   flow_error *err)
{
    flow_trainer *t = trainer;
    flow_source *source = flow_trainer_serving(t);
    if (t->counters[COUNT_ROWS] == source->n_rows)
        return FLOW_OK;
    flow_profile_enter(hooks->profile, FLOW_PHASE_DATA);
    flow_status status = source->type->seek(source, t->counters[COUNT_EPOCHS], t->counters[COUNT_ROWS], err);
    while (status == FLOW_OK && t->counters[COUNT_ROWS] < source->n_rows) {
        int64_t left = source->n_rows - t->counters[COUNT_ROWS];
        flow_batch batch;
        flow_profile_enter(hooks->profile, FLOW_PHASE_DATA);
        status = source->type->next(source, left < t->batch ? left : t->batch, &batch, err);
        if (status != FLOW_OK)
            break;
        status = take_step(t, hooks, &batch, err);
        t->counters[COUNT_ROWS] += batch.n;
        clock->rows_done += batch.n;
        flow_profile_enter(hooks->profile, FLOW_PHASE_OTHER);
        double now = flow_seconds();
        t->figures[FIGURE_SECONDS] += now - clock->mark;
        clock->mark = now;
        report(t, hooks, clock);
        if (status == FLOW_OK && hooks->should_stop != NULL && hooks->should_stop(hooks->context))
            status = flow_error_set(err, FLOW_INTERRUPTED, "interrupted in epoch %lld",
                                    (long long)t->counters[COUNT_EPOCHS] + 1);
    }
    return status;
}
