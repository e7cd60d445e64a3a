/* Vector fields of continuous flows: traces, norms and traces along probes against numerical Jacobians; Hutchinson's
 * estimator against the exact trace; the penalties of a path against a quadrature; what training and evaluations make
 * of them. Gradients are in contract_block.c.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/design.h"
#include "flow/rows.h"
#include "flow/trace.h"
#include "harness.h"
#include "values.h"
#include "nn/field.h"
#include "num/rng.h"
#include "train/step.h"

enum { N = 16, MOST = 8, SEED = 37 };

static const bool is_double = sizeof(real) == sizeof(double);

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(SEED, FLOW_STREAM_OTHER, row, column) - 1;
}

/* ------------------------------------------------------------------ a field by itself */

typedef struct lone {
    flow_field field;
    flow_params params;
    flow_field_tile tile;
    real *weights;
    void *work;
    int n;
    real context[2 * N];
} lone;

static void lone_start(lone *s, const flow_field_options *options, int dim, int n_context, const flow_field_plan *plan,
                       int n)
{
    *s = (lone){.n = n};
    assert_int_equal(flow_field_configure(&s->field, options, dim, n_context, &s->params, NULL), FLOW_OK);
    s->weights = flow_alloc_aligned(s->params.n_weights, sizeof *s->weights);
    for (size_t k = 0; k < s->params.n_weights; k++)
        s->weights[k] = (real)uniform(k, 1);
    for (size_t k = 0; k < sizeof s->context / sizeof *s->context; k++)
        s->context[k] = (real)uniform(k, 2);
    s->work = flow_alloc_aligned(flow_field_lay_out(&s->field, plan, n, 1, true, NULL, &s->tile), 1);
    flow_field_lay_out(&s->field, plan, n, 1, true, s->work, &s->tile);
    s->tile.weights = s->weights;
    s->tile.context = s->context;
}

static void lone_end(lone *s)
{
    flow_free_aligned(s->work);
    flow_free_aligned(s->weights);
    flow_field_release(&s->field);
    flow_params_release(&s->params);
}

