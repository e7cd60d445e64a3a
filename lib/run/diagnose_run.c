/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/diagnose_run.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "num/rng.h"

uint64_t diagnose_seed(const diagnosis *d, uint64_t purpose)
{
    /* `sample` with the same seed draws other rows */
    return flow_rng_mix(flow_rng_mix((uint64_t)d->o->seed + 0x9e3779b97f4a7c15u) + purpose);
}

void diagnose_add(diagnosis *d, const diagnose_test *test)
{
    d->failed =
        d->failed || test->p == DIAGNOSE_NO_MEMORY || !flow_grow(&d->tests, &d->room, d->n_tests + 1, sizeof *d->tests);
    if (d->failed)
        return;
    d->tests[d->n_tests] = *test;
    if (!(test->p <= 1))
        d->tests[d->n_tests].p = 1;
    d->n_tests++;
}

double diagnose_share_of(double distance, double n, double m)
{
    const double mean = 0.8687; /* of Kolmogorov's distribution */
    return fmax(0, fabs(distance) - mean * sqrt(1 / n + 1 / m));
}

flow_status diagnose_rank_values(double *u, const double *values, size_t n, size_t stride, uint64_t seed,
                                 flow_error *err)
{
    size_t *order = malloc(n * sizeof *order);
    if (order == NULL)
        return flow_error_memory(err, "ranks");
    gsl_sort_index(order, values, stride, n);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && values[order[end] * stride] == values[order[first] * stride];)
            end++;
        flow_rng_sequence sequence;
        const gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_TEST, first);
        if (end > first + 1)
            gsl_ran_shuffle(&rng, order + first, end - first, sizeof *order);
    }
    for (size_t i = 0; i < n; i++)
        u[order[i]] = ((double)i + 0.5) / (double)n;
    free(order);
    return FLOW_OK;
}

flow_status diagnose_check_stop(const diagnosis *d, flow_error *err)
{
    return flow_run_should_stop(&d->o->rows.hooks) ? flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal")
                                                   : FLOW_OK;
}
