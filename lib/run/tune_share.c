/* The candidates of a rung, shared among the ranks of a job. Rank 0 has the search; the others train what it deals
 * them, and send back what came of it. All of them read and write the folder of the search. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "run/root.h"
#include "run/tune_search.h"

/* How far a candidate is. Of one that was trained two texts and the scores of its rows follow. */
typedef struct tune_news {
    int64_t number, rung, epochs;
    double seconds;
    flow_mean validation;
    int state;
    int64_t n_problem, n_warning; /* bytes; 0: there is none */
    int64_t n_scores;
} tune_news;

/* What rank 0 asks the others to do. */
typedef struct tune_order {
    bool ends; /* there is nothing left to do */
    bool resumed;
    int rung;
    int64_t epochs;  /* at the end of the rung */
    double left;     /* seconds until it is over */
    int64_t n_all;   /* candidates of the search */
    int n;           /* those of the rung: */
    tune_news at[FLOW_TUNE_TRIALS_MAX];
    char folder[PATH_MAX];
} tune_order;

static int64_t share_length(const char *text)
{
    return text != NULL ? (int64_t)strlen(text) : 0;
}

static tune_news share_describe(const tune_search *s, const flow_tune_candidate *c)
{
    const char *warning = s->warnings != NULL ? s->warnings[c->number - 1] : NULL;
    return (tune_news){.number = c->number,
                       .rung = c->rung,
                       .epochs = c->epochs,
                       .seconds = c->seconds,
                       .validation = c->validation,
                       .state = (int)c->state,
                       .n_problem = share_length(c->problem),
                       .n_warning = share_length(warning),
                       .n_scores = s->scores[c->number - 1].n};
}

static void share_apply(flow_tune_candidate *c, const tune_news *news)
{
    c->number = news->number;
    c->rung = news->rung;
    c->epochs = news->epochs;
    c->seconds = news->seconds;
    c->validation = news->validation;
    tune_set_state(c, (flow_tune_state)news->state);
}

static size_t share_size(const tune_news *news)
{
    return sizeof *news + (size_t)(news->n_problem + news->n_warning) + 2 * (size_t)news->n_scores * sizeof(double);
}

/* Candidates are dealt in turn: those of rank `rank` in their order, into *out (n); returns how many. */
static int share_deal(flow_tune_candidate **out, flow_tune_candidate *const *at, int n, int rank, int size)
{
    int own = 0;
    for (int i = rank; i < n; i += size)
        out[own++] = at[i];
    return own;
}

/* ---- from a rank to rank 0 ---- */

static char *share_put(char *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
    return to + bytes;
}

/* *bytes may be 0; the caller's (free). */
static flow_status share_pack(char **out, size_t *bytes, const tune_search *s, flow_tune_candidate *const *at, int n,
                              flow_error *err)
{
    *bytes = 0;
    for (int i = 0; i < n; i++) {
        const tune_news news = share_describe(s, at[i]);
        *bytes += share_size(&news);
    }
    char *to = *out = malloc(*bytes + 1);
    if (to == NULL)
        return flow_error_memory(err, "the candidates");
    for (int i = 0; i < n; i++) {
        const tune_news news = share_describe(s, at[i]);
        const flow_row_scores *scores = &s->scores[at[i]->number - 1];
        to = share_put(to, &news, sizeof news);
        to = share_put(to, at[i]->problem, (size_t)news.n_problem);
        to = share_put(to, s->warnings[at[i]->number - 1], (size_t)news.n_warning);
        to = share_put(to, scores->logprob, (size_t)news.n_scores * sizeof(double));
        to = share_put(to, scores->weight, (size_t)news.n_scores * sizeof(double));
    }
    return FLOW_OK;
}

static const char *share_take_text(char **out, const char *from, int64_t n, bool *good)
{
    if (n == 0)
        return from;
    free(*out);
    *out = strndup(from, (size_t)n);
    *good = *good && *out != NULL;
    return from + n;
}

