/* Fitting a flow to a density: the gradient through sampling, a Gaussian that is found, reproducible and resumable
 * runs, and densities that are not finite everywhere. The libraries come from test/densities. */
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
#include "harness.h"
#include "num/rng.h"
#include "train/draws.h"
#include "train/objective.h"
#include "train/step.h"
#include "train/trainer.h"
#include "values.h"

#define LIBRARY(name) "build/densities/test/" name ".so"
#define LOG_2PI 1.83787706640934548356

static const bool is_double = sizeof(real) == sizeof(double);

static flow_target *open_target(const char *path, int dim)
{
    flow_error err = {0};
    flow_target *target;
    if (flow_target_open(&target, path, dim, true, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return target;
}

/* ---- a flow, and maybe a trainer ---- */

static void make_flow(subject *s, const char *list, const char *train, int dim)
{
    subject_open(s, (subject_shape){.dim = dim, .seed = 1}, "{\"flow\": [%s], \"train\": %s}", list, train);
}

static flow_status make_trainer(subject *s, const char *list, const char *train, const flow_target *target,
                                int n_threads, flow_error *err)
{
    make_flow(s, list, train, target->dim);
    return subject_try_target(s, err, target, n_threads);
}

static subject start(const char *list, const char *train, const flow_target *target, int n_threads)
{
    subject s;
    make_flow(&s, list, train, target->dim);
    subject_start_target(&s, target, n_threads);
    return s;
}

#define OBJECTIVE(more) "\"objective\": {\"type\": \"reverse_kl\", \"density\": \"x\"" more "}"
static const char reverse_kl[] = "{\"type\": \"reverse_kl\", \"density\": \"x\"}";
static const char path_gradient[] = "{\"type\": \"reverse_kl\", \"density\": \"x\", \"path_gradient\": true}";
#define NET "\"hidden\": [7, 7], \"activation\": \"tanh\""

/* ---- the gradient ---- */

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(7, FLOW_STREAM_OTHER, row, column) - 1;
}

/* Weights and fitted values away from where they start, so that nothing hides behind a zero or a one. */
static real *set_values(flow *f)
{
    flow_error err;
    flow_span *spans;
    int n_spans;
    real *weights = flow_alloc_aligned(f->params.n_weights + 1, sizeof *weights);
    assert_int_equal(flow_init_weights(f, 3, weights, &err), FLOW_OK);
    assert_int_equal(flow_params_spans(&f->params, &spans, &n_spans, 1000, &err), FLOW_OK);
    for (int r = 0; r < n_spans; r++)
        for (size_t k = 0; k < spans[r].length; k++)
            weights[spans[r].offset + k] = (real)(0.5 * uniform(spans[r].offset + k, 1));
    free(spans);
    for (int e = 0; e < f->params.n_entries; e++) {
        const flow_param *entry = &f->params.entries[e];
        bool mean = strstr(entry->name, "/mean") != NULL;
        bool moves = strstr(entry->name, "standardize/") != NULL || strstr(entry->name, "batchnorm/") != NULL;
        for (int k = 0; !entry->trainable && moves && k < entry->rows * entry->cols; k++)
            f->params.fitted[entry->offset + (size_t)k] = (mean ? 0 : 1.3) + 0.8 * uniform((uint64_t)(k + 17 * e), 2);
    }
    return weights;
}

/* Two tiles, the second with padding; central differences of the mean score at every few weights. */
static void check_gradient(const char *flow_list, const flow_target *target)
{
    enum { ROWS = FLOW_TILE + 5, MOST = 200 };
    const double h = 1e-6;
    subject b;
    flow_error err;
    make_flow(&b, flow_list, "{}", target->dim);
    real *weights = set_values(b.f), *gradient = flow_alloc_aligned(b.f->params.n_weights + 1, sizeof *gradient);
    real *ignored = flow_alloc_aligned(b.f->params.n_weights + 1, sizeof *ignored);
    flow_step *step = subject_step(&b, reverse_kl, target, ROWS, 2);
    const flow_batch batch = {.n = ROWS, .seed = 5, .first_row = 1000, .share = 1. / ROWS};
    assert_true(isfinite(flow_step_gradient(step, weights, &batch, gradient)));
    flow_span *spans;
    int n_spans;
    size_t every = flow_params_count(&b.f->params) / MOST + 1, seen = 0;
    double largest = 0;
    assert_int_equal(flow_params_spans(&b.f->params, &spans, &n_spans, 1000, &err), FLOW_OK);
    for (int r = 0; r < n_spans; r++) {
        for (size_t k = spans[r].offset; k < spans[r].offset + spans[r].length; k++) {
            if (seen++ % every != 0)
                continue;
            real old = weights[k];
            double score[2];
            for (int side = 0; side < 2; side++) {
                weights[k] = old + (real)(side == 0 ? h : -h);
                score[side] = flow_step_gradient(step, weights, &batch, ignored) / ROWS;
            }
            weights[k] = old;
            double wanted = -(score[0] - score[1]) / (2 * h);
            largest = fmax(largest, fabs(wanted));
            if (!(fabs((double)gradient[k] - wanted) <= 1e-6 * (1 + fabs(wanted))))
                fail_msg("%s: weight %zu: %.12g is not %.12g", flow_list, k, (double)gradient[k], wanted);
        }
    }
    ASSERT_GT(largest, 0.01);
    free(spans);
    flow_free_aligned(weights);
    flow_free_aligned(gradient);
    flow_free_aligned(ignored);
    subject_close(&b);
}

static const char *const flows[] = {
    "{\"type\": \"iaf\", \"repeat\": 2, " NET "}",
    "{\"type\": \"maf\", \"repeat\": 2, " NET "}",
    "{\"type\": \"coupling\", \"repeat\": 2, " NET "}",
    "\"standardize\", \"standardize\", {\"type\": \"maf\", \"repeat\": 1, " NET "}",
    "\"standardize\", {\"type\": \"glow\", \"repeat\": 2, " NET "}",
    "{\"type\": \"nsf_ar\", \"repeat\": 1, " NET "}, {\"type\": \"iaf\", \"repeat\": 1, " NET "}",
    "\"standardize\", \"actnorm\"",
    "{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"batchnorm\", {\"type\": \"coupling\", " NET "}]}",
};
enum { N_FLOWS = sizeof flows / sizeof *flows };

static void test_gradients(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    flow_target *target = open_target(LIBRARY("gaussian"), 4);
    for (size_t k = 0; k < N_FLOWS; k++)
        check_gradient(flows[k], target);
    flow_target_close(target);
}

/* The sum of the penalties of the rows that `batch` draws, which blocks put on themselves, times its share. */
static double penalty_of(const flow *f, const real *weights, flow_workspace *ws, const flow_batch *batch)
{
    double sum = 0;
    ws->mode = batch->mode;
    ws->noise = batch->noise;
    flow_tile_draw(f, weights, ws, FLOW_TILE, batch->seed, batch->first_row, 1);
    flow_tile_to_data(f, weights, ws, FLOW_TILE);
    for (int j = 0; j < (int)batch->n; j++)
        sum += batch->share * ws->penalty[j];
    return sum;
}

/* What penalties add to the gradient, by central differences; padding has none. */
static void test_penalties(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    enum { ROWS = FLOW_TILE - 5 };
#define FFJORD "{\"type\": \"ffjord\", \"hidden\": [6, 5], \"solver\": \"rk4\""
    static const char *const lists[] = {FFJORD "}", FFJORD ", \"kinetic_energy\": 0.5, \"jacobian_norm\": 0.2}"};
    const double h = 1e-6;
    const flow_batch batch = {.n = ROWS, .seed = 5, .first_row = 1000, .share = 1. / ROWS, .mode = FLOW_TRAINING,
                              .noise = {.kind = FLOW_NOISE_OF_PLACE, .seed = 3}};
    flow_target *target = open_target(LIBRARY("gaussian"), 4);
    flow_error err;
    subject b[2];
    real *weights = NULL, *gradients[2];
    for (int k = 0; k < 2; k++) {
        make_flow(&b[k], lists[k], "{}", 4);
        flow_free_aligned(weights);
        weights = set_values(b[k].f);
        gradients[k] = flow_alloc_aligned(b[k].f->params.n_weights, sizeof **gradients);
        flow_step_gradient(subject_step(&b[k], reverse_kl, target, ROWS, 1), weights, &batch, gradients[k]);
    }
    flow_workspace *ws;
    assert_int_equal(flow_workspace_new(&ws, b[1].f, FLOW_TILE, false, &err), FLOW_OK);
    for (size_t k = 0; k < b[1].f->params.n_weights; k += 3) {
        double penalty[2];
        real old = weights[k];
        for (int side = 0; side < 2; side++) {
            weights[k] = old + (real)(side == 0 ? h : -h);
            penalty[side] = penalty_of(b[1].f, weights, ws, &batch);
        }
        weights[k] = old;
        double wanted = (penalty[0] - penalty[1]) / (2 * h), found = (double)(gradients[1][k] - gradients[0][k]);
        if (!(fabs(found - wanted) <= 1e-6))
            fail_msg("weight %zu: %.12g is not %.12g", k, found, wanted);
    }
    flow_workspace_free(ws);
    flow_free_aligned(weights);
    for (int k = 0; k < 2; k++) {
        flow_free_aligned(gradients[k]);
        subject_close(&b[k]);
    }
    flow_target_close(target);
}

/* The whole gradient is the one along the path of the draws, less that of the log-likelihood of the draws as data. */
static void check_path_gradient(const char *flow_list, const flow_target *target)
{
    enum { ROWS = FLOW_TILE + 5, MOST_DIM = 4 };
    subject b;
    flow_error err;
    int d = target->dim;
    make_flow(&b, flow_list, "{}", d);
    size_t n = b.f->params.n_weights;
    real *weights = set_values(b.f), *gradients[3];
    double rows[ROWS * MOST_DIM], scores[3];
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, b.f, weights, 1, &err), FLOW_OK);
    flow_rows_sample(runner, 5, 0, ROWS, 1, NULL, rows, NULL, NULL);
    const char *const objectives[3] = {path_gradient, reverse_kl, "\"mle\""};
    for (int k = 0; k < 3; k++) {
        const flow_batch batch = {.n = ROWS, .rows = k == 2 ? rows : NULL, .stride = (size_t)d, .seed = 5,
                                  .share = 1. / ROWS};
        gradients[k] = flow_alloc_aligned(n + 1, sizeof **gradients);
        flow_step *step = subject_step(&b, objectives[k], k == 2 ? NULL : target, ROWS, 2);
        scores[k] = flow_step_gradient(step, weights, &batch, gradients[k]);
    }
    ASSERT_EQ(scores[0], scores[1]);
    const double tolerance = is_double ? 1e-8 : 1e-3;
    double largest = 0;
    for (size_t k = 0; k < n; k++) {
        double wanted = (double)gradients[1][k] + (double)gradients[2][k];
        largest = fmax(largest, fabs((double)gradients[2][k]));
        if (!(fabs((double)gradients[0][k] - wanted) <= tolerance * (1 + fabs(wanted))))
            fail_msg("%s: weight %zu: %.12g is not %.12g", flow_list, k, (double)gradients[0][k], wanted);
    }
    ASSERT_GT(largest, 0.01);
    for (int k = 0; k < 3; k++)
        flow_free_aligned(gradients[k]);
    flow_runner_free(runner);
    flow_free_aligned(weights);
    subject_close(&b);
}

