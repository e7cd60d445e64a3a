/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "num/math_mode.h"
#include "run/root.h"
#include "run/train_run.h"
#include "train/batch.h"

/* Whether a training that has done `epochs` is to pause there. */
static bool train_pauses(const train_run *run, int64_t epochs)
{
    const int64_t most = run->options->pause_after;
    return most > 0 && epochs >= most && epochs < run->out->epochs;
}

/* ---- hooks of the trainer ---- */

static flow_status train_on_epoch(void *context, const flow_epoch *epoch, flow_error *err)
{
    train_run *run = context;
    if (run->options->on_epoch != NULL)
        run->options->on_epoch(run->options->context, epoch);
    if (train_pauses(run, (int64_t)epoch->epoch)) /* and is saved */
        return flow_error_set(err, FLOW_INTERRUPTED, "paused after epoch %.0f", epoch->epoch);
    const bool has_best = run->x->n_held_out == 0 || flow_trainer_best_epoch(run->trainer) > 0;
    const flow_status status = has_best && train_save_is_due(run) ? train_save(run, err) : FLOW_OK;
    return flow_root_status(run->options->comm, status, err);
}

static void train_on_step(void *context, const flow_progress *progress)
{
    train_run *run = context;
    run->stepped = true;
    if (run->options->on_step != NULL)
        run->options->on_step(run->options->context, progress);
}

static void train_on_warning(void *context, const char *message)
{
    const train_run *run = context;
    flow_run_warn(&run->options->hooks, "%s", message);
}

/* The state is whole here, so an epoch of many hours can be saved in its middle. */
static bool train_should_stop(void *context)
{
    enum { SAVE_EVERY = 300 }; /* seconds */
    train_run *run = context;
    bool stop = flow_run_should_stop(&run->options->hooks);
    if (!stop && flow_seconds() - run->saved > SAVE_EVERY && train_save_is_due(run))
        run->save_status = train_save(run, &run->save_error);
    return stop || run->save_status != FLOW_OK;
}

/* ---- main sequence ---- */

static flow_status train_make_trainer(train_run *run, flow_error *err)
{
    const flow_experiment *x = run->x;
    if (x->target == NULL)
        return flow_trainer_new(&run->trainer, x->f, x->train, x->training, x->validation, x->spec->seed,
                                run->x->n_threads, err);
    flow_status status = flow_trainer_new_target(&run->trainer, x->f, x->train, x->target, x->spec->seed, x->comm,
                                                 x->n_threads, err);
    return status == FLOW_SPEC ? flow_error_prefix(err, status, "%s: ", x->spec->source) : status;
}

/* Names the columns with values far from all others, and what comes of those rows. */
static flow_status train_find_far_rows(train_run *run, flow_error *err)
{
    const flow_survey *survey = run->x->training != NULL ? run->x->training->survey : NULL;
    FLOW_TRY(flow_far_rows_of_training(&run->far, survey, run->x->f, err));
    return flow_experiment_warn_of_far_rows(run->x, &run->far, err);
}

/* Whole groups of a batch are the shares of ranks. */
static void train_warn_of_idle_ranks(const flow_experiment *x)
{
    const int size = flow_comm_size(x->comm);
    const int64_t batch = x->train->batch < x->n_rows ? x->train->batch : x->n_rows;
    const int64_t groups = (batch + FLOW_GROUP - 1) / FLOW_GROUP;
    if (groups < size)
        flow_run_warn(x->hooks, "a batch of %lld rows is the work of %lld of the %d processes, and the others wait: "
                      "each takes groups of %d rows; with train.batch=%d all have one (docs/scaling.md says which "
                      "rate goes with it)", (long long)batch, (long long)groups, size, FLOW_GROUP, size * FLOW_GROUP);
}

