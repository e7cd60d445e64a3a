/* Rows against draws, column by column, at both ends of each column, and by their log-density. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/parallel.h"
#include "run/diagnose_run.h"

/* ---- columns and their ends ---- */

enum { TAILS = 3 }; /* tests of one end of a column, at most */

typedef struct column_tests {
    const diagnosis *d;
    diagnose_test *column; /* (d) */
    diagnose_test *tails;  /* (d, 2, TAILS); p of those that are not made is NaN */
} column_tests;

/* The share of the rows that is missing at an end, or too many. */
static double columns_end_share(const diagnosis *d, const flow_end_count *end)
{
    return fabs((double)end->n - end->expected) / (double)d->n;
}

static diagnose_test columns_end(const diagnosis *d, const flow_pooled *pooled, double share, bool highest)
{
    const size_t k = (size_t)(share * (double)(pooled->n + pooled->m));
    const flow_end_count end = flow_pooled_end(pooled, k, highest);
    return (diagnose_test){.part = PART_TAILS,
                           .kind = highest ? KIND_HIGH_END : KIND_LOW_END,
                           .b = -1,
                           .p = end.p,
                           .share = columns_end_share(d, &end),
                           .observed = (double)end.n,
                           .expected = end.expected};
}

static diagnose_test columns_run(const diagnosis *d, const flow_pooled *pooled, bool highest)
{
    const flow_end_run run = flow_pooled_end_run(pooled, highest);
    return (diagnose_test){.part = PART_TAILS,
                           .kind = highest ? KIND_HIGH_RUN : KIND_LOW_RUN,
                           .b = -1,
                           .p = run.p,
                           .share = (double)run.n / (double)(run.first ? d->n : d->n * d->k),
                           .observed = run.first,
                           .expected = (double)run.n};
}

static bool columns_is_periodic(const diagnosis *d, size_t i)
{
    const double *periods = d->s->model->f->periods;
    return periods != NULL && periods[i] > 0;
}

static void columns_test_one(void *context, int item, int thread)
{
    (void)thread;
    column_tests *run = context;
    const diagnosis *d = run->d;
    const size_t i = (size_t)item;
    const double n = (double)d->n, m = n * (double)d->k;
    flow_pooled pooled;
    const flow_values rows = {d->rows + i, d->n, d->width}, draws = {d->draws + i, d->n * d->k, d->d};
    diagnose_test *tails = run->tails + i * 2 * TAILS;
    if (flow_pooled_make(&pooled, rows, draws, diagnose_seed(d, 300 + i), NULL) != FLOW_OK) {
        run->column[i] = (diagnose_test){.p = DIAGNOSE_NO_MEMORY};
    } else {
        const flow_distance ks = flow_pooled_ks(&pooled);
        run->column[i] = (diagnose_test){.part = PART_COLUMNS,
                                         .kind = KIND_COLUMN,
                                         .a = item,
                                         .b = -1,
                                         .p = ks.p,
                                         .share = diagnose_share_of(ks.distance, n, m),
                                         .observed = ks.distance};
        for (int high = 0; high < 2 && !columns_is_periodic(d, i); high++, tails += TAILS) {
            tails[0] = columns_run(d, &pooled, high == 1);
            tails[1] = columns_end(d, &pooled, 0.01, high == 1);
            if (n >= 10000)
                tails[2] = columns_end(d, &pooled, 0.001, high == 1);
            for (int k = 0; k < TAILS; k++)
                tails[k].a = item;
        }
    }
    flow_pooled_release(&pooled);
}

flow_status diagnose_columns(diagnosis *d, flow_error *err)
{
    const size_t n_tails = d->d * 2 * TAILS;
    column_tests run = {
        .d = d, .column = malloc(d->d * sizeof *run.column), .tails = malloc(n_tails * sizeof *run.tails)};
    for (size_t i = 0; run.tails != NULL && i < n_tails; i++)
        run.tails[i] = (diagnose_test){.p = NAN};
    const bool made = run.tails != NULL && run.column != NULL;
    if (made)
        flow_parallel_for((int)d->d, d->threads, columns_test_one, &run);
    for (size_t i = 0; i < d->d && made; i++)
        diagnose_add(d, &run.column[i]);
    for (size_t i = 0; i < n_tails && made; i++)
        if (!isnan(run.tails[i].p))
            diagnose_add(d, &run.tails[i]);
    free(run.column);
    free(run.tails);
    return made ? FLOW_OK : flow_error_memory(err, "the columns");
}

/* ---- log p ---- */

static const double diagnose_levels[] = {0.5, 0.9, 0.99, 0.999};

/* The share of the rows above the quantile of the draws that has `level` above it. */
static flow_status columns_cover(diagnosis *d, flow_error *err)
{
    enum { N = sizeof diagnose_levels / sizeof *diagnose_levels };
    const size_t m = d->n * d->k;
    double *sorted = malloc(m * sizeof *sorted);
    flow_diagnose_coverage *list = flow_arena_take(&d->result->texts, N, sizeof *list);
    if (sorted == NULL || list == NULL) {
        free(sorted);
        return flow_error_memory(err, "the coverage");
    }
    memcpy(sorted, d->draws_logp, m * sizeof *sorted);
    gsl_sort(sorted, 1, m);
    for (size_t i = 0; i < N; i++) {
        const double level = diagnose_levels[i], limit = sorted[(size_t)((1 - level) * (double)m)];
        size_t above = 0;
        for (size_t j = 0; j < d->n; j++)
            above += d->logp[j] >= limit;
        list[i] = (flow_diagnose_coverage){level, (double)above / (double)d->n,
                                           sqrt(level * (1 - level) * (1 / (double)d->n + 1 / (double)m))};
    }
    free(sorted);
    d->result->coverage = (flow_list){list, N};
    return FLOW_OK;
}

flow_status diagnose_coverage(diagnosis *d, flow_error *err)
{
    const double n = (double)d->n, m = n * (double)d->k;
    flow_pooled pooled;
    const flow_values rows = {d->logp, d->n, 1}, draws = {d->draws_logp, d->n * d->k, 1};
    flow_status status = flow_pooled_make(&pooled, rows, draws, diagnose_seed(d, 400), err);
    if (status == FLOW_OK) {
        const flow_distance ks = flow_pooled_ks(&pooled);
        diagnose_add(d, &(diagnose_test){.part = PART_COVERAGE,
                                         .kind = KIND_DENSITY,
                                         .a = -1,
                                         .b = -1,
                                         .p = ks.p,
                                         .share = diagnose_share_of(ks.distance, n, m),
                                         .observed = ks.distance});
        for (size_t i = 0; i <= sizeof diagnose_levels / sizeof *diagnose_levels; i++) {
            const bool high = i == sizeof diagnose_levels / sizeof *diagnose_levels;
            const double beyond = high ? 0.01 : 1 - diagnose_levels[i];
            if (beyond * n < 0.5)
                continue;
            const flow_end_count end = flow_pooled_end(&pooled, (size_t)(beyond * (n + m)), high);
            diagnose_add(d, &(diagnose_test){.part = PART_COVERAGE,
                                             .kind = high ? KIND_TOO_DENSE : KIND_REGION,
                                             .a = -1,
                                             .b = -1,
                                             .p = end.p,
                                             .share = columns_end_share(d, &end),
                                             .observed = (double)end.n,
                                             .expected = end.expected});
        }
    }
    flow_pooled_release(&pooled);
    return status == FLOW_OK ? columns_cover(d, err) : status;
}
