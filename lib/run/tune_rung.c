/* One rung of a search: its candidates, and who goes on. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "core/clock.h"
#include "num/moments.h"
#include "run/tune_search.h"

typedef struct rung_list {
    flow_tune_candidate **at; /* (n) those that take part */
    int n;
} rung_list;

static flow_status rung_list_make(rung_list *list, tune_search *s, flow_error *err)
{
    const size_t n = s->out->candidates.n;
    *list = (rung_list){.at = calloc(n, sizeof *list->at)};
    s->scores = calloc(n, sizeof *s->scores);
    if (list->at == NULL || s->scores == NULL)
        return flow_error_memory(err, "a rung of a search");
    for (size_t i = 0; i < n; i++)
        if (tune_is_in(tune_candidate(s, (int64_t)i + 1)))
            list->at[list->n++] = tune_candidate(s, (int64_t)i + 1);
    return FLOW_OK;
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
        status = tune_train_shared(s, list.at, list.n, err);
    if (status == FLOW_OK && s->stopped)
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