static void test_path_gradients(void **state)
{
    (void)state;
    flow_target *target = open_target(LIBRARY("gaussian"), 4);
    for (size_t k = 0; k < N_FLOWS; k++)
        check_path_gradient(flows[k], target);
    flow_target_close(target);

    /* where q is the density already, there is nothing left of it, draw by draw */
    subject b;
    flow_error err;
    target = open_target(LIBRARY("normal"), 2);
    make_flow(&b, "{\"type\": \"iaf\", \"repeat\": 2, " NET "}", "{}", 2);
    size_t n = b.f->params.n_weights;
    real *weights = flow_alloc_aligned(n + 1, sizeof *weights), *gradient = flow_alloc_aligned(n + 1, sizeof *weights);
    assert_int_equal(flow_init_weights(b.f, 3, weights, &err), FLOW_OK); /* the identity */
    const flow_batch batch = {.n = 16, .seed = 5, .share = 1. / 16};
    flow_step_gradient(subject_step(&b, path_gradient, target, 16, 1), weights, &batch, gradient);
    for (size_t k = 0; k < n; k++)
        ASSERT_LT(fabs((double)gradient[k]), (is_double ? 1e-14 : 1e-6));
    flow_free_aligned(weights);
    flow_free_aligned(gradient);
    flow_target_close(target);
    subject_close(&b);
}