static const char *share_take_numbers(double **out, const char *from, int64_t n, bool *good)
{
    if (n == 0)
        return from;
    *out = malloc((size_t)n * sizeof **out);
    *good = *good && *out != NULL;
    if (*out != NULL)
        memcpy(*out, from, (size_t)n * sizeof **out);
    return from + (size_t)n * sizeof **out;
}

/* The next candidate of a rank. */
static const char *share_unpack(tune_search *s, const char *from, bool *good)
{
    const flow_run_tune_options *o = s->options;
    tune_news news;
    char *warning = NULL;
    memcpy(&news, from, sizeof news);
    from += sizeof news;
    flow_tune_candidate *c = tune_candidate(s, news.number);
    flow_row_scores *scores = &s->scores[news.number - 1];
    share_apply(c, &news);
    from = share_take_text(&c->problem, from, news.n_problem, good);
    from = share_take_text(&warning, from, news.n_warning, good);
    from = share_take_numbers(&scores->logprob, from, news.n_scores, good);
    from = share_take_numbers(&scores->weight, from, news.n_scores, good);
    scores->n = scores->logprob != NULL && scores->weight != NULL ? news.n_scores : 0;
    if (c->state == FLOW_TUNE_FAILED) {
        c->behind = (flow_mean){NAN, NAN};
        s->out->n_failed++;
    }
    if (warning != NULL)
        tune_warn_of(s, c, warning);
    if (c->state != FLOW_TUNE_WAITING && o->on_candidate != NULL)
        o->on_candidate(o->context, s->out, c);
    free(warning);
    return from;
}

/* The end of a rung: rank 0 takes what the others have. */
static flow_status share_collect(tune_search *s, flow_tune_candidate *const *at, int n, flow_error *err)
{
    const flow_comm *comm = s->options->comm;
    const int size = flow_comm_size(comm), rank = flow_comm_rank(comm);
    size_t *sizes = calloc(2 * (size_t)size, sizeof *sizes), own = 0, total = 0;
    char *mine = NULL, *all = NULL;
    flow_status status = s->status;
    if (status != FLOW_OK)
        flow_error_set(err, status, "%s", s->error.message);
    else if (sizes == NULL)
        status = flow_error_memory(err, "the candidates");
    else if (rank > 0)
        status = share_pack(&mine, &own, s, at, n, err);
    status = flow_comm_agree(comm, status, err);
    if (status == FLOW_OK && sizes != NULL) {
        size_t *each = sizes + size;
        for (int r = 0; r < size; r++)
            each[r] = sizeof own;
        flow_comm_gather_all(comm, &own, sizes, each);
        for (int r = 0; r < size; r++)
            total += sizes[r];
        all = rank == 0 ? malloc(total + 1) : NULL;
        status = rank == 0 && all == NULL ? flow_error_memory(err, "the candidates") : FLOW_OK;
        status = flow_root_status(comm, status, err);
    }
    if (status == FLOW_OK) {
        bool good = true;
        flow_comm_gather(comm, 0, mine, all, sizes);
        for (const char *from = all; rank == 0 && from < all + total;)
            from = share_unpack(s, from, &good);
        if (!good)
            status = flow_error_memory(err, "the candidates");
    }
    free(sizes);
    free(mine);
    free(all);
    return status;
}

/* ---- rank 0 ---- */

static flow_status share_order(const tune_search *s, flow_tune_candidate *const *at, int n, flow_error *err)
{
    const flow_comm *comm = s->options->comm;
    const flow_run_tune_result *out = s->out;
    if (strlen(out->folder) >= PATH_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "%.60s...: the name of this folder is too long", out->folder);
    tune_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return flow_error_memory(err, "the candidates");
    order->resumed = out->resumed;
    order->rung = out->rung;
    order->epochs = out->rungs[out->rung].epochs;
    order->left = s->deadline - flow_seconds();
    order->n_all = (int64_t)out->candidates.n;
    order->n = n;
    for (int i = 0; i < n; i++)
        order->at[i] = share_describe(s, at[i]);
    memcpy(order->folder, out->folder, strlen(out->folder) + 1);
    flow_comm_broadcast(comm, 0, order, sizeof *order);
    free(order);
    for (int i = 0; i < n; i++)
        if (i % flow_comm_size(comm) > 0)
            tune_set_state(at[i], FLOW_TUNE_TRAINING);
    return FLOW_OK;
}

