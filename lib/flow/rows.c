/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/rows.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/periodic.h"
#include "num/mixing.h"
#include "num/parallel.h"

typedef struct job {
    flow_runner *runner;
    const double *in;      /* rows, (n, d + c) */
    const double *context; /* of draws, (n, c) */
    size_t n;
    double *out, *logdet, *logp, *variance, *difference;
    uint64_t seed, first_row;
    const uint64_t *rows; /* (n): which draws; NULL: first_row and those that follow */
    double temperature;
    bool check;
} job;

/* The rows of one tile: always the same ones, whatever the threads do. */
typedef struct row_job {
    size_t first, in, out; /* row, and its first value in the rows that come in (d + c values) and go out (d values) */
    int n_rows;
} row_job;

static row_job rows_job_of(const job *j, int item)
{
    const flow *f = j->runner->f;
    size_t most = (size_t)f->tile_rows, first = (size_t)item * most, left = j->n - first;
    return (row_job){first, first * (size_t)flow_width(f), first * (size_t)f->dim, (int)(left < most ? left : most)};
}

static void rows_run(job *j, flow_task *task)
{
    size_t most = (size_t)j->runner->f->tile_rows;
    int n_tiles = (int)((j->n + most - 1) / most);
    flow_parallel_for(n_tiles, flow_runner_make_workers(j->runner, n_tiles), task, j);
}

static void rows_load(const job *j, flow_worker *w, const row_job *s)
{
    const flow *f = j->runner->f;
    flow_tile_load_padded(f, w->ws, j->in + s->in, (size_t)flow_width(f), s->n_rows, f->tile_rows);
}

/* Adds the density of one more draw to w->logp and w->variance: that of a sum of densities, relative to its square. */
static void rows_add_draw(const flow *f, flow_worker *w)
{
    for (int j = 0; j < f->tile_rows; j++) {
        double sum = flow_log_add(w->logp[j], w->one[j]);
        if (w->variance[j] > 0 || w->ws->variance[j] > 0)
            w->variance[j] =
                w->variance[j] * exp(2 * (w->logp[j] - sum)) + w->ws->variance[j] * exp(2 * (w->one[j] - sum));
        w->logp[j] = sum;
    }
}

/* Counts the map that was just made. */
static void rows_count(flow_worker *w, const row_job *s)
{
    flow_nfe_count(&w->nfe[w->ws->direction], w->ws, s->n_rows);
}

/* w->logp and w->variance of the tile that is in w->ws->x, and the latents of its last draw. */
static const real *rows_evaluate(const flow_runner *runner, flow_worker *w, const row_job *s)
{
    const flow *f = runner->f;
    const real *z;
    const int n_draws = runner->noise_draws, apart = f->noise_draws / n_draws;
    size_t bytes = flow_tile_values(f) * sizeof *w->x;
    w->ws->noise = flow_noise_of_draw(0);
    if (f->n_discrete > 0)
        memcpy(w->x, w->ws->x, bytes);
    flow_tile_logp(f, runner->weights, w->ws, f->tile_rows, w->logp, &z);
    memcpy(w->variance, w->ws->variance, (size_t)f->tile_rows * sizeof *w->variance);
    rows_count(w, s);
    for (int k = 1; f->n_discrete > 0 && k < n_draws; k++) {
        memcpy(w->ws->x, w->x, bytes);
        w->ws->noise = flow_noise_of_draw(k * apart);
        flow_tile_logp(f, runner->weights, w->ws, f->tile_rows, w->one, &z);
        rows_count(w, s);
        rows_add_draw(f, w);
    }
    for (int j = 0; f->n_discrete > 0 && j < f->tile_rows; j++)
        w->logp[j] -= log(n_draws);
    w->ws->noise = (flow_noise){0};
    return z;
}

static void rows_logp_tile(void *context, int item, int thread)
{
    job *j = context;
    flow_worker *w = &j->runner->workers[thread];
    row_job s = rows_job_of(j, item);
    rows_load(j, w, &s);
    rows_evaluate(j->runner, w, &s);
    memcpy(j->logp + s.first, w->logp, (size_t)s.n_rows * sizeof *w->logp);
    if (j->variance != NULL)
        memcpy(j->variance + s.first, w->variance, (size_t)s.n_rows * sizeof *w->variance);
}

