/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/own_draws.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "num/rng.h"
#include "run/root.h"
#include "run/row_walk.h"

/* The draws that a tail is fitted to (the rule of Vehtari et al. 2024 for importance weights, with half the share). */
static size_t own_tail_size(size_t n)
{
    return (size_t)fmin(0.1 * (double)n, 3 * sqrt((double)n));
}

flow_status flow_own_draws_make(flow_own_draws *out, const flow_session *s, size_t n, uint64_t seed, bool fits_tail,
                                const flow_run_hooks *hooks, flow_error *err)
{
    enum { SAMPLES = 64, VALUES = 1 << 23 };
    const size_t d = (size_t)s->dim, c = (size_t)s->n_context, kept = VALUES / n;
    *out = (flow_own_draws){.s = s, .n = n, .seed = seed, .fits_tail = fits_tail, .hooks = *hooks};
    out->n_samples = c == 0 || kept < 1 ? 1 : kept < SAMPLES ? (int)kept : SAMPLES;
    out->samples = calloc((size_t)out->n_samples, sizeof *out->samples);
    out->n_batch = flow_batch_rows(d + c);
    out->n_batch = n < out->n_batch ? n : out->n_batch;
    out->x = calloc(out->n_batch, (d + c) * sizeof *out->x);
    out->part = calloc(n, sizeof *out->part);
    out->exceedances = calloc(own_tail_size(n) + 1, sizeof *out->exceedances);
    if (out->samples == NULL || out->x == NULL || out->part == NULL || out->exceedances == NULL)
        return flow_error_memory(err, "the draws");
    out->given = out->x + out->n_batch * d;
    for (int i = 0; i < out->n_samples; i++) {
        out->samples[i].logp = calloc(n, sizeof *out->samples[i].logp);
        out->samples[i].context = calloc(c + 1, sizeof *out->samples[i].context);
        if (out->samples[i].logp == NULL || out->samples[i].context == NULL)
            return flow_error_memory(err, "the draws");
    }
    return FLOW_OK;
}

void flow_own_draws_release(flow_own_draws *draws)
{
    for (int i = 0; draws->samples != NULL && i < draws->n_samples; i++) {
        free(draws->samples[i].logp);
        free(draws->samples[i].context);
    }
    free(draws->samples);
    free(draws->x);
    free(draws->part);
    free(draws->exceedances);
    *draws = (flow_own_draws){0};
}

/* 0 and -0 are the same value of a context. */
static uint64_t own_seed(const flow_own_draws *draws, const double *context)
{
    uint64_t hash = draws->seed;
    for (int i = 0; i < draws->s->n_context; i++) {
        const double value = context[i] + 0.0;
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        hash = flow_rng_mix(hash ^ flow_rng_mix(bits + (uint64_t)i));
    }
    return hash;
}

static void own_fit_tail(flow_own_draws *draws, flow_own_sample *sample)
{
    const size_t m = own_tail_size(draws->n);
    const double threshold = sample->logp[m];
    size_t first = 0; /* of the finite ones */
    while (first < m && !isfinite(sample->logp[first]))
        first++;
    for (size_t i = first; i < m; i++)
        draws->exceedances[m - 1 - i] = threshold - sample->logp[i];
    const bool fitted = isfinite(threshold) && flow_pareto_fit(&sample->tail, draws->exceedances, m - first);
    sample->n_tail = fitted ? m : 0;
    sample->is_unfitted = !fitted;
}

/* Log-densities of the draws `first` to `last`, where `first` is a multiple of FLOW_TILE. */
static flow_status own_draw_part(flow_own_draws *draws, const double *context, size_t first, size_t last, double *logp,
                                 flow_error *err)
{
    const size_t c = (size_t)draws->s->n_context;
    const uint64_t seed = own_seed(draws, context);
    const double began = flow_seconds();
    flow_run_progress progress = {.total = (int64_t)(last - first)};
    for (size_t i = 0; i < draws->n_batch && c > 0; i++)
        memcpy(draws->given + i * c, context, c * sizeof *context);
    for (size_t at = first, m; at < last; at += m) {
        if (flow_run_should_stop(&draws->hooks))
            return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
        m = last - at < draws->n_batch ? last - at : draws->n_batch;
        flow_ensemble_sample(draws->s->ensemble, seed, at, m, 1, c > 0 ? draws->given : NULL, draws->x,
                             logp + (at - first), NULL);
        progress.rows += (int64_t)m;
        progress.seconds = flow_seconds() - began;
        if (c == 0 && draws->hooks.progress != NULL)
            draws->hooks.progress(draws->hooks.context, &progress);
    }
    return FLOW_OK;
}

