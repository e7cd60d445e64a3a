/* The library as other programs see it: open, evaluate, sample, invert. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "core/memory.h"
#include "flowctl.h"
#include "flow/design.h"
#include "flow/rows.h"
#include "harness.h"
#include "model/model.h"
#include "num/gemm_bf16x3.h"
#include "num/math_mode.h"
#include "num/rng.h"
#include "values.h"

enum { DIM = 3, CONTEXT = 2, WIDTH = DIM + CONTEXT, N = 700 };

static char path[TEST_PATH_SIZE], conditional_path[TEST_PATH_SIZE], wide_path[TEST_PATH_SIZE];

static const char *const columns[DIM] = {"x", "y", "energy"};

static void check_ok(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        fail_msg("%s", err->message);
}

static flow_status write_model(const char *file, const char *text, int n_context, flow_error *err)
{
    flow_spec *spec;
    subject s;
    flow_status status = flow_spec_parse(&spec, text, strlen(text), "x.json", NULL, NULL, 0, err);
    if (status != FLOW_OK)
        return status;
    status = subject_try_spec(&s, err, (subject_shape){.dim = DIM, .n_context = n_context}, spec);
    if (status != FLOW_OK)
        return status;
    subject_init_weights(&s, spec->seed);
    flow *f = s.f;
    real *weights = s.weights;
    static double rows[N * WIDTH];
    for (size_t k = 0; k < N * WIDTH; k++)
        rows[k] = 1000 + 5 * flow_rng_uniform(3, FLOW_STREAM_OTHER, k, 0);
    status = flow_fit(f, weights, rows, N, columns, err);
    /* last layers start at zero, which is the identity: move the weights to have a map worth inverting */
    for (size_t k = 0; k < f->params.n_weights; k++)
        if (weights[k] != 0)
            weights[k] += (real)(0.1 * flow_rng_uniform(4, FLOW_STREAM_OTHER, k, 0));
    for (int e = 0; e < f->params.n_entries; e++) {
        const flow_param *entry = &f->params.entries[e];
        if (entry->trainable && entry->extent == NULL)
            for (size_t k = 0; k < (size_t)entry->rows * (size_t)entry->cols; k++)
                weights[entry->offset + k] +=
                    (real)(0.2 * flow_rng_uniform(5, FLOW_STREAM_OTHER, k, (uint32_t)e) - 0.1);
    }
    flow_model_contents contents = {.spec = spec, .f = f, .weights = weights, .columns = columns};
    if (status == FLOW_OK)
        status = flow_model_save(file, &contents, err);
    subject_close(&s);
    flow_spec_free(spec);
    return status;
}

#define FLOW_JSON "\"base\": \"normal\", " \
                  "\"flow\": [\"standardize\", {\"type\": \"realnvp\", \"repeat\": 4, \"hidden\": [16]}, " \
                  "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [16]}]"

static int make_model(void **state)
{
    (void)state;
    flow_error err = {0};
    if (make_folder(state) != 0)
        return -1;
    strcpy(path, at("model.h5"));
    strcpy(conditional_path, at("conditional.h5"));
    strcpy(wide_path, at("wide.h5"));
    flow_status status = write_model(path, "{" FLOW_JSON "}", 0, &err);
    if (status == FLOW_OK)
        status = write_model(conditional_path, "{\"data\": {\"context\": [\"angle\", \"time\"]}, " FLOW_JSON
                             ", \"embedding\": {\"hidden\": [8], \"features\": 3}}", CONTEXT, &err);
    if (status == FLOW_OK)
        status = write_model(wide_path, "{\"base\": \"normal\", \"flow\": [\"standardize\", "
                             "{\"type\": \"realnvp\", \"repeat\": 2, \"hidden\": [64, 64]}]}", 0, &err);
    if (status != FLOW_OK)
        print_error("%s\n", err.message);
    return status == FLOW_OK ? 0 : -1;
}

static flow_handle *open_file(const char *file)
{
    flow_handle *model = NULL;
    flow_error err = {0};
    check_ok(flow_open(&model, file, &err), &err);
    return model;
}

static flow_handle *open_model(void)
{
    return open_file(path);
}