/* Takes the model file for this run. Rank 0 does it, and says whether there is something to resume. */
static flow_status train_claim(train_run *run, bool *resume, flow_error *err)
{
    const flow_run_train_options *o = run->options;
    flow_status status = FLOW_OK;
    if (flow_is_root(o->comm))
        status = flow_output_lock(&run->lock, run->output, false, "trains this model", &o->hooks, err);
    if (flow_is_root(o->comm) && status == FLOW_OK)
        status = train_check_output(run, resume, err);
    flow_comm_broadcast(o->comm, 0, resume, sizeof *resume);
    return flow_root_status(o->comm, status, err);
}

static flow_status train_prepare(train_run *run, flow_error *err)
{
    const flow_run_train_options *o = run->options;
    flow_experiment *x = run->x;
    bool resume = false;
    if (o->resume && o->force)
        return flow_error_set(err, FLOW_ARGUMENT, "--resume goes on with an existing model and --force replaces it; "
                              "give one of them");
    FLOW_TRY(flow_experiment_read(x, o->spec, o->overrides, o->n_overrides, err));
    /* messages name the file as it was typed */
    run->output = o->output != NULL ? flow_strdup(o->output) : flow_spec_path(x->spec, x->spec->output);
    if (run->output == NULL)
        return flow_error_memory(err, "a path");
    FLOW_TRY(train_claim(run, &resume, err));
    FLOW_TRY(flow_experiment_open(x, err));
    FLOW_TRY(flow_experiment_build(x, x->dim, err));
    FLOW_TRY(flow_experiment_check(x, err));
    flow_experiment_warn_of_networks(x);
    train_warn_of_idle_ranks(x);
    FLOW_TRY(train_make_trainer(run, err));
    FLOW_TRY(flow_comm_agree(x->comm, resume ? train_resume(run, err) : flow_trainer_start(run->trainer, err), err));
    FLOW_TRY(train_find_far_rows(run, err));
    FLOW_TRY(flow_experiment_warn_of_sizes(x, err));
    return o->profile ? flow_profile_new(&run->profile, run->x->n_threads, err) : FLOW_OK;
}

static void train_announce(train_run *run)
{
    run->out->epochs = flow_trainer_epochs(run->trainer);
    run->out->parameters = (int64_t)flow_params_count(&run->x->f->params);
    flow_run_begin(&run->options->hooks);
    if (run->options->on_start != NULL)
        run->options->on_start(run->options->context, run->out);
}

/* Evaluates the best weights, and keeps the scores of the rows on request. */
static flow_status train_evaluate(train_run *run, flow_likelihood *out, flow_row_scores *scores, flow_dataset *data,
                                  flow_error *err)
{
    const flow *f = flow_trainer_best_flow(run->trainer);
    const size_t n = run->options->keep_scores ? (size_t)data->n_rows : 0;
    FLOW_TRY(flow_check_columns(f, data, err));
    if (n > 0) {
        scores->n = data->n_rows;
        scores->logprob = calloc(n, sizeof *scores->logprob);
        scores->weight = calloc(n, sizeof *scores->weight);
        if (scores->logprob == NULL || scores->weight == NULL)
            return flow_error_memory(err, "the log-densities of rows");
    }
    flow_evaluator *evaluator = NULL;
    flow_status status = flow_evaluator_new(&evaluator, f, flow_trainer_best(run->trainer), run->x->n_threads, err);
    if (status == FLOW_OK)
        flow_evaluator_leave_out(evaluator, &run->far);
    if (status == FLOW_OK)
        status = flow_evaluator_run(evaluator, out, scores->logprob, scores->weight, data, NULL, err);
    flow_evaluator_free(evaluator);
    return status;
}

static void train_warn_not_finite(const train_run *run, const flow_likelihood *l, const char *location)
{
    if (l->not_finite > 0)
        flow_run_warn(&run->options->hooks, "%s: log p of %lld rows is not finite, the first is row %lld%s%s", location,
                      (long long)l->not_finite, (long long)l->first_not_finite + 1,
                      l->place[0] != '\0' ? ", in " : "", l->place);
}

