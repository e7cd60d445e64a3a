/* The latents of the rows as the distribution function of the base: uniform and independent where the density is right.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "num/parallel.h"
#include "run/diagnose_run.h"
#include "stat/smooth.h"

/* ---- each of them ---- */

typedef struct latent_tests {
    const diagnosis *d;
    diagnose_test *tests; /* (d) */
    double *room;         /* (threads, n) */
} latent_tests;

/* Where columns are discrete, or spikes, u is not uniform even if the model is right: it is compared with the u of
 * draws. */
static void latents_test_one(void *context, int item, int thread)
{
    latent_tests *run = context;
    const diagnosis *d = run->d;
    const size_t n = d->n, i = (size_t)item;
    double *u = run->room + (size_t)thread * n, shift = 0, spread = 0;
    flow_distance distance = {.p = 1};
    for (size_t j = 0; j < n; j++) {
        u[j] = d->u[j * d->d + i];
        shift += (u[j] - 0.5) / (double)n;
        spread += (fabs(2 * u[j] - 1) - 0.5) / (double)n;
    }
    if (d->exact) {
        distance = flow_ks_uniform(u, n);
    } else {
        flow_pooled pooled;
        const flow_values rows = {u, n, 1}, draws = {d->draws_u + i, n, d->d};
        if (flow_pooled_make(&pooled, rows, draws, diagnose_seed(d, 100 + i), NULL) == FLOW_OK)
            distance = flow_pooled_ks(&pooled);
        else
            distance.p = DIAGNOSE_NO_MEMORY;
        flow_pooled_release(&pooled);
    }
    const double share = diagnose_share_of(distance.distance, (double)n, d->exact ? INFINITY : (double)n);
    run->tests[i] = (diagnose_test){.part = PART_LATENTS,
                                    .kind = KIND_LATENT,
                                    .a = item,
                                    .b = -1,
                                    .p = distance.p,
                                    .share = share,
                                    .observed = shift,
                                    .expected = spread};
}

flow_status diagnose_latents(diagnosis *d, flow_error *err)
{
    if (d->u == NULL)
        return FLOW_OK;
    latent_tests run = {.d = d,
                        .tests = malloc(d->d * sizeof *run.tests),
                        .room = malloc((size_t)d->threads * d->n * sizeof *run.room)};
    const bool made = run.tests != NULL && run.room != NULL;
    if (made)
        flow_parallel_for((int)d->d, d->threads, latents_test_one, &run);
    for (size_t i = 0; i < d->d && made; i++)
        diagnose_add(d, &run.tests[i]);
    free(run.tests);
    free(run.room);
    return made ? FLOW_OK : flow_error_memory(err, "the latents");
}

/* ---- pairs of them, and each with the context ---- */

typedef struct pair_tests {
    const diagnosis *d;
    size_t n;         /* rows */
    int n_latents, c; /* those that are looked at */
    int *latents;     /* (n_latents): which */
    double *scores;   /* (n_latents + c, 2 n) of latents and of the context */
    diagnose_test *tests;
} pair_tests;

/* Latent `item` with those before it and with the context. */
static void pairs_test(void *context, int item, int thread)
{
    (void)thread;
    pair_tests *run = context;
    const size_t size = 2 * run->n;
    const int before = item * (item - 1) / 2 + item * run->c;
    for (int j = 0; j < item + run->c; j++) {
        const int other = j < item ? j : run->n_latents + j - item;
        const flow_dependence found =
            flow_smooth_dependence(run->scores + (size_t)item * size, run->scores + (size_t)other * size, run->n);
        /* half the mean size of a product of two scores, times their strength without that of chance */
        const double strength = sqrt(fmax(0, found.strength * found.strength - 4 / (double)run->n));
        run->tests[before + j] = (diagnose_test){.part = PART_INDEPENDENCE,
                                                 .kind = j < item ? KIND_PAIR : KIND_CONTEXT,
                                                 .a = run->latents[j < item ? j : item],
                                                 .b = j < item ? run->latents[item] : j - item,
                                                 .p = found.p,
                                                 .share = 0.375 * strength,
                                                 .observed = found.correlation};
    }
}

static flow_status pairs_prepare(pair_tests *run, flow_error *err)
{
    const diagnosis *d = run->d;
    double *u = malloc(run->n * sizeof *u);
    flow_status status = u == NULL ? flow_error_memory(err, "the latents") : FLOW_OK;
    for (int i = 0; i < run->n_latents + run->c && status == FLOW_OK; i++) {
        for (size_t j = 0; j < run->n && i < run->n_latents; j++)
            u[j] = d->u[j * d->d + (size_t)run->latents[i]];
        if (i >= run->n_latents)
            status = diagnose_rank_values(u, d->rows + d->d + (i - run->n_latents), run->n, d->width,
                                          diagnose_seed(d, 200 + (uint64_t)i), err);
        flow_smooth_scores(run->scores + (size_t)i * 2 * run->n, u, run->n);
    }
    free(u);
    return status;
}

flow_status diagnose_independence(diagnosis *d, flow_error *err)
{
    enum { LATENTS = 128, CONTEXT = 32, PRODUCTS = 200000000 };
    if (d->u == NULL || !d->exact || d->d + d->c < 2)
        return FLOW_OK;
    pair_tests run = {
        .d = d, .n_latents = d->d < LATENTS ? (int)d->d : LATENTS, .c = d->c < CONTEXT ? (int)d->c : CONTEXT};
    const size_t latents = (size_t)run.n_latents, n_tests = latents * (latents - 1) / 2 + latents * (size_t)run.c;
    run.n = d->n < PRODUCTS / n_tests ? d->n : PRODUCTS / n_tests;
    run.latents = malloc(latents * sizeof *run.latents);
    run.scores = malloc((latents + (size_t)run.c) * 2 * run.n * sizeof *run.scores);
    run.tests = malloc(n_tests * sizeof *run.tests);
    flow_status status = FLOW_OK;
    if (run.latents == NULL || run.scores == NULL || run.tests == NULL)
        status = flow_error_memory(err, "the latents");
    for (int i = 0; i < run.n_latents && status == FLOW_OK; i++) /* of many, some that are evenly apart */
        run.latents[i] = (int)((size_t)i * d->d / (size_t)run.n_latents);
    if (status == FLOW_OK)
        status = pairs_prepare(&run, err);
    if (status == FLOW_OK)
        flow_parallel_for(run.n_latents, d->threads, pairs_test, &run);
    for (size_t i = 0; i < n_tests && status == FLOW_OK; i++)
        diagnose_add(d, &run.tests[i]);
    free(run.latents);
    free(run.scores);
    free(run.tests);
    return status;
}