static void test_open(void **state)
{
    (void)state;
    flow_handle *model = open_model();
    assert_int_equal(flow_dim(model), DIM);
    assert_string_equal(flow_column_name(model, 2), "energy");
    assert_null(flow_column_name(model, 3));
    assert_null(flow_column_name(model, -1));
    flow_close(model);
    flow_close(NULL);
    flow_error err = {0};
    assert_int_equal(flow_open(&model, "/no/such/model.h5", &err), FLOW_IO);
    assert_null(model);
    assert_string_equal(err.message, "/no/such/model.h5: there is no such file");
    assert_int_equal(flow_open(&model, NULL, &err), FLOW_ARGUMENT);
    assert_int_equal(flow_open(&model, folder, NULL), FLOW_IO);
}

static double largest_difference(const double *a, const double *b, size_t n)
{
    double largest = 0;
    for (size_t k = 0; k < n; k++)
        largest = fmax(largest, fabs(a[k] - b[k]));
    return largest;
}

static void test_round_trip(void **state)
{
    (void)state;
    static double x[N * DIM], z[N * DIM], back[N * DIM], there[N], again[N], logp[N], direct[N];
    const double scale = 5 / sqrt(12); /* of the data */
    flow_handle *model = open_model();
    flow_error err = {0};
    check_ok(flow_sample(model, 1, 0, N, NULL, x, logp, &err), &err);
    check_ok(flow_logprob(model, x, N, direct, &err), &err);
    ASSERT_LT(largest_difference(logp, direct, N), (sizeof(real) == 8 ? 1e-9 : 1e-3));
    check_ok(flow_to_latent(model, x, N, z, there, &err), &err);
    check_ok(flow_to_data(model, z, N, back, again, &err), &err);
    ASSERT_LT(largest_difference(x, back, N * DIM), (sizeof(real) == 8 ? 1e-9 : 1e-4) * scale);
    for (int i = 0; i < N; i++)
        ASSERT_LT(fabs(there[i] + again[i]), (sizeof(real) == 8 ? 1e-9 : 1e-3));
    /* log p = log N(z) + log|det dz/dx| */
    for (int i = 0; i < N; i++) {
        double sum = there[i] - 0.5 * DIM * log(2 * acos(-1));
        for (int k = 0; k < DIM; k++)
            sum -= 0.5 * z[i * DIM + k] * z[i * DIM + k];
        ASSERT_LT(fabs(sum - direct[i]), (sizeof(real) == 8 ? 1e-9 : 1e-4));
    }
    /* in place, and without log-determinants */
    check_ok(flow_to_latent(model, back, N, back, NULL, &err), &err);
    check_ok(flow_to_data(model, back, N, back, NULL, &err), &err);
    ASSERT_LT(largest_difference(x, back, N * DIM), (sizeof(real) == 8 ? 1e-9 : 2e-4) * scale);
    flow_close(model);
}

/* Row k of a seed is row k of that seed, however it is asked for. */
static void test_sampling_is_a_sequence(void **state)
{
    (void)state;
    static double whole[N * DIM], logp[N], piece[N * DIM], piece_logp[N];
    flow_handle *model = open_model();
    flow_error err = {0};
    check_ok(flow_sample(model, 9, 0, N, NULL, whole, logp, &err), &err);
    const size_t starts[] = {0, 1, 17, 127, 128, 129, 255, 256, 300, 640, N - 1};
    const size_t counts[] = {0, 1, 2, 50, 127, 128, 129, 400, N};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            size_t from = starts[i], n = counts[k] < N - from ? counts[k] : N - from;
            flow_set_threads(model, 1 + (int)((i + k) % 3));
            memset(piece, 0, sizeof piece);
            check_ok(flow_sample(model, 9, from, n, NULL, piece, piece_logp, &err), &err);
            assert_memory_equal(piece, whole + from * DIM, n * DIM * sizeof *piece);
            assert_memory_equal(piece_logp, logp + from, n * sizeof *logp);
            if (n < N)
                ASSERT_EQ(piece[n * DIM], 0);
        }
    }
    check_ok(flow_sample(model, 9, 200, 100, NULL, piece, NULL, &err), &err);
    assert_memory_equal(piece, whole + 200 * DIM, 100 * DIM * sizeof *piece);
    /* far out, without what comes before; another seed is something else */
    uint64_t far = UINT64_C(1) << 40;
    check_ok(flow_sample(model, 9, far, 3, NULL, piece, NULL, &err), &err);
    check_ok(flow_sample(model, 9, far + 1, 2, NULL, whole, NULL, &err), &err);
    assert_memory_equal(piece + DIM, whole, 2 * DIM * sizeof *piece);
    check_ok(flow_sample(model, 10, far, 1, NULL, whole, NULL, &err), &err);
    assert_true(memcmp(piece, whole, DIM * sizeof *piece) != 0);
    assert_int_equal(flow_sample(model, 9, UINT64_MAX, 1, NULL, piece, NULL, &err), FLOW_ARGUMENT);
    flow_close(model);
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    static double x[N * DIM], first[N], other[N];
    flow_handle *model = open_model();
    flow_error err = {0};
    check_ok(flow_sample(model, 2, 0, N, NULL, x, NULL, &err), &err);
    flow_set_threads(model, 1);
    check_ok(flow_logprob(model, x, N, first, &err), &err);
    for (int n_threads = -1; n_threads <= 3; n_threads++) {
        flow_set_threads(model, n_threads);
        check_ok(flow_logprob(model, x, N, other, &err), &err);
        assert_memory_equal(first, other, sizeof first);
    }
    flow_close(model);
}

