/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/ensemble.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/mixing.h"
#include "num/rng.h"

/* ---- making one ---- */

/* Enough rows for all threads, and few enough to stay small in memory. */
static size_t ensemble_room(const flow *f)
{
    const size_t rows = ((size_t)1 << 20) / (size_t)flow_width(f);
    return rows < FLOW_TILE ? FLOW_TILE : rows > 1 << 16 ? 1 << 16 : rows / FLOW_TILE * FLOW_TILE;
}

static flow_status ensemble_make_room(flow_ensemble *e, flow_error *err)
{
    const flow *f = e->members[0]->f;
    e->n_room = ensemble_room(f);
    e->rows = calloc(e->n_room, sizeof *e->rows);
    e->chosen = calloc(e->n_room, sizeof *e->chosen);
    e->values = calloc(e->n_room * (size_t)flow_width(f), sizeof *e->values);
    e->context = calloc(e->n_room * (size_t)f->context.n + 1, sizeof *e->context);
    e->logp = calloc(e->n_room, sizeof *e->logp);
    e->variance = calloc(e->n_room, sizeof *e->variance);
    e->deviation = calloc(e->n_room, sizeof *e->deviation);
    const bool good = e->rows != NULL && e->chosen != NULL && e->values != NULL && e->context != NULL &&
                      e->logp != NULL && e->variance != NULL && e->deviation != NULL;
    return good ? FLOW_OK : flow_error_memory(err, "an ensemble");
}

static flow_status ensemble_fill(flow_ensemble *e, const flow_ensemble_member *members, int n, int n_threads,
                                 flow_error *err)
{
    e->members = calloc((size_t)n, sizeof *e->members);
    e->weights = calloc((size_t)n, sizeof *e->weights);
    if (e->members == NULL || e->weights == NULL)
        return flow_error_memory(err, "an ensemble");
    for (e->n = 0; e->n < n; e->n++) {
        const flow_ensemble_member *member = &members[e->n];
        assert(flow_width(member->f) == flow_width(members->f) && member->f->dim == members->f->dim);
        e->weights[e->n] = member->weight;
        FLOW_TRY(flow_runner_new(&e->members[e->n], member->f, member->weights, n_threads, err));
    }
    return n > 1 ? ensemble_make_room(e, err) : FLOW_OK;
}

flow_status flow_ensemble_new(flow_ensemble **out, const flow_ensemble_member *members, int n, int n_threads,
                              flow_error *err)
{
    *out = NULL;
    flow_ensemble *e = calloc(1, sizeof *e);
    if (e == NULL)
        return flow_error_memory(err, "an ensemble");
    flow_status status = ensemble_fill(e, members, n, n_threads, err);
    FLOW_RETURN_MADE(out, e, flow_ensemble_free, status);
}

void flow_ensemble_free(flow_ensemble *e)
{
    if (e == NULL)
        return;
    for (int k = 0; e->members != NULL && k < e->n; k++)
        flow_runner_free(e->members[k]);
    free(e->members);
    free(e->weights);
    free(e->rows);
    free(e->chosen);
    free(e->values);
    free(e->context);
    free(e->logp);
    free(e->variance);
    free(e->deviation);
    free(e);
}

/* ---- what can be mixed ---- */

static bool ensemble_has_same_spikes(const flow *a, int i, const flow *b, int k)
{
    const double *first = NULL, *second = NULL;
    const int n = flow_list_spikes(a, i, &first);
    return flow_list_spikes(b, k, &second) == n && (n == 0 || memcmp(first, second, (size_t)n * sizeof *first) == 0);
}

/* Lists the discrete columns of a flow, and the column at each place. */
static void ensemble_mark(const flow *f, const int *places, bool *discrete, int *column)
{
    flow_mark_discrete(f, discrete);
    for (int i = 0; i < f->dim; i++)
        column[places != NULL ? places[i] : i] = i;
}

flow_status flow_ensemble_find_unlike(int *out, const flow *a, const flow *b, const int *in_a, const int *in_b,
                                      flow_error *err)
{
    const size_t d = (size_t)a->dim;
    bool *discrete = calloc(2 * d, sizeof *discrete);
    int *columns = calloc(2 * d, sizeof *columns);
    flow_status status = FLOW_OK;
    *out = -1;
    if (discrete != NULL && columns != NULL) {
        ensemble_mark(a, in_a, discrete, columns);
        ensemble_mark(b, in_b, discrete + d, columns + d);
        for (size_t place = 0; place < d && *out < 0; place++) {
            const int i = columns[place], k = columns[d + place];
            if (discrete[i] != discrete[d + (size_t)k] || !ensemble_has_same_spikes(a, i, b, k))
                *out = i;
        }
    } else {
        status = flow_error_memory(err, "the columns of two models");
    }
    free(discrete);
    free(columns);
    return status;
}