/* ---- draws and what they are worth ---- */

/* The identity draws from N(0, 1); the target is N(m, s^2) in one dimension, where everything is known. */
static void test_estimates(void **state)
{
    (void)state;
    enum { N = 20000 };
    subject b;
    flow_error err;
    flow_target *target = open_target(LIBRARY("gaussian"), 1); /* m = -0.7, s = 0.5 */
    make_flow(&b, "{\"type\": \"actnorm\", \"fit\": false}", "{}", 1);
    real *weights = flow_alloc_aligned(b.f->params.n_weights + 1, sizeof *weights);
    assert_int_equal(flow_init_weights(b.f, 1, weights, &err), FLOW_OK);
    flow_draws *draws;
    flow_estimate e, again;
    assert_int_equal(flow_draws_new(&draws, b.f, weights, target, NULL, 3, &err), FLOW_OK);
    assert_int_equal(flow_draws_estimate(&e, draws, 9, N, &err), FLOW_OK);
    double m = -0.7, s = 0.5, log_z = log(s) + 0.5 * LOG_2PI;
    double bound = -(1 + m * m) / (2 * s * s) + 0.5 * LOG_2PI + 0.5;
    assert_int_equal(e.draws, N);
    assert_int_equal(e.not_finite, 0);
    ASSERT_LT(fabs(e.bound - bound), 4 * e.bound_error);
    ASSERT_LT(e.bound_error, 0.05);
    ASSERT_LT(fabs(e.log_z - log_z), 4 * e.log_z_error);
    ASSERT_LT(e.log_z_error, 0.05);
    /* E[w^2] / E[w]^2 for w = N(x; m, s^2) / N(x; 0, 1) */
    double v = s * s, second = 1 / (s * sqrt(2 - v)) * exp(m * m / (2 - v));
    ASSERT_LT(fabs(e.effective / N * second - 1), 0.05);
    ASSERT_LT(e.pareto_k, 0.5); /* the target's tails are lighter */

    /* the same from its parts: weights of draws, which do not depend on how they are cut */
    double *parts = malloc(N * sizeof *parts), sum = 0;
    flow_draws_log_weights(draws, 9, FLOW_DRAWS_TEST, 1000, parts);
    flow_draws_log_weights(draws, 9, FLOW_DRAWS_TEST + 1000, N - 1000, parts + 1000);
    for (int i = 0; i < N; i++)
        sum += parts[i];
    ASSERT_LT(fabs(sum / N - e.bound), 1e-9);
    flow_draws_free(draws);
    assert_int_equal(flow_draws_new(&draws, b.f, weights, target, NULL, 1, &err), FLOW_OK);
    assert_int_equal(flow_draws_estimate(&again, draws, 9, N, &err), FLOW_OK);
    assert_memory_equal(&e, &again, sizeof e);
    free(parts);
    flow_draws_free(draws);
    flow_target_close(target);

    /* where the density is not finite there is no estimate, and it is said how often */
    target = open_target(LIBRARY("hole"), 1);
    assert_int_equal(flow_draws_new(&draws, b.f, weights, target, NULL, 2, &err), FLOW_OK);
    assert_int_equal(flow_draws_estimate(&e, draws, 9, N, &err), FLOW_OK);
    ASSERT_GT(e.not_finite, 0);
    ASSERT_LT(e.not_finite, 40); /* P(x > 3.2) = 0.0007 */
    assert_true(isnan(e.bound) && isnan(e.log_z) && isnan(e.effective));
    flow_draws_free(draws);
    flow_free_aligned(weights);
    flow_target_close(target);
    subject_close(&b);
}