flow_status tune_train_shared(tune_search *s, flow_tune_candidate **at, int n, flow_error *err)
{
    const flow_comm *comm = s->options->comm;
    flow_tune_candidate *own[FLOW_TUNE_TRIALS_MAX];
    if (comm != NULL)
        FLOW_TRY(share_order(s, at, n, err));
    tune_train(s, own, share_deal(own, at, n, 0, flow_comm_size(comm)));
    s->stopped = flow_comm_any(comm, flow_run_should_stop(&s->options->hooks));
    FLOW_TRY(share_collect(s, NULL, 0, err));
    return comm != NULL ? tune_save(s, err) : FLOW_OK;
}

void flow_tune_dismiss(const flow_comm *comm)
{
    tune_order *order = comm != NULL ? calloc(1, sizeof *order) : NULL;
    if (order == NULL) /* without memory the end of this process ends the job */
        return;
    order->ends = true;
    flow_comm_broadcast(comm, 0, order, sizeof *order);
    free(order);
}

/* ---- the other ranks ---- */

/* A search that has candidates and no more. */
static flow_status serve_make(tune_search *s, tune_order *order, flow_tune_candidate **at, flow_error *err)
{
    flow_run_tune_result *out = s->out;
    const size_t n = (size_t)order->n_all;
    out->folder = order->folder; /* borrowed */
    out->resumed = order->resumed;
    out->rung = order->rung;
    out->rungs[order->rung].epochs = order->epochs;
    out->candidates = (flow_list){calloc(n, sizeof(flow_tune_candidate)), n};
    s->scores = calloc(n, sizeof *s->scores);
    s->warnings = calloc(n, sizeof *s->warnings);
    s->deadline = flow_seconds() + order->left;
    if (out->candidates.items == NULL || s->scores == NULL || s->warnings == NULL)
        return flow_error_memory(err, "the candidates");
    for (int i = 0; i < order->n; i++) {
        at[i] = tune_candidate(s, order->at[i].number);
        share_apply(at[i], &order->at[i]);
    }
    return FLOW_OK;
}

static void serve_release(tune_search *s)
{
    flow_list *list = &s->out->candidates;
    for (size_t i = 0; i < list->n; i++) {
        if (list->items != NULL)
            free(((flow_tune_candidate *)list->items)[i].problem);
        if (s->warnings != NULL)
            free(s->warnings[i]);
    }
    tune_free_scores(s);
    free(s->warnings);
    free(list->items);
}

static void serve_rung(const flow_run_tune_options *options, tune_order *order, flow_error *err)
{
    const flow_comm *comm = options->comm;
    flow_run_tune_result out = {.n_threads = flow_run_threads(options->n_threads)};
    tune_search s = {.options = options, .out = &out};
    flow_tune_candidate *at[FLOW_TUNE_TRIALS_MAX], *own[FLOW_TUNE_TRIALS_MAX];
    int n = 0;
    pthread_mutex_init(&s.lock, NULL);
    s.status = serve_make(&s, order, at, &s.error);
    if (s.status == FLOW_OK) {
        n = share_deal(own, at, order->n, flow_comm_rank(comm), flow_comm_size(comm));
        tune_train(&s, own, n);
    }
    flow_comm_any(comm, flow_run_should_stop(&options->hooks));
    share_collect(&s, own, n, err); /* rank 0 says what went wrong */
    pthread_mutex_destroy(&s.lock);
    serve_release(&s);
}

flow_status flow_tune_serve(const flow_run_tune_options *options, flow_error *err)
{
    tune_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return flow_error_memory(err, "the candidates");
    flow_run_begin(&options->hooks);
    for (;;) {
        flow_comm_broadcast(options->comm, 0, order, sizeof *order);
        if (order->ends)
            break;
        serve_rung(options, order, err);
    }
    free(order);
    return FLOW_OK;
}