/* J[i][k] of each row, by central differences of fourth order. */
static void differentiate(lone *s, const real *at, double (*jacobian)[MOST][MOST])
{
    const double h = 1e-4;
    static const double steps[] = {-2, -1, 1, 2}, weights[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    int d = s->field.dim, n = s->n;
    real *moved = malloc((size_t)(d + 1) * (size_t)n * sizeof *moved), *f = malloc((size_t)(d * n) * sizeof *f);
    for (int k = 0; k < d; k++) {
        for (int j = 0; j < n; j++)
            for (int i = 0; i < d; i++)
                jacobian[j][i][k] = 0;
        for (int p = 0; p < 4; p++) {
            memcpy(moved, at, (size_t)(d + 1) * (size_t)n * sizeof *moved);
            for (int j = 0; j < n; j++)
                moved[k * n + j] += (real)(steps[p] * h);
            flow_field_apply(&s->tile, 0, false, moved, f, NULL);
            for (int j = 0; j < n; j++)
                for (int i = 0; i < d; i++)
                    jacobian[j][i][k] += weights[p] * (double)f[i * n + j] / h;
        }
    }
    free(moved);
    free(f);
}

static const flow_field_options fields[] = {
    {.hidden = {1, {7}}, .time = 1},
    {.hidden = {2, {6, 9}}, .time = 1, .time_features = 2, .activation = FLOW_SMOOTH_SILU},
    {.hidden = {3, {6, 5, 7}}, .time = 0.6, .trains_time = true},
    {.hidden = {6, {5, 5, 4, 5, 6, 5}}, .time = 1, .activation = FLOW_SMOOTH_SOFTPLUS, .time_features = 1},
    {.hidden = {1, {8}}, .time = 1, .network = FLOW_FIELD_CONCATSQUASH, .activation = FLOW_SMOOTH_SILU},
    {.hidden = {2, {8, 5}}, .time = 2, .network = FLOW_FIELD_CONCATSQUASH, .time_features = 3},
    {.hidden = {4, {5, 6, 7, 4}}, .time = 1, .network = FLOW_FIELD_CONCATSQUASH, .activation = FLOW_SMOOTH_SOFTPLUS},
    {.hidden = {2, {300, 290}}, .time = 1}, /* so wide that tangents are sent in several batches */
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

/* What a field with this plan integrates, against its Jacobian and its values; all in units of s in [0, 1]. */
static void check_integrands(const flow_field_options *base, int d, int n_context, flow_field_plan plan)
{
    flow_field_options options = *base;
    options.kinetic = plan.penalises ? 0.7 : 0;
    options.jacobian = plan.penalises ? 0.3 : 0;
    lone s;
    lone_start(&s, &options, d, n_context, &plan, N);
    real at[(MOST + 1) * N], f[MOST * N], integrands[(2 + FLOW_FIELD_PROBES_MAX) * N];
    double jacobian[N][MOST][MOST];
    for (int k = 0; k < (d + 1) * N; k++)
        at[k] = (real)uniform((uint64_t)k, 3);
    for (int p = 0; p < plan.n_probes; p++) {
        size_t stride;
        real *probe = flow_field_probe(&s.tile, p, &stride);
        for (int i = 0; i < d; i++)
            for (int j = 0; j < N; j++)
                probe[(size_t)i * stride + (size_t)j] = (real)uniform((uint64_t)(i * N + j), 50 + (uint32_t)p);
    }
    flow_field_start(&s.tile);
    differentiate(&s, at, jacobian);
    flow_field_apply(&s.tile, 0, true, at, f, integrands);
    double end = (double)s.tile.end;
    for (int j = 0; j < N; j++) {
        double trace = 0, norm = 0, along = 0, norm_along = 0, speed = 0;
        for (int i = 0; i < d; i++) {
            trace += jacobian[j][i][i];
            speed += (double)f[i * N + j] * (double)f[i * N + j];
            for (int k = 0; k < d; k++)
                norm += jacobian[j][i][k] * jacobian[j][i][k];
        }
        for (int p = 0; p < plan.n_probes; p++) {
            size_t stride;
            const real *e = flow_field_probe(&s.tile, p, &stride);
            double one = 0;
            for (int i = 0; i < d; i++) {
                double tangent = 0;
                for (int k = 0; k < d; k++)
                    tangent += jacobian[j][i][k] * (double)e[(size_t)k * stride + (size_t)j];
                one += tangent * (double)e[(size_t)i * stride + (size_t)j];
                norm_along += tangent * tangent / plan.n_probes;
            }
            along += one / plan.n_probes;
            if (plan.apart)
                ASSERT_NEAR(integrands[(1 + plan.penalises + p) * N + j], one, 1e-8 * (1 + fabs(one)));
        }
        double wanted = plan.n_probes > 0 && !plan.closed ? along : trace;
        ASSERT_NEAR(integrands[j], wanted, 1e-8 * (1 + fabs(wanted)));
        double penalty = (0.7 * speed + 0.3 * (plan.n_probes > 0 ? norm_along : norm)) / end;
        if (plan.penalises)
            ASSERT_NEAR(integrands[N + j], penalty, 1e-8 * (1 + penalty));
    }
    lone_end(&s);
}

static void integrands(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    for (int k = 0; k < N_FIELDS; k++) {
        static const int dims[] = {1, 3, 8};
        for (int i = 0; i < 3; i++) {
            bool closed = fields[k].network == FLOW_FIELD_MLP && fields[k].hidden.n <= 2;
            int d = dims[i], c = i == 1 ? 2 : 0;
            check_integrands(&fields[k], d, c, (flow_field_plan){.closed = closed});
            if (closed)
                check_integrands(&fields[k], d, c,
                                 (flow_field_plan){.closed = true, .penalises = true, .n_probes = 1});
            check_integrands(&fields[k], d, c, (flow_field_plan){0});
            check_integrands(&fields[k], d, c, (flow_field_plan){.penalises = true});
            check_integrands(&fields[k], d, c, (flow_field_plan){.n_probes = 1});
            check_integrands(&fields[k], d, c, (flow_field_plan){.n_probes = 1, .penalises = true});
            check_integrands(&fields[k], d, c, (flow_field_plan){.n_probes = 5, .apart = true});
        }
    }
}

/* The same field, solved up to T: T f(x, T s) with T = 1.7 exp(w). */
static void end_times(void **state)
{
    (void)state;
    for (int k = 0; k < N_FIELDS; k++) {
        enum { D = 3 };
        const flow_field_plan plan = {.values_only = true};
        flow_field_options options = fields[k];
        real at[(D + 1) * N], f[2][D * N];
        double end = 1;
        for (int run = 0; run < 2; run++) {
            lone s;
            options.trains_time = run == 1;
            options.time = run == 1 ? 1.7 : 1;
            lone_start(&s, &options, D, 0, &plan, N);
            if (run == 1)
                end = 1.7 * exp((double)s.weights[s.field.time_weight]);
            for (int i = 0; i < (D + 1) * N; i++)
                at[i] = (real)uniform((uint64_t)i, 4);
            for (int j = 0; j < N && run == 1; j++)
                at[D * N + j] = (real)((double)at[D * N + j] / end);
            flow_field_start(&s.tile);
            flow_field_apply(&s.tile, 0, false, at, f[run], NULL);
            lone_end(&s);
        }
        for (int i = 0; i < D * N; i++)
            ASSERT_NEAR(f[1][i], end * (double)f[0][i], (is_double ? 1e-12 : 1e-4) * (1 + fabs((double)f[0][i])));
    }
}

/* An adjoint equation wants gradients at x alone: the same ones, and the weights keep theirs. */
static void gradients_at_x_alone(void **state)
{
    (void)state;
    for (int k = 0; k < N_FIELDS; k++) {
        enum { D = 3 };
        const flow_field_plan plan = {.n_probes = 1, .penalises = true};
        flow_field_options options = fields[k];
        options.kinetic = options.jacobian = 1;
        lone s;
        real at[(D + 1) * N], f[D * N], gf[D * N], g[2 * N], gx[2][D * N];
        lone_start(&s, &options, D, 0, &plan, N);
        for (int i = 0; i < (D + 1) * N; i++)
            at[i] = (real)uniform((uint64_t)i, 5);
        for (int i = 0; i < D * N; i++) {
            gf[i] = (real)uniform((uint64_t)i, 6);
            g[i % (2 * N)] = (real)uniform((uint64_t)i, 7);
        }
        size_t stride;
        real *probe = flow_field_probe(&s.tile, 0, &stride);
        for (int i = 0; i < D * N; i++)
            probe[(size_t)(i / N) * stride + (size_t)(i % N)] = 1;
        flow_field_start(&s.tile);
        flow_field_apply(&s.tile, 0, true, at, f, NULL);
        flow_field_begin_backward(&s.tile);
        flow_field_backward(&s.tile, 0, gf, g, false, gx[0]);
        flow_record records[64];
        flow_tape tape = {.n = N, .capacity = 64, .records = records};
        real *gradient = flow_alloc_aligned(s.params.n_weights, sizeof *gradient);
        flow_field_finish_backward(&s.tile, NULL, &tape);
        flow_tapes_gradient(&tape, 1, 1, s.params.n_weights, gradient);
        for (size_t w = 0; w < s.params.n_weights; w++)
            ASSERT_EQ(gradient[w], 0);
        flow_field_begin_backward(&s.tile);
        flow_field_backward(&s.tile, 0, gf, g, true, gx[1]);
        assert_memory_equal(gx[0], gx[1], sizeof gx[0]);
        flow_free_aligned(gradient);
        lone_end(&s);
    }
}

/* ------------------------------------------------------------------ Hutchinson's estimator */

/* 10,000 probes of one and the same point. The variance of e.Je is 2 |S|^2, S the symmetric part of J, without its
 * diagonal for signs (for example Girard 1989). */
static void check_estimator(const flow_field_options *options, flow_probe_kind kind)
{
    enum { D = 5, TILES = 125, COLUMNS = 80, PROBES = TILES * COLUMNS };
    const flow_field_plan plan = {.n_probes = 1};
    lone s;
    lone_start(&s, options, D, 0, &plan, COLUMNS);
    real at[(D + 1) * COLUMNS], f[D * COLUMNS], estimate[COLUMNS];
    double(*jacobian)[MOST][MOST] = calloc(COLUMNS, sizeof *jacobian), trace = 0, variance = 0, sum = 0, squares = 0;
    for (int i = 0; i < (D + 1) * COLUMNS; i++)
        at[i] = (real)uniform((uint64_t)(i / COLUMNS), 8);
    for (int tile = 0; tile < TILES; tile++) {
        const flow_probe probe = {kind, 1, 2, 0};
        const flow_noise noise = {.kind = FLOW_NOISE_OF_PLACE, .seed = 5, .first_row = (uint64_t)tile * COLUMNS};
        size_t stride;
        real *lines = flow_field_probe(&s.tile, 0, &stride);
        flow_probe_draw(&probe, &noise, D, COLUMNS, at, stride, lines);
        flow_field_start(&s.tile);
        flow_field_apply(&s.tile, 0, false, at, f, estimate);
        for (int j = 0; j < COLUMNS; j++) {
            sum += (double)estimate[j];
            squares += (double)estimate[j] * (double)estimate[j];
        }
    }
    differentiate(&s, at, jacobian);
    for (int i = 0; i < D; i++) {
        trace += jacobian[0][i][i];
        for (int k = 0; k < D; k++)
            if (k != i || kind == FLOW_PROBE_GAUSSIAN)
                variance += pow(jacobian[0][i][k] + jacobian[0][k][i], 2) / 2;
    }
    double mean = sum / PROBES, spread = squares / PROBES - mean * mean;
    ASSERT_NEAR(mean, trace, 3 * sqrt(variance / PROBES));
    ASSERT_NEAR(spread, variance, 0.1 * variance);
    free(jacobian);
    lone_end(&s);
}

static void estimates_are_unbiased(void **state)
{
    (void)state;
    if (!is_double)
        skip(); /* for the numerical Jacobian */
    for (int k = 0; k < N_FIELDS; k++) {
        check_estimator(&fields[k], FLOW_PROBE_RADEMACHER);
        check_estimator(&fields[k], FLOW_PROBE_GAUSSIAN);
    }
}

/* A probe is one of a row and its place, or of its values: not of the tile, and another one for each block and number;
 * entries are signs, or normal to the second moment. */
static void probes(void **state)
{
    (void)state;
    enum { D = 7 };
    real x[D * N], one[D * N], other[D * N];
    for (int k = 0; k < D * N; k++)
        x[k] = (real)uniform((uint64_t)k, 9);
    for (int kind = 0; kind < 2; kind++) {
        const flow_probe probe = {(flow_probe_kind)kind, 3, 4, 5};
        for (int trains = 0; trains < 2; trains++) {
            flow_noise noise = {.kind = trains ? FLOW_NOISE_OF_PLACE : FLOW_NOISE_NONE, .seed = 9, .first_row = 50};
            flow_probe_draw(&probe, &noise, D, N, x, N, one);
            real moved[D * N];
            for (int k = 0; k < D * N; k++) /* row j + 1 at j */
                moved[k] = x[k % N == N - 1 ? k : k + 1];
            noise.first_row++;
            flow_probe_draw(&probe, &noise, D, N, moved, N, other);
            for (int k = 0; k < D * N; k++) {
                if (k % N < N - 1)
                    ASSERT_EQ(other[k], one[k + 1]);
                assert_true(kind == FLOW_PROBE_GAUSSIAN || one[k] == 1 || one[k] == -1);
            }
            noise.first_row--;
            for (int change = 0; change < 3; change++) {
                flow_probe changed = probe;
                flow_noise step = noise;
                changed.block += change == 0;
                changed.number += change == 1;
                changed.seed += change == 2;
                step.seed += change == 2;
                flow_probe_draw(&changed, &step, D, N, x, N, other);
                assert_memory_not_equal(one, other, sizeof one);
            }
        }
    }
}

/* ------------------------------------------------------------------ in a block */

/* `before` is a map in front of the block, or "". */
static void start_behind(subject *s, const char *before, const char *block, int dim)
{
    subject_open(s, (subject_shape){.dim = dim, .seed = 1}, "{\"flow\": [%s{\"type\": \"ffjord\", %s}]}", before,
                 block);
    subject_scatter_weights(s, 0.8, SEED, 11);
    subject_workspace(s, N, true);
}

static void start(subject *s, const char *block, int dim)
{
    start_behind(s, "", block, dim);
}

static const flow_noise training = {.kind = FLOW_NOISE_OF_PLACE, .seed = 21, .first_row = 300};

/* |f|^2 and |J|^2 in units of t, from the velocities dx/ds of the block and their differences. */
static void densities_at(subject *s, double end, const real *at, double *kinetic, double *norm)
{
    enum { D = 3 };
    const double h = 1e-5;
    const flow_block *block = s->f->blocks[0];
    const flow_pass pass = {.n = N, .weights = s->weights, .keep = true, .scratch = s->ws->scratch[0]};
    real f[2][D * N], moved[(D + 1) * N];
    block->type->velocity(block->state, &pass, at, f[0]);
    for (int j = 0; j < N; j++)
        kinetic[j] = norm[j] = 0;
    for (int i = 0; i < D * N; i++)
        kinetic[i % N] += (double)f[0][i] * (double)f[0][i] / end;
    for (int k = 0; k < D; k++) {
        for (int side = 0; side < 2; side++) {
            memcpy(moved, at, sizeof moved);
            for (int j = 0; j < N; j++)
                moved[k * N + j] += (real)(side == 0 ? h : -h);
            block->type->velocity(block->state, &pass, moved, f[side]);
        }
        for (int i = 0; i < D * N; i++)
            norm[i % N] += pow(((double)f[0][i] - (double)f[1][i]) / (2 * h), 2) / end;
    }
}

/* The path by Runge and Kutta's method with steps of its own, the integrals along it by Simpson's rule. */
static void quadrature(subject *s, double end, bool down, const real *start, double *kinetic, double *norm)
{
    enum { D = 3, STEPS = 400 };
    const flow_block *block = s->f->blocks[0];
    const flow_pass pass = {.n = N, .weights = s->weights, .keep = true, .scratch = s->ws->scratch[0]};
    real at[(D + 1) * N], stage[(D + 1) * N], k[4][D * N];
    memcpy(at, start, D * N * sizeof *at);
    memset(kinetic, 0, N * sizeof *kinetic);
    memset(norm, 0, N * sizeof *norm);
    for (int step = 0; step <= STEPS; step++) {
        double h = (down ? -1. : 1.) / STEPS, t = down ? 1 + step * h : step * h, one[N], other[N];
        double weight = (step == 0 || step == STEPS ? 1 : step % 2 == 1 ? 4 : 2) / (3. * STEPS);
        for (int j = 0; j < N; j++)
            at[D * N + j] = (real)t;
        densities_at(s, end, at, one, other);
        for (int j = 0; j < N; j++) {
            kinetic[j] += weight * one[j];
            norm[j] += weight * other[j];
        }
        for (int r = 0; r < 4; r++) {
            static const double c[] = {0, 0.5, 0.5, 1};
            for (int i = 0; i < D * N; i++)
                stage[i] = at[i] + (real)(r == 0 ? 0 : c[r] * h * (double)k[r - 1][i]);
            for (int j = 0; j < N; j++)
                stage[D * N + j] = (real)(t + c[r] * h);
            block->type->velocity(block->state, &pass, stage, k[r]);
        }
        for (int i = 0; i < D * N; i++)
            at[i] += (real)(h / 6 * (double)(k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]));
    }
}

static void penalties_of_paths(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    static const char *const nets[] = {"\"hidden\": [8, 7, 6]", "\"hidden\": [6], \"network\": \"concatsquash\""};
    for (int k = 0; k < 2; k++) {
        for (int down = 0; down < 2; down++) {
            enum { D = 3 };
            char text[400];
            snprintf(text, sizeof text,
                     "%s, \"solver\": {\"type\": \"dopri5\", \"rtol\": 1e-11, \"atol\": 1e-11, \"max_steps\": 2000}, "
                     "\"kinetic_energy\": 0.4, \"jacobian_norm\": 0.9, \"train_time\": true, \"time\": 1.3",
                     nets[k]);
            subject s;
            start(&s, text, D);
            size_t last = s.f->params.n_weights;
            for (int e = 0; e < s.f->params.n_entries; e++)
                if (strstr(s.f->params.entries[e].name, "/time") != NULL)
                    last = s.f->params.entries[e].offset;
            ASSERT_LT(last, s.f->params.n_weights);
            double end = 1.3 * exp((double)s.weights[last]), kinetic[N], norm[N];
            real start[D * N];
            const real *z;
            for (int i = 0; i < D * N; i++)
                s.ws->x[i] = s.ws->a[i] = start[i] = (real)uniform((uint64_t)i, 12);
            quadrature(&s, end, down, start, kinetic, norm);
            s.ws->mode = FLOW_TRAINING;
            s.ws->noise = training;
            if (down)
                flow_tile_to_data(s.f, s.weights, s.ws, N);
            else
                flow_tile_to_latent(s.f, s.weights, s.ws, N, &z);
            for (int j = 0; j < N; j++) /* within the solver's tolerance along all steps, and that of Simpson's */
                ASSERT_NEAR(s.ws->penalty[j], 0.4 * kinetic[j] + 0.9 * norm[j], 1e-6 * (1 + s.ws->penalty[j]));
            s.ws->mode = FLOW_EVALUATION;
            s.ws->noise = (flow_noise){0};
            memcpy(s.ws->a, start, sizeof start);
            flow_tile_to_data(s.f, s.weights, s.ws, N);
            for (int j = 0; j < N; j++)
                ASSERT_EQ(s.ws->penalty[j], 0); /* an evaluation has none */
            subject_close(&s);
        }
    }
}

/* What a step of maximum likelihood adds for the penalty is its gradient, by central differences. */
static void penalty_in_the_loss(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    enum { D = 3 };
    subject s[2];
    real *gradient[2];
    double rows[N * D];
    for (int k = 0; k < N * D; k++)
        rows[k] = uniform((uint64_t)k, 13);
    const flow_batch batch = {
        .n = N, .rows = rows, .stride = D, .share = 0.25, .mode = FLOW_TRAINING, .noise = training};
    for (int k = 0; k < 2; k++) {
        start(&s[k], k == 0 ? "\"hidden\": [6, 5], \"solver\": \"rk4\", \"trace\": \"hutchinson\""
                                    : "\"hidden\": [6, 5], \"solver\": \"rk4\", \"trace\": \"hutchinson\", "
                                      "\"kinetic_energy\": 0.5, \"jacobian_norm\": 0.2", D);
        gradient[k] = flow_alloc_aligned(s[k].f->params.n_weights, sizeof **gradient);
        flow_step_gradient(subject_step(&s[k], "\"mle\"", NULL, N, 1), s[k].weights, &batch, gradient[k]);
    }
    s[1].ws->mode = FLOW_TRAINING;
    s[1].ws->noise = training;
    for (size_t w = 0; w < s[1].f->params.n_weights; w += 3) {
        double total[2] = {0, 0}, h = 1e-6;
        real old = s[1].weights[w];
        const real *z;
        for (int side = 0; side < 2; side++) {
            s[1].weights[w] = old + (real)(side == 0 ? h : -h);
            flow_tile_load_padded(s[1].f, s[1].ws, rows, D, N, N);
            flow_tile_to_latent(s[1].f, s[1].weights, s[1].ws, N, &z);
            for (int j = 0; j < N; j++)
                total[side] += 0.25 * s[1].ws->penalty[j];
        }
        s[1].weights[w] = old;
        ASSERT_NEAR(gradient[1][w] - gradient[0][w], (total[0] - total[1]) / (2 * h), 1e-6);
    }
    for (int k = 0; k < 2; k++) {
        flow_free_aligned(gradient[k]);
        subject_close(&s[k]);
    }
}

/* Training with Hutchinson's trace, evaluated: exact to the bit where that is affordable. */
static void evaluations_are_exact(void **state)
{
    (void)state;
    enum { D = 4 };
    static const char *const nets[] = {"[9, 8]", "[9, 8, 7]"};
    for (int k = 0; k < 2; k++) {
        double logp[2][N], noisy[2][N];
        for (int run = 0; run < 2; run++) {
            char text[200];
            subject s;
            snprintf(text, sizeof text, "\"hidden\": %s%s", nets[k],
                     run == 0 ? "" : ", \"trace\": {\"type\": \"hutchinson\", \"probe\": \"gaussian\"}");
            start(&s, text, D);
            assert_false(flow_estimates(s.f));
            for (int step = 0; step < 3; step++) {
                for (int i = 0; i < D * N; i++)
                    s.ws->x[i] = uniform((uint64_t)i, 14);
                s.ws->mode = step == 0 ? FLOW_EVALUATION : FLOW_TRAINING;
                s.ws->noise = step == 0 ? (flow_noise){0} : training;
                s.ws->noise.first_row += (uint64_t)step << 20;
                flow_tile_logp(s.f, s.weights, s.ws, N, step == 0 ? logp[run] : noisy[step - 1], NULL);
                for (int j = 0; j < N; j++)
                    ASSERT_EQ(s.ws->variance[j], 0);
            }
            subject_close(&s);
            for (int j = 0; j < N; j++) {
                assert_true(run == 0 ? noisy[0][j] == logp[0][j] : noisy[0][j] != logp[1][j]);
                assert_true(run == 0 || noisy[0][j] != noisy[1][j]);
            }
        }
        for (int j = 0; j < N; j++)
            ASSERT_NEAR(logp[0][j], logp[1][j], 0);
    }
}

/* Where it is not: log p is off by what its variance says, and does not depend on the rows around. `slack` is what the
 * mean of the squares of errors in units of their deviations may be off `wanted`. */
static void check_errors(const char *before, bool counts, double wanted, double slack)
{
    enum { D = 4, ROWS = 1000 };
    double *rows = malloc(ROWS * D * sizeof *rows), exact[ROWS], estimated[ROWS], variance[ROWS], sum = 0;
    for (int k = 0; k < ROWS * D; k++)
        rows[k] = counts && k % D == 0 ? rint(3 * uniform((uint64_t)k, 15)) : uniform((uint64_t)k, 15);
    for (int run = 0; run < 2; run++) {
        subject s;
        flow_runner *runner;
        start_behind(&s, before,
                             run == 0 ? "\"repeat\": 2, \"hidden\": [9, 8, 7]"
                                      : "\"repeat\": 2, \"hidden\": [9, 8, 7], \"trace\": {\"type\": \"hutchinson\", "
                                        "\"exact_up_to\": 3}", D);
        ASSERT_EQ(flow_estimates(s.f), (run == 1));
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
        flow_rows_logp_variance(runner, rows, ROWS, run == 0 ? exact : estimated, variance);
        for (int r = 0; r < ROWS; r++)
            assert_true(run == 0 ? variance[r] == 0 : variance[r] > 0);
        for (int r = 0; run == 1 && r < ROWS; r += 97) {
            double alone, own;
            flow_rows_logp_variance(runner, rows + r * D, 1, &alone, &own);
            ASSERT_EQ(alone, estimated[r]);
            ASSERT_EQ(own, variance[r]);
        }
        flow_runner_free(runner);
        subject_close(&s);
    }
    for (int r = 0; r < ROWS; r++)
        sum += pow(estimated[r] - exact[r], 2) / variance[r];
    ASSERT_NEAR(sum / ROWS, wanted, slack);
    free(rows);
}

static void estimates_with_errors(void **state)
{
    (void)state;
    /* The variance is that of 16 probes, or of 16 densities: squares of Student's t with some 15 degrees, whose mean is
     * 15 / 13 and whose deviation about 1.8. */
    const double mean = 15. / 13, slack = 4 * 1.8 / sqrt(1000);
    check_errors("", false, mean, slack);
    check_errors("{\"type\": \"support\", \"columns\": {\"#1\": {\"discrete\": true}}}, ", true, mean, slack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integrands),
        cmocka_unit_test(end_times),
        cmocka_unit_test(gradients_at_x_alone),
        cmocka_unit_test(estimates_are_unbiased),
        cmocka_unit_test(probes),
        cmocka_unit_test(penalties_of_paths),
        cmocka_unit_test(penalty_in_the_loss),
        cmocka_unit_test(evaluations_are_exact),
        cmocka_unit_test(estimates_with_errors),
    };
    return cmocka_run_group_tests_name("fields of continuous flows", tests, NULL, NULL);
}