static void check_said(flow_status status, flow_status expected, const flow_error *err, const char *message)
{
    assert_int_equal(status, expected);
    assert_string_equal(err->message, message);
}

static void test_unusable_arguments(void **state)
{
    (void)state;
    double x[2 * DIM] = {1, 2, 3, 4, NAN, 6}, out[2 * DIM];
    flow_handle *model = open_model();
    flow_error err = {0};
    check_said(flow_logprob(model, x, 2, out, &err), FLOW_DATA, &err,
               "flow_logprob: row 1, column 1 (y) is not a finite number");
    x[4] = INFINITY;
    check_said(flow_to_latent(model, x, 2, out, NULL, &err), FLOW_DATA, &err,
               "flow_to_latent: row 1, column 1 (y) is not a finite number");
    check_said(flow_to_data(model, x, 2, out, NULL, &err), FLOW_DATA, &err,
               "flow_to_data: row 1, column 1 (y) is not a finite number");
    check_said(flow_logprob(model, NULL, 2, out, &err), FLOW_ARGUMENT, &err, "flow_logprob: an array is missing");
    check_said(flow_sample(model, 1, 0, 2, NULL, NULL, out, &err), FLOW_ARGUMENT, &err,
               "flow_sample: an array is missing");
    assert_int_equal(flow_to_latent(model, x, 1, NULL, NULL, NULL), FLOW_ARGUMENT);
    assert_int_equal(flow_logprob(model, NULL, 0, NULL, &err), FLOW_OK);
    assert_int_equal(flow_to_data(model, NULL, 0, NULL, NULL, &err), FLOW_OK);
    assert_int_equal(flow_sample(model, 1, 5, 0, NULL, NULL, NULL, &err), FLOW_OK);
    flow_close(model);
}

/* ---- conditional ---- */

static flow_handle *open_conditional(void)
{
    return open_file(conditional_path);
}

/* Context that differs from row to row, about as far as the training rows were spread. */
static void make_context(double *context)
{
    for (size_t k = 0; k < N * CONTEXT; k++)
        context[k] = 1000 + 5 * flow_rng_uniform(6, FLOW_STREAM_OTHER, k, 0);
}

/* Rows (n, DIM) and their context as rows (n, WIDTH). */
static void join(const double *rows, const double *context, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(out + i * WIDTH, rows + i * DIM, DIM * sizeof *rows);
        memcpy(out + i * WIDTH + DIM, context + i * CONTEXT, CONTEXT * sizeof *rows);
    }
}