/* The held-out rows with all draws of the noise: the epochs were compared with fewer. */
static flow_status train_evaluate_chosen(train_run *run, flow_error *err)
{
    if (run->x->validation == NULL || flow_trainer_best_epoch(run->trainer) == 0)
        return FLOW_OK;
    FLOW_TRY(train_evaluate(run, &run->chosen, &run->out->validation, run->x->validation, err));
    train_warn_not_finite(run, &run->chosen, run->x->validation->location);
    return FLOW_OK;
}

static flow_status train_evaluate_test(train_run *run, flow_error *err)
{
    const flow_likelihood *l = &run->held_out;
    if (run->x->test == NULL)
        return FLOW_OK;
    FLOW_TRY(train_evaluate(run, &run->held_out, &run->out->test, run->x->test, err));
    const flow_dataset *training = run->x->training;
    if (l->left_out > 0 && (training == NULL || strcmp(training->location, run->x->test->location) != 0))
        flow_run_warn(&run->options->hooks, "%s: %lld row%s with values far from all those of the training data, the "
                      "first of them row %lld; they are left out of the mean", run->x->test->location,
                      (long long)l->left_out, l->left_out == 1 ? "" : "s", (long long)l->first_left_out + 1);
    train_warn_not_finite(run, l, run->x->test->location);
    return FLOW_OK;
}

static flow_status train_estimate_density(train_run *run, flow_error *err)
{
    flow_draws *draws = NULL;
    if (run->x->target == NULL)
        return FLOW_OK;
    flow_status status = flow_draws_new(&draws, flow_trainer_best_flow(run->trainer), flow_trainer_best(run->trainer),
                                        run->x->target, run->x->comm, run->x->n_threads, err);
    if (status == FLOW_OK)
        status = flow_draws_estimate(&run->estimate, draws, run->x->spec->seed,
                                     run->x->draws->test, err);
    flow_draws_free(draws);
    if (status == FLOW_OK && run->estimate.not_finite > 0)
        flow_run_warn(&run->options->hooks, "the log-density of %lld draws of the trained flow is not finite, so there "
                      "is no estimate", (long long)run->estimate.not_finite);
    return status;
}

static const char *train_outcome(const train_run *run, flow_status status)
{
    if (status == FLOW_INTERRUPTED)
        return "interrupted";
    if (status != FLOW_OK)
        return "failed";
    return flow_trainer_converged(run->trainer) ? "converged" : "finished";
}

/* What comes after the last step: the results of a training that ends well, and the last save. */
static flow_status train_finish(train_run *run, flow_status status, flow_error *err)
{
    const bool ends = status == FLOW_OK || run->options->evaluate;
    if (ends)
        FLOW_TRY(train_evaluate_test(run, err));
    if (status == FLOW_OK)
        FLOW_TRY(train_estimate_density(run, err));
    if (run->options->keep_scores || (ends && run->x->f->n_discrete > 0 && run->x->f->noise_draws > 1))
        FLOW_TRY(train_evaluate_chosen(run, err));
    /* a flow that no epoch improved is no result; in a file of this run, it is one that failed */
    const bool untrained = status == FLOW_NUMERIC && flow_trainer_best_epoch(run->trainer) == 0 && !run->has_saved &&
                           !run->out->resumed;
    status = !untrained && train_is_news(run) ? train_save(run, err) : FLOW_OK;
    return flow_root_status(run->options->comm, status, err);
}

/* Takes steps up to the end, or none where the training is to stay where it is. */
static flow_status train_take_steps(train_run *run, const flow_train_hooks *hooks, flow_error *err)
{
    const int64_t epochs = run->out->first_epoch;
    const bool has_rounds = run->out->epochs > run->x->train->epochs; /* behind one that ran out of patience */
    const bool done = epochs >= run->out->epochs || (!has_rounds && flow_trainer_converged(run->trainer));
    const bool stays = run->options->evaluate || (run->out->resumed && train_pauses(run, epochs));
    return !stays || done ? flow_trainer_run(run->trainer, hooks, err)
                          : flow_error_set(err, FLOW_INTERRUPTED, "paused after epoch %lld", (long long)epochs);
}