void flow_rows_logp_variance(flow_runner *runner, const double *rows, size_t n, double *logp, double *variance)
{
    job j = {.runner = runner, .in = rows, .n = n, .logp = logp, .variance = variance};
    rows_run(&j, rows_logp_tile);
}

void flow_rows_logp(flow_runner *runner, const double *rows, size_t n, double *logp)
{
    flow_rows_logp_variance(runner, rows, n, logp, NULL);
}

/* z into ws->x; a row outside of the support has none. */
static void rows_keep_latents(const flow *f, flow_workspace *ws, const real *z)
{
    double *x = ws->x;
    for (int i = 0; i < f->dim; i++)
        for (int j = 0; j < f->tile_rows; j++, x++, z++)
            *x = ws->logdet[j] == -INFINITY ? NAN : (double)*z;
}

/* The period of latent i. */
static double rows_period_of(const flow *f, size_t i)
{
    return flow_dims_is_periodic(f->latents, (int)i) ? 2 * FLOW_PI : 0;
}

/* Where equations are solved, the error of the log-determinants influences the steps. Points do not depend on whether
 * log-determinants are requested, so these come from a solve of their own. */
static bool rows_solves_again(const job *j)
{
    return j->logdet != NULL && flow_n_solvers(j->runner->f) > 0;
}

static void rows_store_logdet(const job *j, const flow_worker *w, const row_job *s)
{
    memcpy(j->logdet + s->first, w->ws->logdet, (size_t)s->n_rows * sizeof *j->logdet);
}

static void rows_to_latent_tile(void *context, int item, int thread)
{
    job *j = context;
    const flow *f = j->runner->f;
    flow_worker *w = &j->runner->workers[thread];
    row_job s = rows_job_of(j, item);
    rows_load(j, w, &s);
    w->ws->noise = flow_noise_of_draw(0);
    const bool inner = w->ws->noise.inner = flow_shape_pixels(f->shape) > 1; /* then rounding gives the values back */
    if (j->difference != NULL) {
        flow_tile_spread(f, w->ws, f->tile_rows);
        if (inner)
            flow_tile_round(f, w->ws, f->tile_rows);
        memcpy(w->x, w->ws->x, flow_tile_values(f) * sizeof *w->x);
        rows_load(j, w, &s);
    }
    if (rows_solves_again(j)) {
        flow_worker_to_latent(j->runner, w, false);
        rows_count(w, &s);
        rows_store_logdet(j, w, &s);
        rows_load(j, w, &s);
    }
    const real *z = flow_worker_to_latent(j->runner, w, true);
    rows_count(w, &s);
    w->ws->noise = (flow_noise){0};
    rows_keep_latents(f, w->ws, z);
    flow_tile_store(f, w->ws, f->tile_rows, j->out + s.out, s.n_rows);
    if (j->logdet != NULL && !rows_solves_again(j))
        rows_store_logdet(j, w, &s);
    if (j->difference == NULL)
        return;
    size_t n_values = flow_tile_values(f), most = (size_t)f->tile_rows;
    for (size_t k = 0; k < n_values; k++)
        w->ws->a[k] = (real)w->ws->x[k];
    flow_worker_to_data(j->runner, w, true);
    rows_count(w, &s);
    if (inner)
        flow_tile_round(f, w->ws, f->tile_rows);
    for (size_t k = 0; k < n_values; k++)
        w->ws->x[k] = flow_periodic_difference(w->ws->x[k], w->x[k], f->periods != NULL ? f->periods[k / most] : 0);
    flow_tile_store(f, w->ws, f->tile_rows, j->difference + s.out, s.n_rows);
}

void flow_rows_to_latent(flow_runner *runner, const double *rows, size_t n, double *z, double *logdet)
{
    job j = {.runner = runner, .in = rows, .n = n, .out = z, .logdet = logdet};
    rows_run(&j, rows_to_latent_tile);
}

static void rows_to_uniform_tile(void *context, int item, int thread)
{
    job *j = context;
    const flow *f = j->runner->f;
    flow_worker *w = &j->runner->workers[thread];
    const row_job s = rows_job_of(j, item);
    rows_load(j, w, &s);
    w->ws->noise = flow_noise_of_draw(0);
    const real *z = flow_worker_to_latent(j->runner, w, true);
    rows_count(w, &s);
    w->ws->noise = (flow_noise){0};
    flow_tile_to_uniform(f, j->runner->weights, w->ws, f->tile_rows, z);
    for (int i = 0; i < f->dim; i++)
        for (int k = 0; k < s.n_rows; k++)
            if (w->ws->logdet[k] == -INFINITY)
                w->ws->x[i * f->tile_rows + k] = NAN;
    flow_tile_store(f, w->ws, f->tile_rows, j->out + s.out, s.n_rows);
}