flow_status flow_ensemble_check_pair(const flow *a, const flow *b, const char *const *columns, flow_error *err)
{
    int unlike;
    if (a->dim != b->dim || a->context.n != b->context.n || memcmp(&a->shape, &b->shape, sizeof a->shape) != 0)
        return flow_error_set(err, FLOW_ARGUMENT, "one has %d columns and %d of context, another %d and %d", a->dim,
                              a->context.n, b->dim, b->context.n);
    FLOW_TRY(flow_ensemble_find_unlike(&unlike, a, b, NULL, NULL, err));
    return unlike < 0 ? FLOW_OK
                      : flow_error_set(err, FLOW_ARGUMENT,
                                       "column %s has a density in one of them where another has "
                                       "probabilities of single values, and these cannot be added",
                                       columns[unlike]);
}

/* ---- densities ---- */

/* Adds the density of member k, which e->logp and e->variance are of, to those of the members before it. */
static void ensemble_add(flow_ensemble *e, int k, size_t n, double *logp)
{
    const double log_weight = log(e->weights[k]);
    for (size_t i = 0; i < n; i++) {
        const double term = log_weight + e->logp[i], sum = flow_log_add(logp[i], term);
        if (e->deviation[i] > 0 || e->variance[i] > 0)
            e->deviation[i] = e->deviation[i] * exp(logp[i] - sum) + sqrt(e->variance[i]) * exp(term - sum);
        logp[i] = sum;
    }
}

static void ensemble_logp_piece(flow_ensemble *e, const double *rows, size_t n, double *logp, double *variance)
{
    for (size_t i = 0; i < n; i++) {
        logp[i] = -INFINITY;
        e->deviation[i] = 0;
    }
    for (int k = 0; k < e->n; k++) {
        flow_rows_logp_variance(e->members[k], rows, n, e->logp, e->variance);
        ensemble_add(e, k, n, logp);
    }
    for (size_t i = 0; i < n && variance != NULL; i++)
        variance[i] = e->deviation[i] * e->deviation[i];
}

void flow_ensemble_logp(flow_ensemble *e, const double *rows, size_t n, double *logp, double *variance)
{
    if (e->n == 1) {
        flow_rows_logp_variance(e->members[0], rows, n, logp, variance);
        return;
    }
    const size_t width = (size_t)flow_width(e->members[0]->f);
    for (size_t at = 0, m; at < n; at += m) {
        m = n - at < e->n_room ? n - at : e->n_room;
        ensemble_logp_piece(e, rows + at * width, m, logp + at, variance != NULL ? variance + at : NULL);
    }
}

/* ---- draws ---- */

static int ensemble_choose(const flow_ensemble *e, uint64_t seed, uint64_t row)
{
    double u = flow_rng_uniform(seed, FLOW_STREAM_MEMBER, row, 0);
    int k = 0;
    while (k < e->n - 1 && u >= e->weights[k])
        u -= e->weights[k++];
    return k;
}

static void ensemble_choose_all(flow_ensemble *e, uint64_t seed, uint64_t first_row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        e->chosen[i] = ensemble_choose(e, seed, first_row + i);
}

/* The rows that member k has among those that were chosen, and their context; returns how many. */
static size_t ensemble_gather(flow_ensemble *e, int k, uint64_t first_row, size_t n, const double *context)
{
    const size_t c = (size_t)e->members[0]->f->context.n;
    size_t m = 0;
    assert(c == 0 || context != NULL);
    for (size_t i = 0; i < n; i++) {
        if (e->chosen[i] != k)
            continue;
        if (c > 0)
            memcpy(e->context + m * c, context + i * c, c * sizeof *context);
        e->rows[m++] = first_row + i;
    }
    return m;
}

static void ensemble_sample_piece(flow_ensemble *e, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                                  const double *context, double *x, double *round_trip)
{
    const size_t d = (size_t)e->members[0]->f->dim;
    ensemble_choose_all(e, seed, first_row, n);
    for (int k = 0; k < e->n; k++) {
        double error = 0;
        const size_t m = ensemble_gather(e, k, first_row, n, context);
        if (m == 0)
            continue;
        flow_rows_sample_listed(e->members[k], seed, e->rows, m, temperature, e->context, e->values,
                                round_trip != NULL ? &error : NULL);
        for (size_t i = 0; i < m; i++)
            memcpy(x + (e->rows[i] - first_row) * d, e->values + i * d, d * sizeof *x);
        if (round_trip != NULL)
            *round_trip = fmax(*round_trip, error);
    }
}

