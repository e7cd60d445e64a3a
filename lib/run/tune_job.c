/* The training of candidates side by side, one thread each. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "num/parallel.h"
#include "run/tune_search.h"

typedef struct tune_job {
    tune_search *s;
    flow_tune_candidate *c;
    bool begun, warned; /* its training began; it had a warning */
} tune_job;

void tune_warn_of(tune_search *s, const flow_tune_candidate *c, const char *message)
{
    if (s->warnings == NULL)
        flow_run_warn(&s->options->hooks, "candidate %lld: %s", (long long)c->number, message);
    else if (s->warnings[c->number - 1] == NULL)
        s->warnings[c->number - 1] = flow_strdup(message);
}

static bool job_is_over(const tune_search *s)
{
    return atomic_load(&s->stop) || flow_run_should_stop(&s->options->hooks) || flow_seconds() > s->deadline;
}

static bool job_should_stop(void *context)
{
    return job_is_over(((const tune_job *)context)->s);
}

/* The data were warned of before. Of what happens in training, the first warning of a candidate says enough. */
static void job_warn(void *context, const char *message)
{
    tune_job *job = context;
    if (!job->begun || job->warned)
        return;
    job->warned = true;
    pthread_mutex_lock(&job->s->lock);
    tune_warn_of(job->s, job->c, message);
    pthread_mutex_unlock(&job->s->lock);
}

static void job_start(void *context, const flow_run_train_result *start)
{
    (void)start;
    ((tune_job *)context)->begun = true;
}

static void job_step(void *context, const flow_progress *progress)
{
    tune_job *job = context;
    const flow_run_tune_options *o = job->s->options;
    pthread_mutex_lock(&job->s->lock);
    job->c->progress = *progress;
    job->s->out->seconds = job->s->before + flow_seconds() - job->s->began;
    if (o->on_step != NULL)
        o->on_step(o->context, job->s->out);
    pthread_mutex_unlock(&job->s->lock);
}

static void job_epoch(void *context, const flow_epoch *epoch)
{
    tune_job *job = context;
    pthread_mutex_lock(&job->s->lock);
    job->c->epochs = (int64_t)epoch->epoch;
    if (epoch->best > 0)
        job->c->validation = (flow_mean){epoch->validation, epoch->validation_error};
    pthread_mutex_unlock(&job->s->lock);
}

static flow_status job_train(tune_job *job, flow_run_train_result *result, bool *started_before, flow_error *err)
{
    const tune_search *s = job->s;
    char *spec = tune_file_of(s, job->c, "json"), *model = tune_file_of(s, job->c, "h5");
    const flow_run_train_options options = {
        .spec = spec,
        .output = model,
        .resume = true,
        .pause_after = s->out->rungs[s->out->rung].epochs,
        .without_test = true,
        .keep_scores = true,
        .n_threads = 1,
        .has_math = s->options->has_math,
        .argc = s->options->argc,
        .argv = s->options->argv,
        .hooks = {.context = job, .warn = job_warn, .should_stop = job_should_stop},
        .context = job,
        .on_start = job_start,
        .on_step = job_step,
        .on_epoch = job_epoch,
    };
    *started_before = model != NULL && access(model, F_OK) == 0;
    flow_status status =
        spec != NULL && model != NULL ? flow_run_train(result, &options, err) : flow_error_memory(err, "a path");
    free(spec);
    free(model);
    return status;
}

static void job_fail(const tune_job *job, const char *problem)
{
    flow_tune_candidate *c = job->c;
    free(c->problem);
    c->problem = flow_strdup(problem);
    c->validation = c->behind = (flow_mean){NAN, NAN};
    tune_set_state(c, FLOW_TUNE_FAILED);
    job->s->out->n_failed++;
}

