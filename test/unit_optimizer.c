/* The optimizers against their papers' formulas written out for one weight, and the plumbing around them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "harness.h"
#include "num/rng.h"
#include "values.h"

static const double tolerance = sizeof(real) == sizeof(double) ? 1e-12 : 2e-5;

/* Two matrices, one of them masked, with a bias each: rows that are no multiple of a vector, gaps short and long. */
typedef struct fixture {
    flow_params params;
    cJSON *json;
    flow_optimizer *optimizer;
    bool *live, *matrix; /* (n_weights) */
    real *weights, *gradient, *average;
} fixture;

static void open_fixture(fixture *f, const char *text)
{
    enum { ROWS = 70, COLS = 150 };
    memset(f, 0, sizeof *f);
    int extent[ROWS];
    for (int r = 0; r < ROWS; r++)
        extent[r] = r % 10 == 0 ? 0 : (r * 37) % (COLS + 1);
    size_t at;
    flow_error err;
    assert_int_equal(flow_params_add_fitted(&f->params, &at, "fitted", 3, 5, &err), FLOW_OK);
    const flow_init init = FLOW_INIT_FAN_IN;
    assert_int_equal(flow_params_add_weights(&f->params, &at, "a/weight", 33, 17, init, 17, NULL, &err), FLOW_OK);
    assert_int_equal(flow_params_add_weights(&f->params, &at, "a/bias", 33, 1, init, 17, NULL, &err), FLOW_OK);
    assert_int_equal(flow_params_add_weights(&f->params, &at, "b/weight", ROWS, COLS, init, COLS, extent, &err), 0);
    assert_int_equal(flow_params_add_weights(&f->params, &at, "b/bias", ROWS, 1, init, COLS, NULL, &err), FLOW_OK);
    size_t n = f->params.n_weights;
    f->live = calloc(n, sizeof *f->live);
    f->matrix = calloc(n, sizeof *f->matrix);
    f->weights = flow_alloc_aligned(n, sizeof(real));
    f->gradient = flow_alloc_aligned(n, sizeof(real));
    f->average = flow_alloc_aligned(n, sizeof(real));
    for (int e = 0; e < f->params.n_entries; e++) {
        const flow_param *entry = &f->params.entries[e];
        for (int r = 0; entry->trainable && r < entry->rows; r++) {
            for (int c = 0; c < (entry->extent != NULL ? entry->extent[r] : entry->cols); c++) {
                size_t k = entry->offset + (size_t)r * (size_t)entry->cols + (size_t)c;
                f->live[k] = true;
                f->matrix[k] = entry->cols > 1;
            }
        }
    }
    flow_params_init(&f->params, 7, f->weights);
    memcpy(f->average, f->weights, n * sizeof(real));
    assert_int_equal(optimizer_try(&f->optimizer, &f->json, text, &f->params, &err), FLOW_OK);
}

static void close_fixture(fixture *f)
{
    flow_optimizer_free(f->optimizer);
    flow_params_release(&f->params);
    cJSON_Delete(f->json);
    free(f->live);
    free(f->matrix);
    flow_free_aligned(f->weights);
    flow_free_aligned(f->gradient);
    flow_free_aligned(f->average);
}

static void draw_gradient(fixture *f, int step)
{
    for (size_t k = 0; k < f->params.n_weights; k++)
        f->gradient[k] = f->live[k] ? (real)(2 * flow_rng_uniform(3, FLOW_STREAM_OTHER, k, (uint32_t)step) - 1) : 0;
}

typedef struct scalar {
    double w, m, v, average;
} scalar;

typedef void scalar_optimizer(scalar *s, double g, int t, double rate, double beta1, double beta2, double epsilon,
                              double decay);

/* Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2. */
static void scalar_step(scalar *s, double g, int t, double rate, double beta1, double beta2, double epsilon,
                        double decay)
{
    s->m = beta1 * s->m + (1 - beta1) * g;
    s->v = beta2 * s->v + (1 - beta2) * g * g;
    double m_hat = s->m / (1 - pow(beta1, t)), v_hat = s->v / (1 - pow(beta2, t));
    s->w = s->w - rate * decay * s->w - rate * m_hat / (sqrt(v_hat) + epsilon);
}

/* Kingma and Ba 2015, algorithm 2; v is their u. */
static void scalar_step_infinity(scalar *s, double g, int t, double rate, double beta1, double beta2, double epsilon,
                                 double decay)
{
    (void)decay;
    s->m = beta1 * s->m + (1 - beta1) * g;
    s->v = fmax(beta2 * s->v, fabs(g));
    s->w = s->w - rate / (1 - pow(beta1, t)) * s->m / (s->v + epsilon);
}

