/* The draws of the model beside the rows, and what the model makes of both. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "num/real.h"
#include "run/diagnose_run.h"

/* Draws for each row. More than one makes the model's side of a test nearly exact where rows are few; ranks among the
 * draws of a row need some. */
static size_t diagnose_draws_per_row(const diagnosis *d)
{
    const size_t values = ((size_t)1 << 23) / (d->n * d->d), wanted = (d->c > 0 ? 200000 : 20000) / d->n;
    const size_t most = d->c > 0 ? 19 : 10, least = d->c > 0 ? 3 : 1;
    size_t k = wanted < values ? wanted : values;
    k = k < most ? k : most;
    return k > least ? k : least;
}

/* What is no number compares with nothing. */
static int64_t diagnose_tame(double *values, size_t n, size_t d)
{
    int64_t odd = 0;
    for (size_t i = 0; i < n; i++) {
        bool finite = true;
        for (size_t k = 0; k < d; k++) {
            finite = finite && isfinite(values[i * d + k]);
            if (!isfinite(values[i * d + k]))
                values[i * d + k] = DBL_MAX;
        }
        odd += !finite;
    }
    return odd;
}

/* log p as numbers that can be ordered; returns how many are not finite. */
static int64_t diagnose_tame_logp(double *logp, size_t n)
{
    int64_t odd = 0;
    for (size_t i = 0; i < n; i++) {
        odd += !isfinite(logp[i]);
        if (isnan(logp[i]))
            logp[i] = -INFINITY;
    }
    return odd;
}

flow_mean diagnose_mean(const double *values, size_t n)
{
    flow_moments moments = {0};
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i]))
            flow_moments_add(&moments, values[i], 1);
    return (flow_mean){moments.n > 0 ? flow_moments_mean(&moments) : NAN, flow_moments_error(&moments)};
}

static void diagnose_report_progress(const diagnosis *d, size_t done, size_t all, double began)
{
    const flow_run_hooks *hooks = &d->o->rows.hooks;
    const flow_run_progress progress = {(int64_t)done, (int64_t)all, flow_seconds() - began};
    if (hooks->progress != NULL)
        hooks->progress(hooks->context, &progress);
}

static flow_status diagnose_draw_all(diagnosis *d, flow_error *err)
{
    const size_t n_rows = d->n, batch = flow_batch_rows(d->width);
    const size_t padded = (n_rows + FLOW_TILE - 1) / FLOW_TILE * FLOW_TILE;
    const double began = flow_seconds();
    const uint64_t seed = diagnose_seed(d, 2);
    double *context = malloc((d->n * d->c + 1) * sizeof *context), most = 0;
    size_t first, end;
    flow_status status = context == NULL ? flow_error_memory(err, "the context") : FLOW_OK;
    for (size_t i = 0; i < d->n && status == FLOW_OK; i++)
        memcpy(context + i * d->c, d->rows + i * d->width + d->d, d->c * sizeof *context);
    diagnose_share(d, d->k, d->n, &first, &end);
    assert(n_rows > 0);
    for (size_t at = first, n; at < end && status == FLOW_OK; at += n) {
        const size_t k = at / n_rows; /* NOLINT(clang-analyzer-core.DivideZero) */
        const size_t row = at - k * n_rows, left = n_rows - row < end - at ? n_rows - row : end - at;
        n = left < batch ? left : batch;
        status = diagnose_check_stop(d, err);
        if (status != FLOW_OK)
            break;
        flow_ensemble_sample(d->s->ensemble, seed, k * padded + row, n, 1, context + row * d->c,
                             d->draws + at * d->d, d->draws_logp + at, &most);
        d->result->round_trip = fmax(d->result->round_trip, isnan(most) ? INFINITY : most);
        diagnose_report_progress(d, at + n - first, end - first, began);
    }
    free(context);
    status = diagnose_gather(d, status, d->draws, d->d * sizeof *d->draws, d->k, d->n, err);
    d->result->round_trip = status == FLOW_OK ? diagnose_largest(d, d->result->round_trip) : 0;
    return diagnose_gather(d, status, d->draws_logp, sizeof *d->draws_logp, d->k, d->n, err);
}

flow_status diagnose_evaluate(const diagnosis *d, const double *rows, size_t n, double *logp, flow_error *err)
{
    size_t first, end;
    diagnose_share(d, 1, n, &first, &end);
    flow_ensemble_logp(d->s->ensemble, rows + first * d->width, end - first, logp + first, NULL);
    return diagnose_gather(d, FLOW_OK, logp, sizeof *logp, 1, n, err);
}

/* The first draws of the rows with their context, (n, d + c); the caller's. */
static double *diagnose_join_draws(const diagnosis *d)
{
    double *rows = malloc(d->n * d->width * sizeof *rows);
    for (size_t i = 0; rows != NULL && i < d->n; i++) {
        memcpy(rows + i * d->width, d->draws + i * d->d, d->d * sizeof *rows);
        memcpy(rows + i * d->width + d->d, d->rows + i * d->width + d->d, d->c * sizeof *rows);
    }
    return rows;
}