/* Trains and always saves. */
static flow_status train_and_save(train_run *run, flow_error *err)
{
    const flow_train_hooks hooks = {run, train_on_epoch, train_on_step, train_on_warning, train_should_stop,
                                    run->profile};
    run->saved = flow_seconds();
    run->outcome = "running";
    flow_status status = train_take_steps(run, &hooks, err);
    flow_error save_error = run->save_error;
    const flow_status save_status = flow_root_status(run->options->comm, run->save_status, &save_error);
    if (save_status != FLOW_OK) {
        *err = save_error;
        return save_status;
    }
    if (status != FLOW_OK && status != FLOW_INTERRUPTED && status != FLOW_NUMERIC)
        return status; /* the disk or the data failed, and would again */
    run->outcome = train_outcome(run, status);
    flow_error later = {0};
    flow_status after = train_finish(run, status, &later);
    if (after != FLOW_OK && status == FLOW_NUMERIC) { /* the first failure is the one to report */
        flow_run_warn(&run->options->hooks, "%s", later.message);
    } else if (after != FLOW_OK) {
        *err = later;
        status = after;
    }
    return status;
}

/* ---- result ---- */

/* In the order of flow_phase. */
static const char *const phase_names[FLOW_PHASES] = {
    "data", "maps and gradients of rows", "gradient of the weights", "optimizer", "held-out evaluation",
    "saving and reporting", "other processes",
};

static void train_describe_profile(flow_run_train_result *out, const flow_profile *profile)
{
    const int n = flow_comm_size(out->x.comm) > 1 ? FLOW_PHASES : FLOW_PHASE_RANKS;
    const flow_profile_thread total = flow_profile_total(profile);
    for (int phase = 0; phase < n; phase++) {
        double seconds = profile->seconds[phase], busy = total.busy[phase], products = total.products[phase];
        double waiting = seconds * profile->n_threads - busy;
        out->phases[phase] = (flow_train_phase){phase_names[phase], seconds, products, busy - products,
                                                waiting > 0 ? waiting : 0, busy > 0};
    }
    out->profile = (flow_list){out->phases, (size_t)n};
}

static void train_describe(train_run *run, flow_status status)
{
    flow_run_train_result *out = run->out;
    out->model = run->output;
    run->output = NULL;
    train_summarize(&out->summary, run);
    out->interrupted = status == FLOW_INTERRUPTED;
    out->converged = !out->interrupted && flow_trainer_converged(run->trainer);
    if (run->profile != NULL)
        train_describe_profile(out, run->profile);
}

flow_status flow_run_train(flow_run_train_result *out, const flow_run_train_options *options, flow_error *err)
{
    *out = (flow_run_train_result){
        .x = {.hooks = &options->hooks, .comm = options->comm, .n_threads = flow_run_threads(options->n_threads),
              .without_test = options->without_test}};
    train_run run = {.options = options, .out = out, .x = &out->x};
    const flow_math before = flow_math_mode(); /* resuming may choose another one */
    flow_status status = train_prepare(&run, err);
    if (status == FLOW_OK) {
        train_announce(&run);
        status = train_and_save(&run, err);
        if (status == FLOW_OK || status == FLOW_INTERRUPTED)
            train_describe(&run, status);
    }
    flow_trainer_free(run.trainer);
    flow_far_rows_free(&run.far);
    flow_lock_release(&run.lock);
    flow_profile_free(run.profile);
    cJSON_Delete(run.earlier_runs);
    cJSON_Delete(run.earlier_summary);
    free(run.output);
    flow_math_choose(before);
    return status;
}

void flow_run_train_free(flow_run_train_result *result)
{
    flow_experiment_free(&result->x);
    free(result->validation.logprob);
    free(result->validation.weight);
    free(result->test.logprob);
    free(result->test.weight);
    free(result->model);
    *result = (flow_run_train_result){0};
}