static void own_make_sample(flow_own_draws *draws, flow_own_sample *sample, const double *context)
{
    const size_t c = (size_t)draws->s->n_context;
    sample->n_failed = 0;
    for (size_t i = 0; i < draws->n; i++) {
        if (isnan(sample->logp[i])) {
            sample->logp[i] = -INFINITY;
            sample->n_failed++;
        }
    }
    gsl_sort(sample->logp, 1, draws->n);
    if (draws->fits_tail)
        own_fit_tail(draws, sample);
    memcpy(sample->context, context, c * sizeof *context);
    sample->used = draws->clock;
}

/* Draws that do not count among the evaluations of the session. */
static flow_status own_draw(flow_own_draws *draws, const double *context, size_t first, size_t last, double *logp,
                            flow_error *err)
{
    const flow_ensemble *ensemble = draws->s->ensemble;
    for (int k = 0; k < ensemble->n; k++)
        flow_runner_pause_nfe(ensemble->members[k]);
    const flow_status status = own_draw_part(draws, context, first, last, logp, err);
    for (int k = 0; k < ensemble->n; k++)
        flow_runner_resume_nfe(ensemble->members[k]);
    return status;
}

/* The first draw of a rank. */
static size_t own_first(const flow_own_draws *draws, int rank, int size)
{
    return (size_t)flow_share_first_row((int64_t)draws->n, FLOW_TILE, rank, size);
}

flow_status flow_own_draws_share(flow_own_draws *draws, const double *context, flow_error *err)
{
    const flow_comm *comm = draws->s->options.comm;
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    size_t *bytes = calloc((size_t)size, sizeof *bytes);
    flow_status status = bytes != NULL ? FLOW_OK : flow_error_memory(err, "the draws");
    if (status == FLOW_OK)
        status = own_draw(draws, context, own_first(draws, rank, size), own_first(draws, rank + 1, size), draws->part,
                          err);
    status = flow_run_agree(comm, status, err);
    if (status == FLOW_OK && bytes != NULL) {
        for (int r = 0; r < size; r++)
            bytes[r] = (own_first(draws, r + 1, size) - own_first(draws, r, size)) * sizeof *draws->part;
        flow_comm_gather_all(comm, draws->part, draws->samples[0].logp, bytes);
        draws->clock++;
        own_make_sample(draws, &draws->samples[0], context);
    }
    free(bytes);
    return status;
}

flow_status flow_own_draws_find(const flow_own_sample **out, flow_own_draws *draws, const double *context,
                                flow_error *err)
{
    const size_t bytes = (size_t)draws->s->n_context * sizeof *context;
    flow_own_sample *oldest = &draws->samples[0];
    draws->clock++;
    for (int i = 0; i < draws->n_samples; i++) {
        flow_own_sample *sample = &draws->samples[i];
        if (sample->used > 0 && memcmp(sample->context, context, bytes) == 0) {
            sample->used = draws->clock;
            *out = sample;
            return FLOW_OK;
        }
        oldest = sample->used < oldest->used ? sample : oldest;
    }
    oldest->used = 0;
    FLOW_TRY(own_draw(draws, context, 0, draws->n, oldest->logp, err));
    own_make_sample(draws, oldest, context);
    *out = oldest;
    return FLOW_OK;
}

size_t flow_own_sample_count(const flow_own_sample *sample, size_t n, double logp)
{
    size_t low = 0, high = n; /* all before `low` are as likely or less, none from `high` on */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sample->logp[middle] <= logp)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double flow_own_sample_tail(const flow_own_sample *sample, size_t n, double logp)
{
    const size_t m = sample->n_tail;
    if (m == 0 || !(logp < sample->logp[m]))
        return (1 + (double)flow_own_sample_count(sample, n, logp)) / ((double)n + 1);
    return (double)(m + 1) / ((double)n + 1) * flow_pareto_above(&sample->tail, sample->logp[m] - logp);
}