/* log q of a draw by the sampling direction is the model's log-density by the density direction. */
static void test_weights_are_those_of_the_model(void **state)
{
    (void)state;
    enum { N = 300, D = 3 };
    subject b;
    flow_error err;
    flow_target *target = open_target(LIBRARY("gaussian"), D);
    make_flow(&b, "\"standardize\", {\"type\": \"iaf\", \"repeat\": 2, " NET "}", "{}", D);
    real *weights = set_values(b.f);
    flow_draws *draws;
    flow_runner *runner;
    double log_weights[N], x[N * D], logp[N];
    assert_int_equal(flow_draws_new(&draws, b.f, weights, target, NULL, 1, &err), FLOW_OK);
    assert_int_equal(flow_runner_new(&runner, b.f, weights, 1, &err), FLOW_OK);
    flow_draws_log_weights(draws, 4, 0, N, log_weights);
    flow_rows_sample(runner, 4, 0, N, 1, NULL, x, logp, NULL);
    for (int i = 0; i < N; i++) {
        double wanted = flow_target_log(target, x + i * D, NULL) - logp[i];
        ASSERT_LT(fabs(log_weights[i] - wanted), (is_double ? 1e-9 : 1e-3) * (1 + fabs(wanted)));
    }
    flow_draws_free(draws);
    flow_runner_free(runner);
    flow_free_aligned(weights);
    flow_target_close(target);
    subject_close(&b);
}