/* A row without latents counts as one at their edge. */
static void diagnose_tame_uniforms(double *u, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(u[i] >= 0 && u[i] <= 1))
            u[i] = 0;
}

/* Of rows (n, d + c), each rank its part; u is *out, the caller's. */
static flow_status diagnose_to_uniform(diagnosis *d, double **out, const double *rows, flow_error *err)
{
    size_t first, end;
    *out = malloc(d->n * d->d * sizeof **out);
    flow_status status = *out == NULL || rows == NULL ? flow_error_memory(err, "the latents") : FLOW_OK;
    diagnose_share(d, 1, d->n, &first, &end);
    if (status == FLOW_OK)
        flow_rows_to_uniform(d->s->runner, rows + first * d->width, end - first, *out + first * d->d);
    return diagnose_gather(d, status, *out, d->d * sizeof **out, 1, d->n, err);
}

static flow_status diagnose_find_uniforms(diagnosis *d, flow_error *err)
{
    if (d->s->runner == NULL)
        return FLOW_OK;
    d->exact = d->s->model->f->n_discrete == 0;
    double *draws = diagnose_join_draws(d);
    flow_status status = diagnose_to_uniform(d, &d->u, d->rows, err);
    if (status == FLOW_OK)
        status = diagnose_to_uniform(d, &d->draws_u, draws, err);
    free(draws);
    if (status != FLOW_OK)
        return status;
    diagnose_tame_uniforms(d->u, d->n * d->d);
    diagnose_tame_uniforms(d->draws_u, d->n * d->d);
    return FLOW_OK;
}

/* Counts draws that are beyond all rows in some column. Rows that hold the extreme of a column would be beyond all
 * others: their share is what new rows would have. */
static flow_status diagnose_count_outside(diagnosis *d, flow_error *err)
{
    const size_t all = d->n * d->k;
    size_t beyond = 0, extreme = 0;
    double *least = malloc(2 * d->d * sizeof *least);
    if (least == NULL)
        return flow_error_memory(err, "the ranges of the columns");
    double *most = least + d->d;
    memcpy(least, d->rows, d->d * sizeof *least);
    memcpy(most, d->rows, d->d * sizeof *most);
    for (size_t i = 0; i < d->n; i++) {
        for (size_t k = 0; k < d->d; k++) {
            least[k] = fmin(least[k], d->rows[i * d->width + k]);
            most[k] = fmax(most[k], d->rows[i * d->width + k]);
        }
    }
    for (size_t i = 0; i < all; i++) {
        bool outside = false;
        for (size_t k = 0; k < d->d; k++)
            outside = outside || d->draws[i * d->d + k] < least[k] || d->draws[i * d->d + k] > most[k];
        beyond += outside;
    }
    for (size_t k = 0; k < d->d; k++) { /* extremes that several rows share are beyond none of them */
        size_t low = 0, high = 0;
        for (size_t i = 0; i < d->n; i++) {
            low += d->rows[i * d->width + k] == least[k];
            high += d->rows[i * d->width + k] == most[k];
        }
        extreme += (low == 1) + (high == 1);
    }
    d->result->outside = (double)beyond / (double)all;
    d->result->outside_expected = fmin(1, (double)extreme / (double)d->n);
    free(least);
    return FLOW_OK;
}

flow_status diagnose_draw(diagnosis *d, flow_error *err)
{
    flow_run_diagnose_result *out = d->result;
    d->k = diagnose_draws_per_row(d);
    const size_t all = d->n * d->k;
    d->draws = malloc(all * d->d * sizeof *d->draws);
    d->draws_logp = malloc(all * sizeof *d->draws_logp);
    d->logp = malloc(d->n * sizeof *d->logp);
    const bool made = d->draws != NULL && d->draws_logp != NULL && d->logp != NULL;
    FLOW_TRY(flow_comm_agree(d->s->options.comm, made ? FLOW_OK : flow_error_memory(err, "the draws"), err));
    FLOW_TRY(diagnose_draw_all(d, err));
    FLOW_TRY(diagnose_evaluate(d, d->rows, d->n, d->logp, err));
    FLOW_TRY(diagnose_find_uniforms(d, err));
    /* Columns are compared by the order of their values, in which 0.3 is above 0.29999. */
    FLOW_TRY(flow_settle_rows(d->s->model->f, d->rows, d->n, d->width, err));
    d->not_finite = diagnose_tame(d->draws, all, d->d);
    FLOW_TRY(diagnose_count_outside(d, err));
    diagnose_tame_logp(d->draws_logp, all);
    d->outside = diagnose_tame_logp(d->logp, d->n);
    out->draws = (int64_t)all;
    out->per_row = (int64_t)d->k;
    out->logprob = diagnose_mean(d->logp, d->n);
    out->draws_logprob = diagnose_mean(d->draws_logp, all);
    return FLOW_OK;
}