void flow_rows_to_uniform(flow_runner *runner, const double *rows, size_t n, double *u)
{
    job j = {.runner = runner, .in = rows, .n = n, .out = u};
    rows_run(&j, rows_to_uniform_tile);
}

bool flow_rows_judge_values(const flow *f)
{
    return flow_shape_pixels(f->shape) > 1 && f->n_discrete == f->dim;
}

/* Takes the values in ws->x, which are rounded, to latents and back. */
static void rows_bring_back(const job *j, flow_worker *w, const row_job *s)
{
    const flow *f = j->runner->f;
    w->ws->noise = flow_noise_of_draw(0);
    w->ws->noise.inner = true;
    const real *z = flow_worker_to_latent(j->runner, w, true);
    rows_count(w, s);
    w->ws->noise = (flow_noise){0};
    memmove(w->ws->a, z, flow_tile_values(f) * sizeof *z);
    flow_worker_to_data(j->runner, w, true);
    rows_count(w, s);
    flow_tile_round(f, w->ws, f->tile_rows);
}

static void rows_to_data_tile(void *context, int item, int thread)
{
    job *j = context;
    const flow *f = j->runner->f;
    flow_worker *w = &j->runner->workers[thread];
    row_job s = rows_job_of(j, item);
    size_t n_values = flow_tile_values(f), most = (size_t)f->tile_rows;
    rows_load(j, w, &s);
    for (size_t k = 0; k < n_values; k++)
        w->z[k] = w->ws->a[k] = (real)w->ws->x[k];
    if (rows_solves_again(j)) {
        flow_worker_to_data(j->runner, w, false);
        rows_count(w, &s);
        rows_store_logdet(j, w, &s);
        memcpy(w->ws->a, w->z, n_values * sizeof *w->z);
    }
    flow_worker_to_data(j->runner, w, true);
    rows_count(w, &s);
    if (j->logdet != NULL && !rows_solves_again(j))
        rows_store_logdet(j, w, &s);
    memcpy(w->x, w->ws->x, n_values * sizeof *w->x);
    flow_tile_round(f, w->ws, f->tile_rows);
    flow_tile_store(f, w->ws, f->tile_rows, j->out + s.out, s.n_rows);
    if (j->difference == NULL)
        return;
    if (flow_rows_judge_values(f)) {
        memcpy(w->x, w->ws->x, n_values * sizeof *w->x);
        rows_bring_back(j, w, &s);
        for (size_t k = 0; k < n_values; k++)
            w->ws->x[k] -= w->x[k];
    } else {
        memcpy(w->ws->x, w->x, n_values * sizeof *w->x);
        const real *z = flow_worker_to_latent(j->runner, w, true);
        rows_count(w, &s);
        rows_keep_latents(f, w->ws, z);
        for (size_t k = 0; k < n_values; k++)
            w->ws->x[k] = flow_periodic_difference(w->ws->x[k], (double)w->z[k], rows_period_of(f, k / most));
    }
    flow_tile_store(f, w->ws, f->tile_rows, j->difference + s.out, s.n_rows);
}

void flow_rows_to_data(flow_runner *runner, const double *rows, size_t n, double *x, double *logdet)
{
    job j = {.runner = runner, .in = rows, .n = n, .out = x, .logdet = logdet};
    rows_run(&j, rows_to_data_tile);
}

void flow_rows_round_trip(flow_runner *runner, flow_direction to, const double *rows, size_t n, double *out,
                          double *logdet, double *difference)
{
    job j = {.runner = runner, .in = rows, .n = n, .out = out, .logdet = logdet, .difference = difference};
    rows_run(&j, to == FLOW_TO_LATENT ? rows_to_latent_tile : rows_to_data_tile);
}

/* Largest |a - b| over the first n_rows columns of two tiles of latents; what is not finite counts as
 * infinite. */