/* ---- training ---- */

/* A correlated Gaussian is within reach of one affine map: the bound comes to log Z, and the weights to one. */
static void test_finds_a_gaussian(void **state)
{
    (void)state;
    enum { D = 3 };
    flow_error err = {0};
    flow_target *target = open_target(LIBRARY("gaussian"), D);
    subject b = start("\"actnorm\", {\"type\": \"iaf\", \"repeat\": 1, \"hidden\": []}",
                    "{" OBJECTIVE(", \"steps\": 50, \"validation\": 2000")
                    ", \"batch\": 256, \"epochs\": 40, \"optimizer\": {\"rate\": 0.02}, \"ema\": 0.99}", target, 2);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 0);
    double log_z = 0.5 * D * LOG_2PI + log(0.5) + log(0.8) + log(1.1);
    flow_draws *draws;
    flow_estimate e;
    assert_int_equal(flow_draws_new(&draws, b.f, flow_trainer_best(b.trainer), target, NULL, 2, &err), FLOW_OK);
    assert_int_equal(flow_draws_estimate(&e, draws, 1, 20000, &err), FLOW_OK);
    ASSERT_LT(fabs(e.bound - log_z), 1e-3);
    ASSERT_LT(fabs(e.log_z - log_z), 1e-3);
    ASSERT_GT(e.effective, 0.999 * 20000);
    /* the history has the bound on draws of its own, and the best weights are those of its best epoch */
    int64_t n, best = flow_trainer_best_epoch(b.trainer);
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    ASSERT_LT(fabs(history[best - 1].validation - log_z), 2e-3);
    ASSERT_LT(history[0].validation, history[best - 1].validation);
    flow_draws_free(draws);
    subject_close(&b);
    flow_target_close(target);
}

static const char *const some_flow = "{\"type\": \"iaf\", \"repeat\": 2, \"hidden\": [20]}";
static const char *const all_features =
    "{" OBJECTIVE(", \"steps\": 7, \"validation\": 300") ", \"epochs\": 4, \"batch\": 200, \"ema\": 0.9, \"clip\": 1,"
    " \"optimizer\": \"adamw\", \"schedule\": {\"type\": \"plateau\", \"patience\": 1, \"warmup\": 7}}";

static void test_same_for_any_threads(void **state)
{
    (void)state;
    flow_error err;
    flow_target *target = open_target(LIBRARY("gaussian"), 3);
    subject one = start(some_flow, all_features, target, 1), three = start(some_flow, all_features, target, 3);
    assert_int_equal(subject_try_run(&one, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&three, &err), FLOW_OK);
    assert_int_equal(one.steps, 28);
    subject_expect_same(&one, &three);
    subject_close(&one);
    subject_close(&three);
    flow_target_close(target);
}