/* The candidate at the end of its training, or where it was stopped. */
static void job_take(const tune_job *job, flow_run_train_result *result, flow_status status)
{
    tune_search *s = job->s;
    flow_tune_candidate *c = job->c;
    const flow_train_summary *summary = &result->summary;
    const bool done = status == FLOW_OK || summary->epochs >= s->out->rungs[s->out->rung].epochs;
    c->epochs = summary->epochs;
    c->seconds = summary->seconds;
    if (summary->validation.any) {
        c->validation = summary->validation.logprob;
        s->scores[c->number - 1] = result->validation; /* taken over */
        result->validation = (flow_row_scores){0};
    }
    if (done && !(summary->validation.any && isfinite(c->validation.mean)))
        job_fail(job, "after no epoch was the log-density of all held-out rows finite");
    else
        tune_set_state(c, done ? FLOW_TUNE_DONE : flow_seconds() > s->deadline ? FLOW_TUNE_LATE : FLOW_TUNE_WAITING);
}

/* What belongs to the candidate alone: its numbers, its spec, its size. Where it was trained before, its spec and its
 * data fitted, and something was changed. */
static bool job_is_own_failure(flow_status status, bool started_before)
{
    return status == FLOW_NUMERIC ||
           (!started_before && (status == FLOW_SPEC || status == FLOW_DATA || status == FLOW_MEMORY));
}

/* Whether the candidate failed in a run that was killed before it could say so. */
static bool job_failed_before(const tune_job *job)
{
    flow_model *model = NULL;
    flow_train_summary summary = {.status = ""};
    char *file = job->s->out->resumed ? tune_file_of(job->s, job->c, "h5") : NULL;
    if (file != NULL && access(file, F_OK) == 0 && flow_model_load(&model, file, NULL) == FLOW_OK)
        flow_train_summary_read(&summary, model->summary);
    const bool failed = strcmp(summary.status, "failed") == 0; /* a text of the model */
    flow_model_free(model);
    free(file);
    return failed;
}

typedef struct tune_list {
    tune_search *s;
    flow_tune_candidate **at;
} tune_list;

static void job_run(tune_search *s, flow_tune_candidate *c)
{
    const flow_run_tune_options *o = s->options;
    tune_job job = {s, c, false, false};
    flow_run_train_result result;
    flow_error err = {0};
    bool started_before = false;
    pthread_mutex_lock(&s->lock);
    tune_set_state(c, FLOW_TUNE_TRAINING);
    c->rung = s->out->rung + 1;
    c->progress = (flow_progress){0};
    pthread_mutex_unlock(&s->lock);

    flow_status status = FLOW_NUMERIC;
    result = (flow_run_train_result){0};
    if (!job_failed_before(&job))
        status = job_train(&job, &result, &started_before, &err);
    else
        flow_error_set(&err, status, "its training failed before the search was stopped");

    pthread_mutex_lock(&s->lock);
    if (status == FLOW_OK || (status == FLOW_INTERRUPTED && result.model != NULL)) {
        job_take(&job, &result, status);
        status = FLOW_OK;
    } else if (status == FLOW_INTERRUPTED) { /* before its first step */
        tune_set_state(c, flow_seconds() > s->deadline ? FLOW_TUNE_LATE : FLOW_TUNE_WAITING);
        status = FLOW_OK;
    } else if (job_is_own_failure(status, started_before)) {
        job_fail(&job, err.message);
        status = FLOW_OK;
    }
    if (status == FLOW_OK && c->state != FLOW_TUNE_WAITING && s->warnings == NULL) {
        status = tune_save(s, &err);
        if (o->on_candidate != NULL)
            o->on_candidate(o->context, s->out, c);
    }
    if (status != FLOW_OK && s->status == FLOW_OK) {
        s->status = status;
        s->error = err;
        atomic_store(&s->stop, true);
    }
    pthread_mutex_unlock(&s->lock);
    flow_run_train_free(&result);
}

static void job_task(void *context, int item, int thread)
{
    (void)thread;
    const tune_list *list = context;
    if (!job_is_over(list->s))
        job_run(list->s, list->at[item]);
}

void tune_train(tune_search *s, flow_tune_candidate **at, int n)
{
    tune_list list = {s, at};
    flow_parallel_for(n, s->out->n_threads, job_task, &list);
}

void tune_free_scores(tune_search *s)
{
    for (size_t i = 0; s->scores != NULL && i < s->out->candidates.n; i++) {
        free(s->scores[i].logprob);
        free(s->scores[i].weight);
    }
    free(s->scores);
    s->scores = NULL;
}