/* Log-densities of draws x (n, d), given their context. */
static void ensemble_logp_draws(flow_ensemble *e, const double *x, const double *context, size_t n, double *logp)
{
    const size_t d = (size_t)e->members[0]->f->dim, c = (size_t)e->members[0]->f->context.n, width = d + c;
    assert(c == 0 || context != NULL);
    for (size_t i = 0; i < n; i++) {
        memcpy(e->values + i * width, x + i * d, d * sizeof *x);
        if (c > 0)
            memcpy(e->values + i * width + d, context + i * c, c * sizeof *x);
    }
    ensemble_logp_piece(e, e->values, n, logp, NULL);
}

void flow_ensemble_sample(flow_ensemble *e, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                          const double *context, double *x, double *logp, double *round_trip)
{
    if (e->n == 1) {
        flow_rows_sample(e->members[0], seed, first_row, n, temperature, context, x, logp, round_trip);
        return;
    }
    const size_t d = (size_t)e->members[0]->f->dim, c = (size_t)e->members[0]->f->context.n;
    if (round_trip != NULL)
        *round_trip = 0;
    for (size_t at = 0, m; at < n; at += m) {
        m = n - at < e->n_room ? n - at : e->n_room;
        const double *given = c > 0 ? context + at * c : NULL;
        ensemble_sample_piece(e, seed, first_row + at, m, temperature, given, x + at * d, round_trip);
        if (logp != NULL)
            ensemble_logp_draws(e, x + at * d, given, m, logp + at);
    }
}

/* ---- all members ---- */

bool flow_ensemble_estimates(const flow_ensemble *e)
{
    for (int k = 0; k < e->n; k++)
        if (flow_estimates(e->members[k]->f))
            return true;
    return false;
}

bool flow_ensemble_has_support(const flow_ensemble *e)
{
    for (int k = 0; k < e->n; k++)
        if (e->members[k]->f->has_support)
            return true;
    return false;
}

flow_status flow_ensemble_check_row(const flow_ensemble *e, const double *row, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int k = 0; k < e->n; k++) {
        status = flow_check_row(e->members[k]->f, row, err);
        if (status == FLOW_OK)
            break;
    }
    return status;
}

static void ensemble_name_place(const flow_ensemble *e, int k, const char *place, char *text, size_t size)
{
    if (e->n > 1)
        snprintf(text, size, "member %d, %s", k + 1, place);
    else
        snprintf(text, size, "%s", place);
}

bool flow_ensemble_diagnose(flow_ensemble *e, const double *row, char *text, size_t size)
{
    char place[FLOW_DIAGNOSIS_SIZE];
    text[0] = '\0';
    for (int k = 0; k < e->n; k++) {
        if (flow_rows_diagnose(e->members[k], FLOW_TO_LATENT, false, row, place, sizeof place)) {
            ensemble_name_place(e, k, place, text, size);
            return true;
        }
    }
    return false;
}

/* Where the first draw fails among draws that there is room for. */
static bool ensemble_diagnose_piece(flow_ensemble *e, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                                    const double *context, bool has_logp, uint64_t *row, char *text, size_t size)
{
    char place[FLOW_DIAGNOSIS_SIZE];
    uint64_t failed;
    bool found = false;
    ensemble_choose_all(e, seed, first_row, n);
    for (int k = 0; k < e->n; k++) {
        const size_t m = ensemble_gather(e, k, first_row, n, context);
        if (!flow_rows_diagnose_draws(e->members[k], seed, 0, e->rows, m, temperature, e->context, has_logp, &failed,
                                      place, sizeof place) ||
            (found && failed > *row))
            continue;
        found = true;
        *row = failed;
        ensemble_name_place(e, k, place, text, size);
    }
    return found;
}

bool flow_ensemble_diagnose_draws(flow_ensemble *e, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                                  const double *context, bool has_logp, uint64_t *row, char *text, size_t size)
{
    if (e->n == 1)
        return flow_rows_diagnose_draws(e->members[0], seed, first_row, NULL, n, temperature, context, has_logp, row,
                                        text, size);
    const size_t c = (size_t)e->members[0]->f->context.n;
    bool found = false;
    text[0] = '\0';
    for (size_t at = 0, m; at < n && !found; at += m) {
        m = n - at < e->n_room ? n - at : e->n_room;
        found = ensemble_diagnose_piece(e, seed, first_row + at, m, temperature, c > 0 ? context + at * c : NULL,
                                        has_logp, row, text, size);
    }
    return found;
}