/* Stopped after every few steps, in the middle of epochs and at their ends, and taken up by a new trainer each time. */
static void test_resumes_bit_for_bit(void **state)
{
    (void)state;
    flow_error err;
    flow_target *target = open_target(LIBRARY("gaussian"), 3);
    subject whole = start(some_flow, all_features, target, 2);
    assert_int_equal(subject_try_run(&whole, &err), FLOW_OK);
    static const int64_t stretches[] = {1, 4, 2, 7, 3, 8, 100};
    subject part = start(some_flow, all_features, target, 1);
    for (size_t k = 0; k < sizeof stretches / sizeof *stretches; k++) {
        part.stop_after = stretches[k];
        flow_status status = subject_try_run(&part, &err);
        if (status == FLOW_OK)
            break;
        assert_int_equal(status, FLOW_INTERRUPTED);
        subject next;
        assert_int_equal(make_trainer(&next, some_flow, all_features, target, 1 + (int)(k % 2), &err), FLOW_OK);
        subject_copy_state(&next, &part);
        assert_int_equal(flow_trainer_restored(next.trainer, &err), FLOW_OK);
        subject_close(&part);
        part = next;
    }
    subject_expect_same(&whole, &part);
    subject_close(&whole);
    subject_close(&part);
    flow_target_close(target);
}

/* ---- what cannot be used ---- */

/* Draws are no data: what blocks take from data stays as it was at first, also where the gradient takes the draws back
 * to the latent end. */
static void test_nothing_to_observe(void **state)
{
    (void)state;
    flow_error err;
    flow_target *target = open_target(LIBRARY("gaussian"), 3);
    static const char *const trains[] = {
        "{" OBJECTIVE(", \"steps\": 7, \"validation\": 300") ", \"epochs\": 3, \"batch\": 200, \"ema\": 0.9}",
        "{" OBJECTIVE(", \"steps\": 7, \"validation\": 300, \"path_gradient\": true")
        ", \"epochs\": 3, \"batch\": 200, \"ema\": 0.9}",
    };
    static const char list[] = "{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"batchnorm\", "
                               "{\"type\": \"coupling\", " NET "}]}";
    for (int k = 0; k < 2; k++) {
        subject b = start(list, trains[k], target, 2);
        assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
        assert_int_equal(b.steps, 21);
        const flow_array *arrays;
        int n, n_found = 0;
        flow_trainer_state(b.trainer, &arrays, &n);
        for (int a = 0; a < n; a++) {
            if (strstr(arrays[a].name, "fitted") == NULL)
                continue;
            const double *fitted = arrays[a].data;
            n_found++;
            assert_int_equal(arrays[a].rows, 12); /* two means and variances, one after the other */
            for (int i = 0; i < 12; i++)
                ASSERT_EQ(fitted[i], (i / 3 % 2 == 0 ? 0 : 1));
        }
        assert_int_equal(n_found, 3);
        ASSERT_GT(flow_trainer_best_epoch(b.trainer), 0);
        subject_close(&b);
    }
    flow_target_close(target);
}

static void test_not_finite(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_target *target = open_target(LIBRARY("hole"), 2);
    subject b = start(
        some_flow, "{" OBJECTIVE(", \"steps\": 40, \"validation\": 100") ", \"epochs\": 1, \"batch\": 100}", target, 2);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    ASSERT_GT(b.warnings, 0); /* 4,000 draws, of which 3 in a thousand are in a corner */
    assert_non_null(strstr(b.warning, LIBRARY("hole")));
    assert_non_null(strstr(b.warning, " draw "));
    assert_non_null(strstr(b.warning, "of log_density at x = ("));
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    ASSERT_GT(history->dropped, 0);
    assert_true(isfinite(history->training));
    subject_close(&b);

    /* hardly a step without one: it stops, with the best weights as they were */
    b = start(some_flow, "{" OBJECTIVE(", \"steps\": 40") ", \"epochs\": 1, \"batch\": 20000}", target, 2);
    assert_int_equal(subject_try_run(&b, &err), FLOW_NUMERIC);
    assert_int_equal(b.warnings, 10);
    assert_non_null(strstr(err.message, "look at that draw"));
    for (size_t k = 0; k < b.f->params.n_weights; k++)
        assert_true(isfinite(flow_trainer_best(b.trainer)[k]));
    subject_close(&b);
    flow_target_close(target);
}

