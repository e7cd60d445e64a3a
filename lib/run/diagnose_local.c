/* A column given those before it, whatever the flow: the rank of a row's value among those of the draws that are
 * nearest to the row in the columns before. Rows and draws are both ranked among the same other draws, so that their
 * ranks have one distribution where the model is right, although neighbours are only near.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/parallel.h"
#include "num/rng.h"
#include "num/simd.h"
#include "run/diagnose_features.h"

enum { MANY_COLUMNS = 16, MOST_COLUMNS = 128, JUDGED_LEAST = 200 };

typedef struct local {
    const diagnosis *d;
    diagnose_features features;
    size_t n_queries;         /* rows, and as many draws */
    size_t n;                 /* draws that are searched, */
    size_t n_judged, nearest; /* and those among them that say how far neighbours are: as far as so many of these */
    double *points;           /* (features, n) of the draws that are searched */
    double *values;           /* (d, n) of them */
    size_t first;             /* the first query of this rank */
    double *ranks;            /* (2 n_queries, d): of rows, then of draws */
    double *room;             /* (threads, 2 n + features) */
} local;

FLOW_MULTIVERSION
static void local_add_squares(size_t n, double at, const double *restrict points, double *restrict squares)
{
    for (size_t i = 0; i < n; i++)
        squares[i] += (points[i] - at) * (points[i] - at);
}

/* The rank of `value` among the values (n) of the neighbours, in (0, 1); equal values and the place between two ranks
 * are left to chance. */
static double local_rank(const local *run, const double *squares, double *room, const double *values, double value,
                         uint64_t query, uint32_t column)
{
    size_t below = 0, equal = 0, all = 0;
    memcpy(room, squares, run->n_judged * sizeof *room);
    const double limit = gsl_stats_select(room, 1, run->n_judged, run->nearest - 1);
    for (size_t i = 0; i < run->n; i++) {
        const bool near = squares[i] <= limit;
        all += near;
        below += near && values[i] < value;
        equal += near && values[i] == value;
    }
    const double u = flow_rng_uniform(diagnose_seed(run->d, 500), FLOW_STREAM_TEST, query, column);
    return ((double)below + u * (double)(equal + 1)) / (double)(all + 1);
}

static void local_query(void *context, int item, int thread)
{
    local *run = context;
    const diagnosis *d = run->d;
    const size_t query = run->first + (size_t)item, row = query % run->n_queries;
    double *squares = run->room + (size_t)thread * (2 * run->n + run->features.n), *room = squares + run->n;
    double *at = room + run->n;
    const double *x = query < run->n_queries ? d->rows + row * d->width : d->draws + row * d->d;
    diagnose_features_of(&run->features, x, d->rows + row * d->width + d->d, at);
    memset(squares, 0, run->n * sizeof *squares);
    for (size_t k = 0; k < run->features.first[d->c]; k++)
        local_add_squares(run->n, at[k], run->points + k * run->n, squares);
    for (size_t i = 0; i < d->d; i++) {
        if (i + d->c > 0)
            run->ranks[query * d->d + i] =
                local_rank(run, squares, room, run->values + i * run->n, x[i], query, (uint32_t)i);
        for (size_t k = run->features.first[d->c + i]; k < run->features.first[d->c + i + 1]; k++)
            local_add_squares(run->n, at[k], run->points + k * run->n, squares);
    }
}

/* All draws but the first ones of the rows that are ranked; of many those at the end. */
static flow_status local_prepare(local *run, flow_error *err)
{
    const diagnosis *d = run->d;
    FLOW_TRY(diagnose_features_make(&run->features, d, err));
    const size_t all = d->n * d->k;
    run->points = malloc(run->n * run->features.n * sizeof *run->points);
    run->values = malloc(run->n * d->d * sizeof *run->values);
    run->ranks = malloc(d->d * 2 * run->n_queries * sizeof *run->ranks);
    run->room = malloc((size_t)d->threads * (2 * run->n + run->features.n) * sizeof *run->room);
    double *one = malloc(run->features.n * sizeof *one);
    if (run->points == NULL || run->values == NULL || run->ranks == NULL || run->room == NULL || one == NULL) {
        free(one);
        return flow_error_memory(err, "neighbours");
    }
    for (size_t j = 0; j < run->n; j++) {
        const size_t at = all - run->n + j;
        const double *x = d->draws + at * d->d;
        diagnose_features_of(&run->features, x, d->rows + (at % d->n) * d->width + d->d, one);
        for (size_t k = 0; k < run->features.n; k++)
            run->points[k * run->n + j] = one[k];
        for (size_t i = 0; i < d->d; i++)
            run->values[i * run->n + j] = x[i];
    }
    free(one);
    return FLOW_OK;
}

static flow_status local_compare(diagnosis *d, const local *run, flow_error *err)
{
    const size_t n = run->n_queries;
    for (size_t i = d->c > 0 ? 0 : 1; i < d->d; i++) {
        flow_pooled pooled;
        const double *ranks = run->ranks + i;
        const flow_values rows = {ranks, n, d->d}, draws = {ranks + n * d->d, n, d->d};
        const flow_status status = flow_pooled_make(&pooled, rows, draws, diagnose_seed(d, 510 + i), err);
        const flow_distance ks = status == FLOW_OK ? flow_pooled_ks(&pooled) : (flow_distance){.p = 1};
        flow_pooled_release(&pooled);
        if (status != FLOW_OK)
            return status;
        diagnose_add(d, &(diagnose_test){.part = PART_LOCAL,
                                         .kind = KIND_LOCAL,
                                         .a = (int)i,
                                         .b = -1,
                                         .p = ks.p,
                                         .share = diagnose_share_of(ks.distance, (double)n, (double)n),
                                         .observed = ks.distance});
    }
    return FLOW_OK;
}

flow_status diagnose_local(diagnosis *d, flow_error *err)
{
    const bool many = d->width > MANY_COLUMNS;
    const size_t queries = many ? 1000 : 2000, searched = many ? 5000 : 10000;
    local run = {.d = d, .n_queries = d->n < queries ? d->n : queries};
    /* where there is one draw for each row, half of them are searched */
    if (d->k == 1 && 2 * run.n_queries > d->n)
        run.n_queries = d->n / 2;
    const size_t left = d->n * d->k - run.n_queries;
    run.n = left < searched ? left : searched;
    run.n_judged = run.n > 8 * JUDGED_LEAST ? run.n / 8 : run.n;
    run.nearest = (size_t)(sqrt((double)run.n) * (double)run.n_judged / (double)run.n) + 1;
    if (d->width < 2 || d->width > MOST_COLUMNS)
        return FLOW_OK;
    flow_status status = local_prepare(&run, err);
    size_t end;
    diagnose_share(d, 1, 2 * run.n_queries, &run.first, &end);
    if (status == FLOW_OK)
        flow_parallel_for((int)(end - run.first), d->threads, local_query, &run);
    status = diagnose_gather(d, status, run.ranks, d->d * sizeof *run.ranks, 1, 2 * run.n_queries, err);
    if (status == FLOW_OK)
        status = local_compare(d, &run, err);
    diagnose_features_release(&run.features);
    free(run.points);
    free(run.values);
    free(run.ranks);
    free(run.room);
    return status;
}