static void test_conditional_model(void **state)
{
    (void)state;
    static double context[N * CONTEXT], x[N * DIM], z[N * DIM], back[N * DIM], rows[N * WIDTH];
    static double logp[N], direct[N], there[N], again[N];
    const double scale = 5 / sqrt(12), digits = sizeof(real) == 8 ? 1e-9 : 1e-3;
    flow_handle *model = open_conditional();
    flow_error err = {0};
    assert_int_equal(flow_dim(model), DIM);
    assert_int_equal(flow_context_dim(model), CONTEXT);
    static const char *const names[] = {"x", "y", "energy", "angle", "time"};
    for (int i = 0; i < WIDTH; i++)
        assert_string_equal(flow_column_name(model, i), names[i]);
    assert_null(flow_column_name(model, WIDTH));

    make_context(context);
    check_ok(flow_sample(model, 1, 0, N, context, x, logp, &err), &err);
    join(x, context, N, rows);
    check_ok(flow_logprob(model, rows, N, direct, &err), &err);
    ASSERT_LT(largest_difference(logp, direct, N), digits);
    check_ok(flow_to_latent(model, rows, N, z, there, &err), &err);
    for (int i = 0; i < N; i++) { /* log p = log N(z) + log|det dz/dx| */
        double sum = there[i] - 0.5 * DIM * log(2 * acos(-1));
        for (int k = 0; k < DIM; k++)
            sum -= 0.5 * z[i * DIM + k] * z[i * DIM + k];
        ASSERT_LT(fabs(sum - direct[i]), digits);
    }
    join(z, context, N, rows);
    check_ok(flow_to_data(model, rows, N, back, again, &err), &err);
    ASSERT_LT(largest_difference(x, back, N * DIM), digits * scale);
    for (int i = 0; i < N; i++)
        ASSERT_LT(fabs(there[i] + again[i]), digits);

    /* the context matters, and that of another row does not */
    static double other[N * CONTEXT], moved[N * DIM];
    memcpy(other, context, sizeof other);
    other[300 * CONTEXT + 1] += 2;
    check_ok(flow_sample(model, 1, 0, N, other, moved, NULL, &err), &err);
    assert_memory_equal(moved, x, 300 * DIM * sizeof *x);
    assert_memory_equal(moved + 301 * DIM, x + 301 * DIM, (N - 301) * DIM * sizeof *x);
    ASSERT_GT(largest_difference(moved + 300 * DIM, x + 300 * DIM, DIM), 1e-3 * scale);
    flow_close(model);
}

/* Any piece of the sequence, with the context of that piece, on any number of threads. */
static void test_conditional_sampling_is_a_sequence(void **state)
{
    (void)state;
    static double context[N * CONTEXT], whole[N * DIM], logp[N], piece[N * DIM], piece_logp[N];
    flow_handle *model = open_conditional();
    flow_error err = {0};
    make_context(context);
    check_ok(flow_sample(model, 9, 0, N, context, whole, logp, &err), &err);
    const size_t starts[] = {0, 1, 17, 127, 128, 129, 255, 256, 300, 640, N - 1};
    const size_t counts[] = {0, 1, 2, 50, 127, 128, 129, 400, N};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            size_t from = starts[i], n = counts[k] < N - from ? counts[k] : N - from;
            flow_set_threads(model, 1 + (int)((i + k) % 3));
            memset(piece, 0, sizeof piece);
            check_ok(flow_sample(model, 9, from, n, context + from * CONTEXT, piece, piece_logp, &err), &err);
            assert_memory_equal(piece, whole + from * DIM, n * DIM * sizeof *piece);
            assert_memory_equal(piece_logp, logp + from, n * sizeof *logp);
            if (n < N)
                ASSERT_EQ(piece[n * DIM], 0);
        }
    }
    flow_close(model);
}

static void test_unusable_context(void **state)
{
    (void)state;
    double context[2 * CONTEXT] = {1, 2, 3, NAN}, x[2 * DIM], rows[2 * WIDTH] = {1, 2, 3, 4, 5, 6, 7, 8, INFINITY, 10};
    flow_handle *model = open_conditional();
    flow_error err = {0};
    check_said(flow_sample(model, 1, 0, 2, context, x, NULL, &err), FLOW_DATA, &err,
               "flow_sample: row 1, column 1 (time) is not a finite number");
    check_said(flow_sample(model, 1, 0, 2, NULL, x, NULL, &err), FLOW_ARGUMENT, &err,
               "flow_sample: an array is missing");
    check_said(flow_logprob(model, rows, 2, x, &err), FLOW_DATA, &err,
               "flow_logprob: row 1, column 3 (angle) is not a finite number");
    check_said(flow_to_data(model, rows, 2, x, NULL, &err), FLOW_DATA, &err,
               "flow_to_data: row 1, column 3 (angle) is not a finite number");
    flow_close(model);
}

/* ---- the arithmetic ---- */

/* A process asks once what its processor has, so this is another one. */
static void test_math_of_a_processor_without_amx(void **state)
{
    (void)state;
    flow_handle *model = open_file(wide_path);
    const pid_t child = fork();
    if (child == 0) {
        flow_error err = {0};
        double row[DIM] = {1002, 1002, 1002}, before = 0, after = 1;
        setenv("FLOWCTL_AMX", "none", 1); /* NOLINT(concurrency-mt-unsafe): no other thread */
        flow_set_threads(model, 1);
        bool right = flow_logprob(model, row, 1, &before, &err) == FLOW_OK &&
                     flow_set_math(model, "bf16x3", &err) == FLOW_ARGUMENT &&
                     strncmp(err.message, "flow_set_math: bf16x3: this pro", 31) == 0 &&
                     strstr(err.message, "; choose float") != NULL && flow_set_math(model, "float", &err) == FLOW_OK &&
                     flow_logprob(model, row, 1, &after, &err) == FLOW_OK && before == after;
        _exit(right ? 0 : 1);
    }
    int how = 1;
    assert_true(child > 0 && waitpid(child, &how, 0) == child);
    assert_int_equal(how, 0);
    flow_close(model);
}