static void expect_refusal(const char *flow_list, const char *train, const flow_target *target, int dim,
                           const char *says)
{
    subject b;
    flow_error err = {0};
    make_flow(&b, flow_list, train, dim);
    ASSERT_NE(subject_try_target(&b, &err, target, 1), FLOW_OK);
    assert_null(b.trainer);
    if (strstr(err.message, says) == NULL)
        fail_msg("\"%s\" is not in: %s", says, err.message);
    subject_close(&b);
}

static void test_refusals(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_target *target = open_target(LIBRARY("gaussian"), 3), *other = open_target(LIBRARY("twisted"), 3);
    expect_refusal("\"maf\", \"iaf\"", "{" OBJECTIVE("") "}", target, 2, "in 3 dimensions, the flow has 2");
    expect_refusal("\"standardize\", \"iaf\"", "{" OBJECTIVE("") "}", target, 3, "flow[0]: \"standardize\"");
    expect_refusal("\"iaf\"", "{\"objective\": \"mle\"}", target, 3, "on data");

    /* another density under the name of the first */
    subject b = start(some_flow, all_features, target, 1), changed;
    b.stop_after = 3;
    assert_int_equal(subject_try_run(&b, &err), FLOW_INTERRUPTED);
    assert_int_equal(make_trainer(&changed, some_flow, all_features, other, 1, &err), FLOW_OK);
    subject_copy_state(&changed, &b);
    assert_int_equal(flow_trainer_restored(changed.trainer, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, LIBRARY("twisted")));
    subject_close(&b);
    subject_close(&changed);
    flow_target_close(target);
    flow_target_close(other);
}

/* A word, an object without "type", and what they become. */
static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *train, *says; /* NULL: it is right */
    } cases[] = {
        {"{}", NULL},
        {"{\"objective\": \"mle\"}", NULL},
        {"{\"objective\": {\"type\": \"mle\"}}", NULL},
        {"{\"objective\": {}}", NULL},
        {"{" OBJECTIVE(", \"dimensions\": 3, \"parallel\": false, \"test\": 10") "}", NULL},
        {"{\"objective\": \"reverse_kl\"}", "\"density\""},
        {"{\"objective\": \"reverse_k\"}", "did you mean \"reverse_kl\""},
        {"{\"objective\": {\"type\": \"mle\", \"density\": \"x\"}}", "density"},
        {"{\"objective\": 3}", "train.objective"},
        {"{" OBJECTIVE(", \"dimensions\": 0") "}", "train.objective.dimensions"},
        {"{" OBJECTIVE(", \"steps\": 0.5") "}", "train.objective.steps"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        subject s;
        flow_error err = {0};
        flow_status status = subject_try(&s, &err, (subject_shape){.dim = 1}, "{\"train\": %s}", cases[k].train);
        assert_int_equal(status, cases[k].says == NULL ? FLOW_OK : FLOW_SPEC);
        if (cases[k].says != NULL && strstr(err.message, cases[k].says) == NULL)
            fail_msg("\"%s\" is not in: %s", cases[k].says, err.message);
        if (cases[k].says == NULL) {
            flow_json root = flow_json_root(s.document), train = flow_json_member(&root, "train");
            flow_json objective = flow_json_member(&train, "objective");
            assert_non_null(cJSON_GetObjectItem(objective.node, "type"));
        }
        subject_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_path_gradients),
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_weights_are_those_of_the_model),
        cmocka_unit_test(test_finds_a_gaussian),
        cmocka_unit_test(test_same_for_any_threads),
        cmocka_unit_test(test_resumes_bit_for_bit),
        cmocka_unit_test(test_nothing_to_observe),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