static double rows_largest_difference(const flow *f, int n_rows, const real *a, const real *b)
{
    double largest = 0;
    for (int i = 0; i < f->dim; i++) {
        for (int j = 0; j < n_rows; j++) {
            size_t k = (size_t)i * (size_t)f->tile_rows + (size_t)j;
            double difference =
                fabs(flow_periodic_difference((double)a[k], (double)b[k], rows_period_of(f, (size_t)i)));
            if (!(difference <= largest))
                largest = isnan(difference) ? INFINITY : difference;
        }
    }
    return largest;
}

/* The same of values. */
static double rows_largest_error(const flow *f, int n_rows, const double *a, const double *b)
{
    double largest = 0;
    for (int i = 0; i < f->dim; i++) {
        for (int j = 0; j < n_rows; j++) {
            size_t k = (size_t)i * (size_t)f->tile_rows + (size_t)j;
            if (!(fabs(a[k] - b[k]) <= largest))
                largest = isnan(a[k] - b[k]) ? INFINITY : fabs(a[k] - b[k]);
        }
    }
    return largest;
}

static void rows_compare(const flow_runner *runner, flow_worker *w, const row_job *s, const real *z)
{
    w->round_trip = fmax(w->round_trip, rows_largest_difference(runner->f, s->n_rows, z, w->z));
}

static void rows_sample_tile(void *context, int item, int thread)
{
    job *j = context;
    const flow *f = j->runner->f;
    flow_worker *w = &j->runner->workers[thread];
    row_job s = rows_job_of(j, item);
    if (f->context.n > 0)
        flow_tile_load_context(f, w->ws, j->context + s.first * (size_t)f->context.n, s.n_rows, f->tile_rows);
    flow_worker_draw_points(j->runner, w, j->seed, j->first_row + s.first, j->rows != NULL ? j->rows + s.first : NULL,
                            s.n_rows, j->temperature);
    size_t bytes = flow_tile_values(f) * sizeof *w->x;
    const real *z;
    bool by_logp = j->logp != NULL && f->n_discrete == 0; /* what is rounded does not come back to where it was */
    if (j->check && flow_rows_judge_values(f)) {
        flow_tile_round(f, w->ws, f->tile_rows);
        memcpy(w->x, w->ws->x, bytes);
        rows_bring_back(j, w, &s);
        w->round_trip = fmax(w->round_trip, rows_largest_error(f, s.n_rows, w->ws->x, w->x));
        memcpy(w->ws->x, w->x, bytes);
    } else if (j->check && !by_logp) {
        memcpy(w->x, w->ws->x, bytes);
        z = flow_worker_to_latent(j->runner, w, true);
        rows_count(w, &s);
        rows_compare(j->runner, w, &s, z);
        memcpy(w->ws->x, w->x, bytes);
    }
    flow_tile_round(f, w->ws, f->tile_rows);
    flow_tile_store(f, w->ws, f->tile_rows, j->out + s.out, s.n_rows);
    if (j->logp == NULL)
        return;
    z = rows_evaluate(j->runner, w, &s);
    memcpy(j->logp + s.first, w->logp, (size_t)s.n_rows * sizeof *w->logp);
    if (by_logp)
        rows_compare(j->runner, w, &s, z);
}

static void rows_sample(job *j, double *round_trip)
{
    flow_runner *runner = j->runner;
    assert(j->context != NULL || runner->f->context.n == 0);
    j->check = round_trip != NULL;
    for (int t = 0; t < runner->n_threads; t++)
        runner->workers[t].round_trip = 0;
    rows_run(j, rows_sample_tile);
    for (int t = 0; round_trip != NULL && t < runner->n_threads; t++)
        *round_trip = fmax(t == 0 ? 0 : *round_trip, runner->workers[t].round_trip);
}

void flow_rows_sample(flow_runner *runner, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                      const double *context, double *x, double *logp, double *round_trip)
{
    assert(first_row % FLOW_TILE == 0);
    job j = {.runner = runner,
             .context = context,
             .n = n,
             .out = x,
             .logp = logp,
             .seed = seed,
             .first_row = first_row,
             .temperature = temperature};
    rows_sample(&j, round_trip);
}

void flow_rows_sample_listed(flow_runner *runner, uint64_t seed, const uint64_t *rows, size_t n, double temperature,
                             const double *context, double *x, double *round_trip)
{
    job j = {
        .runner = runner, .context = context, .n = n, .out = x, .seed = seed, .rows = rows, .temperature = temperature};
    rows_sample(&j, round_trip);
}
