/* Conditional models: where each row is among the draws for its own context.
 *
 * Simulation-based calibration (Talts et al. 2018): the rank of a row's value in each column among the draws is
 * uniform. The same is true of the rank of its log-density, which is the coverage of regions of highest density, and of
 * its distance from a random point, which sees more than these (TARP; Lemos, Coogan, Hezaveh and Perreault-Levasseur
 * 2023, "Sampling-based accuracy testing of posterior estimators for general inference"). Ranks must not depend on the
 * context either: a model that ignores it has uniform ones on the whole.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"
#include "run/diagnose_features.h"
#include "stat/smooth.h"

enum { CONTEXT = 32, COLUMNS = 128 };

typedef struct ranks {
    diagnosis *d;
    diagnose_features features;
    double *u, *again; /* (n) */
    double *scores;    /* (2 n) */
    double *context;   /* (contexts, 2 n): scores of the columns of the context */
    int n_context;
} ranks;

/* From `value` of a row and those of its k draws, `stride` apart, a number in (0, 1). */
static double ranks_place(const diagnosis *d, double value, const double *draws, size_t stride, size_t row,
                          uint32_t column)
{
    size_t below = 0, equal = 0;
    for (size_t k = 0; k < d->k; k++) {
        below += draws[k * stride] < value;
        equal += draws[k * stride] == value;
    }
    const double u = flow_rng_uniform(diagnose_seed(d, 800), FLOW_STREAM_TEST, row, column);
    return ((double)below + u * (double)(equal + 1)) / (double)(d->k + 1);
}

/* Tests whether r->u are uniform. */
static void ranks_test(ranks *r, diagnose_kind kind, int column)
{
    diagnosis *d = r->d;
    double shift = 0, spread = 0;
    for (size_t i = 0; i < d->n; i++) {
        shift += (r->u[i] - 0.5) / (double)d->n;
        spread += (fabs(2 * r->u[i] - 1) - 0.5) / (double)d->n;
    }
    memcpy(r->again, r->u, d->n * sizeof *r->u);
    const flow_distance found = flow_ks_uniform(r->again, d->n);
    diagnose_add(d, &(diagnose_test){.part = PART_RANKS,
                                     .kind = kind,
                                     .a = column,
                                     .b = -1,
                                     .p = found.p,
                                     .share = diagnose_share_of(found.distance, (double)d->n, INFINITY),
                                     .observed = shift,
                                     .expected = spread});
}

/* Whether they depend on the context. */
static void ranks_test_context(ranks *r, int column)
{
    diagnosis *d = r->d;
    flow_smooth_scores(r->scores, r->u, d->n);
    for (int c = 0; c < r->n_context; c++) {
        const flow_dependence found = flow_smooth_dependence(r->scores, r->context + (size_t)c * 2 * d->n, d->n);
        const double strength = sqrt(fmax(0, found.strength * found.strength - 4 / (double)d->n));
        diagnose_add(d, &(diagnose_test){.part = PART_RANKS,
                                         .kind = KIND_CONTEXT,
                                         .a = column,
                                         .b = c,
                                         .p = found.p,
                                         .share = 0.375 * strength,
                                         .observed = found.correlation});
    }
}

static void ranks_columns(ranks *r)
{
    const diagnosis *d = r->d;
    for (size_t i = 0; i < d->d && i < COLUMNS; i++) {
        for (size_t j = 0; j < d->n; j++)
            r->u[j] = ranks_place(d, d->rows[j * d->width + i], d->draws + j * d->d + i, d->n * d->d, j, (uint32_t)i);
        ranks_test(r, KIND_RANK, (int)i);
        ranks_test_context(r, (int)i);
    }
}

static void ranks_density(ranks *r)
{
    const diagnosis *d = r->d;
    for (size_t j = 0; j < d->n; j++)
        r->u[j] = ranks_place(d, d->logp[j], d->draws_logp + j, d->n, j, COLUMNS);
    ranks_test(r, KIND_DENSITY_RANK, -1);
}

/* The squared distance of the features of two rows, those of the context left out. */
static double ranks_distance(const ranks *r, const double *a, const double *b)
{
    double sum = 0;
    for (size_t k = r->features.first[r->d->c]; k < r->features.n; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

/* The random point of a row is the last draw for the context of the next row. */
static flow_status ranks_tarp(ranks *r, flow_error *err)
{
    const diagnosis *d = r->d;
    const size_t size = r->features.n;
    double *room = malloc((2 * size + d->k) * sizeof *room);
    if (room == NULL)
        return flow_error_memory(err, "distances");
    double *point = room, *at = room + size, *distances = at + size;
    for (size_t j = 0; j < d->n; j++) {
        const size_t other = (j + 1) % d->n;
        const double *context = d->rows + j * d->width + d->d;
        diagnose_features_of(&r->features, d->draws + ((d->k - 1) * d->n + other) * d->d, context, point);
        for (size_t k = 0; k < d->k; k++) {
            diagnose_features_of(&r->features, d->draws + (k * d->n + j) * d->d, context, at);
            distances[k] = ranks_distance(r, at, point);
        }
        diagnose_features_of(&r->features, d->rows + j * d->width, context, at);
        r->u[j] = ranks_place(d, ranks_distance(r, at, point), distances, 1, j, COLUMNS + 1);
    }
    free(room);
    ranks_test(r, KIND_TARP, -1);
    return FLOW_OK;
}

flow_status diagnose_ranks(diagnosis *d, flow_error *err)
{
    ranks r = {.d = d, .n_context = d->c < CONTEXT ? (int)d->c : CONTEXT};
    if (d->c == 0)
        return FLOW_OK;
    r.u = malloc(4 * d->n * sizeof *r.u);
    r.context = malloc((size_t)r.n_context * 2 * d->n * sizeof *r.context);
    flow_status status = diagnose_features_make(&r.features, d, err);
    if (status == FLOW_OK && (r.u == NULL || r.context == NULL))
        status = flow_error_memory(err, "ranks");
    if (status == FLOW_OK) {
        r.again = r.u + d->n;
        r.scores = r.again + d->n;
    }
    for (int c = 0; c < r.n_context && status == FLOW_OK; c++) {
        status =
            diagnose_rank_values(r.u, d->rows + d->d + c, d->n, d->width, diagnose_seed(d, 810 + (uint64_t)c), err);
        flow_smooth_scores(r.context + (size_t)c * 2 * d->n, r.u, d->n);
    }
    if (status == FLOW_OK) {
        ranks_columns(&r);
        ranks_density(&r);
        status = ranks_tarp(&r, err);
    }
    diagnose_features_release(&r.features);
    free(r.u);
    free(r.context);
    return status;
}
