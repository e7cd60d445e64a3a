/* One rung of a search: its candidates side by side, one thread each, and who goes on. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "num/moments.h"
#include "num/parallel.h"
#include "run/format.h"
#include "run/tune_search.h"

/* ---- one candidate ---- */

typedef struct rung_job {
    tune_search *s;
    flow_tune_candidate *c;
    bool begun, warned; /* its training began; it had a warning */
} rung_job;

static bool rung_is_over(const tune_search *s)
{
    return atomic_load(&s->stop) || flow_run_should_stop(&s->options->hooks) || flow_seconds() > s->deadline;
}

static bool job_should_stop(void *context)
{
    return rung_is_over(((const rung_job *)context)->s);
}

/* The data were warned of before. Of what happens in training, the first warning of a candidate says enough. */
static void job_warn(void *context, const char *message)
{
    rung_job *job = context;
    if (!job->begun || job->warned)
        return;
    job->warned = true;
    pthread_mutex_lock(&job->s->lock);
    flow_run_warn(&job->s->options->hooks, "candidate %lld: %s", (long long)job->c->number, message);
    pthread_mutex_unlock(&job->s->lock);
}

static void job_start(void *context, const flow_run_train_result *start)
{
    (void)start;
    ((rung_job *)context)->begun = true;
}

static void job_step(void *context, const flow_progress *progress)
{
    rung_job *job = context;
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
    rung_job *job = context;
    pthread_mutex_lock(&job->s->lock);
    job->c->epochs = (int64_t)epoch->epoch;
    if (epoch->best > 0)
        job->c->validation = (flow_mean){epoch->validation, epoch->validation_error};
    pthread_mutex_unlock(&job->s->lock);
}

static flow_status job_train(rung_job *job, flow_run_train_result *result, bool *started_before, flow_error *err)
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

static void job_fail(const rung_job *job, const char *problem)
{
    flow_tune_candidate *c = job->c;
    free(c->problem);
    c->problem = flow_strdup(problem);
    c->validation = c->behind = (flow_mean){NAN, NAN};
    tune_set_state(c, FLOW_TUNE_FAILED);
    job->s->out->n_failed++;
}

/* The candidate at the end of its training, or where it was stopped. */
static void job_take(const rung_job *job, flow_run_train_result *result, flow_status status)
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
static bool job_failed_before(const rung_job *job)
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