/* What a model makes of the same rows. */
typedef struct results {
    double logp[N], x[N * DIM], x_logp[N], z[N * DIM], back[N * DIM];
} results;

static void find_results(flow_handle *model, const double *rows, results *out)
{
    flow_error err = {0};
    check_ok(flow_logprob(model, rows, N, out->logp, &err), &err);
    check_ok(flow_sample(model, 4, 50, N, NULL, out->x, out->x_logp, &err), &err);
    check_ok(flow_to_latent(model, rows, N, out->z, NULL, &err), &err);
    check_ok(flow_to_data(model, rows, N, out->back, NULL, &err), &err);
}

static void expect_near(const double *a, const double *b, size_t n, double most)
{
    assert_true(memcmp(a, b, n * sizeof *a) != 0);
    ASSERT_LT(largest_difference(a, b, n), most);
}

static void test_math(void **state)
{
    (void)state;
    if (sizeof(real) == 8)
        skip();
    static double rows[N * DIM];
    static results exact, parts, again;
    flow_handle *model = open_file(wide_path), *other = open_file(wide_path);
    flow_error err = {0};
    check_ok(flow_sample(model, 1, 0, N, NULL, rows, NULL, &err), &err);
    find_results(model, rows, &exact);
    check_ok(flow_set_math(model, "bf16x3", &err), &err);
    find_results(model, rows, &parts);
    expect_near(parts.logp, exact.logp, N, 1e-3);
    expect_near(parts.x, exact.x, N * DIM, 1e-2);
    expect_near(parts.x_logp, exact.x_logp, N, 1e-3);
    expect_near(parts.z, exact.z, N * DIM, 1e-3);
    assert_true(memcmp(parts.back, exact.back, sizeof parts.back) != 0);
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        flow_set_threads(model, n_threads);
        find_results(model, rows, &again);
        assert_memory_equal(&again, &parts, sizeof again);
    }
    /* it belongs to the handle: another one, and the thread with a choice of its own, keep theirs */
    assert_true(flow_math_mode() == FLOW_MATH_FLOAT);
    find_results(other, rows, &again);
    assert_memory_equal(&again, &exact, sizeof again);
    flow_math_choose(FLOW_MATH_BF16X3);
    find_results(other, rows, &again);
    assert_memory_equal(&again, &exact, sizeof again);
    assert_true(flow_math_choose(FLOW_MATH_FLOAT) == FLOW_MATH_BF16X3);
    /* what fails leaves it as it was, too */
    check_said(flow_set_math(model, "half", &err), FLOW_ARGUMENT, &err,
               "flow_set_math: \"half\" is neither float nor bf16x3");
    assert_int_equal(flow_set_math(model, NULL, &err), FLOW_ARGUMENT);
    assert_int_equal(flow_logprob(model, NULL, 1, again.logp, &err), FLOW_ARGUMENT);
    assert_true(flow_math_mode() == FLOW_MATH_FLOAT);
    find_results(model, rows, &again);
    assert_memory_equal(&again, &parts, sizeof again);
    check_ok(flow_set_math(model, "float", &err), &err);
    find_results(model, rows, &again);
    assert_memory_equal(&again, &exact, sizeof again);
    flow_close(other);
    flow_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_sampling_is_a_sequence),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_unusable_arguments),
        cmocka_unit_test(test_conditional_model),
        cmocka_unit_test(test_conditional_sampling_is_a_sequence),
        cmocka_unit_test(test_unusable_context),
        cmocka_unit_test(test_math_of_a_processor_without_amx),
        cmocka_unit_test(test_math),
    };
    if (flow_bf16x3_amx() == NULL)
        setenv("FLOWCTL_AMX", "emulate", 1); /* NOLINT(concurrency-mt-unsafe): no other thread yet */
    return cmocka_run_group_tests_name("api", tests, make_model, remove_folder);
}