static void follows_the_formulas(const char *json, scalar_optimizer *step, double beta1, double beta2, double epsilon,
                                 double decay)
{
    fixture f;
    open_fixture(&f, json);
    size_t n = f.params.n_weights;
    scalar *expected = calloc(n, sizeof *expected);
    for (size_t k = 0; k < n; k++)
        expected[k] = (scalar){.w = (double)f.weights[k], .average = (double)f.weights[k]};
    for (int t = 1; t <= 40; t++) {
        double rate = 0.01 / t, scale = t % 3 == 0 ? 0.25 : 1, keep = t == 1 ? 0.2 : 0.9;
        draw_gradient(&f, t);
        for (size_t k = 0; k < n; k++) {
            if (!f.live[k])
                continue;
            step(&expected[k], scale * (double)f.gradient[k], t, rate, beta1, beta2, epsilon, f.matrix[k] ? decay : 0);
            expected[k].average = keep * expected[k].average + (1 - keep) * expected[k].w;
        }
        flow_optimizer_step(f.optimizer, rate, scale, f.gradient, f.weights, f.average, keep, 1 + t % 2);
    }
    assert_int_equal(flow_optimizer_steps(f.optimizer), 40);
    for (size_t k = 0; k < n; k++) {
        if (!f.live[k])
            assert_true(f.weights[k] == 0 && f.average[k] == 0);
        ASSERT_LT(fabs((double)f.weights[k] - expected[k].w), tolerance);
        ASSERT_LT(fabs((double)f.average[k] - expected[k].average), tolerance);
    }
    free(expected);
    close_fixture(&f);
}

static void test_adam(void **state)
{
    (void)state;
    follows_the_formulas("{}", scalar_step, 0.9, 0.999, 1e-8, 0);
    follows_the_formulas("{\"type\": \"adam\", \"beta1\": 0.5, \"beta2\": 0.9, \"epsilon\": 0.01}", scalar_step, 0.5,
                         0.9, 0.01, 0);
}

static void test_adamw(void **state)
{
    (void)state;
    follows_the_formulas("{\"type\": \"adamw\"}", scalar_step, 0.9, 0.999, 1e-8, 0.01);
    follows_the_formulas("{\"type\": \"adamw\", \"decay\": 0.5}", scalar_step, 0.9, 0.999, 1e-8, 0.5);
}

static void test_adamax(void **state)
{
    (void)state;
    follows_the_formulas("{\"type\": \"adamax\"}", scalar_step_infinity, 0.9, 0.999, 1e-8, 0);
    follows_the_formulas("{\"type\": \"adamax\", \"beta1\": 0.5, \"beta2\": 0.7, \"epsilon\": 0.01}",
                         scalar_step_infinity, 0.5, 0.7, 0.01, 0);
}

static void minimises_a_quadratic(const char *json)
{
    fixture f;
    open_fixture(&f, json);
    size_t n = f.params.n_weights;
    for (int t = 0; t < 3000; t++) {
        for (size_t k = 0; k < n; k++)
            f.gradient[k] = f.live[k] ? (real)(1 + (double)(k % 7)) * (f.weights[k] - (real)0.5) : 0;
        flow_optimizer_step(f.optimizer, 0.01 * (1 - t / 3000.0), 1, f.gradient, f.weights, NULL, 0, 2);
    }
    for (size_t k = 0; k < n; k++)
        ASSERT_LT(fabs((double)f.weights[k] - (f.live[k] ? 0.5 : 0)), 1e-3);
    close_fixture(&f);
}

static void test_minimises_a_quadratic(void **state)
{
    (void)state;
    minimises_a_quadratic("{\"type\": \"adam\"}");
    minimises_a_quadratic("{\"type\": \"adamax\"}");
}

static void test_norm(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "{}");
    size_t n = f.params.n_weights;
    draw_gradient(&f, 1);
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)f.gradient[k] * (double)f.gradient[k];
    double norm = flow_optimizer_norm(f.optimizer, f.gradient, 1);
    ASSERT_LT(fabs(norm - sqrt(sum)), 1e-10 * norm);
    for (int n_threads = 2; n_threads <= 5; n_threads++)
        ASSERT_EQ(flow_optimizer_norm(f.optimizer, f.gradient, n_threads), norm);

    size_t some = n - 1; /* the last live weight */
    while (!f.live[some])
        some--;
    f.gradient[some] = (real)NAN;
    assert_false(isfinite(flow_optimizer_norm(f.optimizer, f.gradient, 2)));
    f.gradient[some] = (real)-INFINITY;
    assert_false(isfinite(flow_optimizer_norm(f.optimizer, f.gradient, 2)));
    close_fixture(&f);
}