static void job_run(tune_search *s, flow_tune_candidate *c)
{
    const flow_run_tune_options *o = s->options;
    rung_job job = {s, c, false, false};
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
    if (status == FLOW_OK && c->state != FLOW_TUNE_WAITING) {
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

/* ---- the rung ---- */

typedef struct rung_list {
    tune_search *s;
    flow_tune_candidate **at; /* (n) those that take part */
    int n;
} rung_list;

static void rung_task(void *context, int item, int thread)
{
    (void)thread;
    const rung_list *list = context;
    if (!rung_is_over(list->s))
        job_run(list->s, list->at[item]);
}

static flow_status rung_list_make(rung_list *list, tune_search *s, flow_error *err)
{
    const size_t n = s->out->candidates.n;
    *list = (rung_list){.s = s, .at = calloc(n, sizeof *list->at)};
    s->scores = calloc(n, sizeof *s->scores);
    if (list->at == NULL || s->scores == NULL)
        return flow_error_memory(err, "a rung of a search");
    for (size_t i = 0; i < n; i++)
        if (tune_is_in(tune_candidate(s, (int64_t)i + 1)))
            list->at[list->n++] = tune_candidate(s, (int64_t)i + 1);
    return FLOW_OK;
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

double tune_share_of_time(const flow_tune_rung *rungs, int n_rungs, int rung)
{
    double work = 0, all = 0; /* epochs of all candidates */
    for (int k = 0; k < n_rungs; k++) {
        const int64_t before = k > 0 ? rungs[k - 1].epochs : 0;
        all += (double)rungs[k].candidates * (double)(rungs[k].epochs - before);
        work = k == rung ? all : work;
    }
    return all > 0 ? work / all : 1;
}

static void rung_set_deadline(tune_search *s)
{
    const flow_run_tune_result *out = s->out;
    const double limit = 60 * s->options->minutes * tune_share_of_time(out->rungs, out->n_rungs, out->rung);
    s->deadline = limit > 0 ? s->began - s->before + limit : INFINITY;
}

static flow_mean rung_compare(const tune_search *s, const flow_tune_candidate *best, const flow_tune_candidate *c)
{
    return tune_compare(&s->scores[best->number - 1], &s->scores[c->number - 1]);
}

flow_status tune_run_rung(tune_search *s, flow_error *err)
{
    rung_list list;
    rung_set_deadline(s);
    flow_status status = rung_list_make(&list, s, err);
    if (status == FLOW_OK)
        flow_parallel_for(list.n, s->out->n_threads, rung_task, &list);
    if (status == FLOW_OK && s->status != FLOW_OK) {
        *err = s->error;
        status = s->status;
    }
    if (status == FLOW_OK && flow_run_should_stop(&s->options->hooks))
        status = flow_error_set(err, FLOW_INTERRUPTED, "interrupted in rung %d", s->out->rung + 1);
    for (int i = 0; status == FLOW_OK && i < list.n; i++)
        if (list.at[i]->state == FLOW_TUNE_WAITING) /* for a turn that did not come */
            tune_set_state(list.at[i], FLOW_TUNE_LATE);
    if (status == FLOW_OK)
        status = tune_rank(s, err);
    const flow_list *ranking = &s->out->ranking;
    for (size_t i = 0; status == FLOW_OK && i < ranking->n; i++) {
        const flow_tune_candidate *ranked = (const flow_tune_candidate *)ranking->items, *own = &ranked[i];
        if (tune_is_in(own) && s->scores[own->number - 1].n > 0) /* it had its turn */
            tune_candidate(s, own->number)->behind = rung_compare(s, ranked, own);
    }
    free(list.at);
    return status;
}

/* ---- comparing ---- */

flow_mean tune_compare(const flow_row_scores *a, const flow_row_scores *b)
{
    flow_moments moments = {0};
    if (a->n != b->n || a->n == 0)
        return (flow_mean){NAN, NAN};
    for (int64_t i = 0; i < a->n; i++)
        flow_moments_add(&moments, a->logprob[i] - b->logprob[i], a->weight[i]);
    return (flow_mean){flow_moments_mean(&moments), flow_moments_error(&moments)};
}

/* Who came further: into a later rung, and there to its end; in the last rung that decides nothing. */
static int64_t rung_place(const flow_tune_candidate *c, int n_rungs)
{
    return 2 * c->rung + (c->state != FLOW_TUNE_LATE || c->rung == n_rungs);
}

typedef struct rung_order {
    flow_tune_candidate c;
    int64_t place;
} rung_order;

static int rung_order_compare(const void *a, const void *b)
{
    const rung_order *first = a, *second = b;
    if (first->place != second->place)
        return first->place > second->place ? -1 : 1;
    if (first->c.validation.mean != second->c.validation.mean)
        return first->c.validation.mean > second->c.validation.mean ? -1 : 1;
    return first->c.number < second->c.number ? -1 : 1;
}

flow_status tune_rank(tune_search *s, flow_error *err)
{
    const flow_list *list = &s->out->candidates;
    rung_order *order = calloc(list->n, sizeof *order);
    flow_tune_candidate *ranked = calloc(list->n, sizeof *ranked);
    size_t n = 0;
    if (order == NULL || ranked == NULL) {
        free(order);
        free(ranked);
        return flow_error_memory(err, "the order of the candidates");
    }
    for (size_t i = 0; i < list->n; i++) {
        const flow_tune_candidate *c = tune_candidate(s, (int64_t)i + 1);
        if (isfinite(c->validation.mean) && c->state != FLOW_TUNE_FAILED)
            order[n++] = (rung_order){*c, rung_place(c, s->out->n_rungs)};
    }
    qsort(order, n, sizeof *order, rung_order_compare);
    for (size_t i = 0; i < n; i++)
        ranked[i] = order[i].c;
    free(order);
    free(s->out->ranking.items);
    s->out->ranking = (flow_list){ranked, n};
    return FLOW_OK;
}

void tune_decide(tune_search *s)
{
    flow_run_tune_result *out = s->out;
    const int64_t places = out->rung + 1 < out->n_rungs ? out->rungs[out->rung + 1].candidates : INT64_MAX;
    const flow_tune_candidate *ranked = out->ranking.items;
    for (size_t i = 0; i < out->candidates.n; i++) { /* those without a likelihood have no place */
        flow_tune_candidate *c = tune_candidate(s, (int64_t)i + 1);
        bool stays = false;
        int64_t taken = 0;
        for (size_t k = 0; k < out->ranking.n && taken < places && !stays; k++) {
            taken += tune_is_in(&ranked[k]);
            stays = ranked[k].number == c->number;
        }
        stays = stays || (c->number == 1 && isfinite(c->validation.mean)); /* to compare with */
        if (tune_is_in(c) && !stays)
            tune_set_state(c, FLOW_TUNE_OUT);
        else if (tune_is_in(c) && places < INT64_MAX)
            tune_set_state(c, FLOW_TUNE_WAITING);
    }
    out->rung++;
}