static void goes_on_elsewhere(const char *json)
{
    fixture a, b;
    open_fixture(&a, json);
    open_fixture(&b, json);
    size_t bytes = a.params.n_weights * sizeof(real);
    for (int t = 0; t < 10; t++) {
        if (t == 5) { /* b goes on in another optimizer */
            flow_array from[FLOW_OPTIMIZER_ARRAYS], to[FLOW_OPTIMIZER_ARRAYS];
            flow_optimizer *other;
            cJSON *resolved;
            assert_int_equal(optimizer_try(&other, &resolved, json, &b.params, NULL), FLOW_OK);
            cJSON_Delete(resolved);
            assert_int_equal(flow_optimizer_state(b.optimizer, from), FLOW_OPTIMIZER_ARRAYS);
            flow_optimizer_state(other, to);
            for (int k = 0; k < FLOW_OPTIMIZER_ARRAYS; k++)
                memcpy(to[k].data, from[k].data,
                       to[k].rows * (to[k].kind == FLOW_ARRAY_REAL ? sizeof(real) : sizeof(int64_t)));
            flow_optimizer_free(b.optimizer);
            b.optimizer = other;
            assert_int_equal(flow_optimizer_check(other, NULL), FLOW_OK);
        }
        draw_gradient(&a, t);
        flow_optimizer_step(a.optimizer, 0.01, 1, a.gradient, a.weights, a.average, 0.9, 1);
        flow_optimizer_step(b.optimizer, 0.01, 1, a.gradient, b.weights, b.average, 0.9, 3);
    }
    assert_memory_equal(a.weights, b.weights, bytes);
    assert_memory_equal(a.average, b.average, bytes);

    flow_array arrays[FLOW_OPTIMIZER_ARRAYS];
    flow_optimizer_state(a.optimizer, arrays);
    flow_error err;
    ((real *)arrays[FLOW_OPTIMIZER_ARRAYS - 1].data)[2] = -1; /* a mean of squares */
    assert_int_equal(flow_optimizer_check(a.optimizer, &err), FLOW_FORMAT);
    flow_optimizer_reset(a.optimizer);
    assert_int_equal(flow_optimizer_check(a.optimizer, &err), FLOW_OK);
    assert_int_equal(flow_optimizer_steps(a.optimizer), 0);
    close_fixture(&a);
    close_fixture(&b);
}

static void test_threads_and_state(void **state)
{
    (void)state;
    goes_on_elsewhere("{\"type\": \"adamw\"}");
    goes_on_elsewhere("{\"type\": \"adamax\"}");
}

static void stays_finite(const char *json)
{
    fixture f;
    open_fixture(&f, json);
    static const double sizes[] = {1e18, 1e-30, 0, 1e-18, 1e10};
    for (int t = 0; t < 200; t++) {
        draw_gradient(&f, t);
        for (size_t k = 0; k < f.params.n_weights; k++)
            f.gradient[k] *= (real)sizes[t % 5];
        flow_optimizer_step(f.optimizer, 1000, 1, f.gradient, f.weights, f.average, 0.99, 1);
    }
    for (size_t k = 0; k < f.params.n_weights; k++)
        assert_true(isfinite(f.weights[k]) && isfinite(f.average[k]));
    assert_int_equal(flow_optimizer_check(f.optimizer, NULL), FLOW_OK);
    close_fixture(&f);
}

/* What is almost infinite, or almost nothing, is still a step of finite length. */
static void test_extreme_gradients(void **state)
{
    (void)state;
    stays_finite("{\"rate\": 1000, \"epsilon\": 1e-16}");
    stays_finite("{\"type\": \"adamax\", \"rate\": 1000, \"epsilon\": 1e-16}");
}

static void refused(const char *text, const char *path)
{
    const flow_params none = {0};
    cJSON *json;
    flow_error err;
    flow_optimizer *optimizer;
    assert_int_equal(optimizer_try(&optimizer, &json, text, &none, &err), FLOW_SPEC);
    assert_null(optimizer);
    assert_non_null(strstr(err.message, path));
    cJSON_Delete(json);
}

static void test_options(void **state)
{
    (void)state;
    refused("{\"type\": \"adm\", \"momentum\": 1}", "did you mean \"adam\"");
    refused("{\"type\": 3}", "type");
    refused("{\"decay\": 0.1}", "decay"); /* adam has none */
    refused("{\"type\": \"adamax\", \"decay\": 0.1}", "decay");
    refused("{\"rate\": -1}", "rate");
    refused("{\"rate\": 1e30}", "rate");
    refused("{\"beta2\": 1}", "beta2");
    refused("\"sgd\"", "sgd");
    refused("[1]", "expected an optimizer, a word such as \"adam\"");

    const flow_params none = {0};
    cJSON *json;
    flow_error err;
    flow_optimizer *optimizer;
    assert_int_equal(optimizer_try(&optimizer, &json, "\"adamw\"", &none, &err), FLOW_OK);
    assert_string_equal(cJSON_GetObjectItem(json, "type")->valuestring, "adamw");
    assert_null(cJSON_GetObjectItem(json, "rate")); /* filled in later, by the flow */
    assert_null(cJSON_GetObjectItem(json, "decay"));
    ASSERT_EQ(cJSON_GetObjectItem(json, "beta1")->valuedouble, 0.9);
    ASSERT_EQ(flow_optimizer_learning_rate(optimizer), 1e-3);
    ASSERT_EQ(flow_optimizer_norm(optimizer, NULL, 2), 0); /* a flow without weights */
    flow_optimizer_step(optimizer, 0.1, 1, NULL, NULL, NULL, 0, 2);
    flow_optimizer_free(optimizer);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_adamax),
        cmocka_unit_test(test_minimises_a_quadratic),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_threads_and_state),
        cmocka_unit_test(test_extreme_gradients),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
