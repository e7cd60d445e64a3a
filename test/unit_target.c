/* Densities in shared libraries: what is loaded, what is refused, and a gradient that is wrong. The libraries come from
 * test/densities. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/parallel.h"
#include "train/target.h"
#include "values.h"

#define LIBRARY(name) "build/densities/test/" name ".so"

static flow_target *open_target(const char *path, int64_t dim, bool parallel)
{
    flow_error err = {0};
    flow_target *target;
    if (flow_target_open(&target, path, dim, parallel, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return target;
}

static void test_values_and_names(void **state)
{
    (void)state;
    flow_target *target = open_target(LIBRARY("gaussian"), 2, true);
    assert_int_equal(target->dim, 2);
    assert_false(target->has_names);
    assert_string_equal(target->columns[0], "x1");
    assert_string_equal(target->columns[1], "x2");
    assert_string_equal(target->path, LIBRARY("gaussian"));
    ASSERT_NE(target->checksum, 0);
    double x[] = {0.3, 0.8}, gradient[2]; /* offsets 1 and 1: y = (1, 0.4), s = (0.5, 0.8) */
    double wanted = -0.5 * (1 / 0.25 + 0.16 / 0.64);
    ASSERT_LT(fabs(flow_target_log(target, x, NULL) - wanted), 1e-14);
    ASSERT_LT(fabs(flow_target_log(target, x, gradient) - wanted), 1e-14);
    ASSERT_LT(fabs(gradient[0] - (-1 / 0.25 + 0.6 * 0.4 / 0.64)), 1e-14);
    ASSERT_LT(fabs(gradient[1] + 0.4 / 0.64), 1e-14);
    flow_target_close(target);

    target = open_target(LIBRARY("twisted"), 0, true);
    assert_int_equal(target->dim, 3);
    assert_true(target->has_names);
    assert_string_equal(target->columns[1], "width");
    flow_target_close(target);
    flow_target_close(NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int64_t dim;
        const char *says[2];
    } cases[] = {
        {"build/densities/test/none.so", 2, {"No such file", "build the library"}},
        {"Makefile", 2, {"Makefile", "cannot be loaded"}},
        {"build/densities", 2, {"build/densities", "cannot be"}},
        {LIBRARY("nameless"), 1, {"log_density", "extern \"C\""}},
        {LIBRARY("gaussian"), 0, {"does not say how many dimensions", "\"dimensions\""}},
        {LIBRARY("twisted"), 4, {"in 3 dimensions", "says 4"}},
        {LIBRARY("contrary"), 0, {"contradicts itself", "names 2"}},
        {LIBRARY("unwilling"), 2, {"log_density_new(2)", "NULL"}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        flow_error err = {0};
        flow_target *target;
        assert_int_equal(flow_target_open(&target, cases[k].path, cases[k].dim, true, &err), FLOW_SPEC);
        assert_null(target);
        for (int i = 0; i < 2; i++)
            if (strstr(err.message, cases[k].says[i]) == NULL)
                fail_msg("\"%s\" is not in: %s", cases[k].says[i], err.message);
    }
}

static void test_gradients_are_checked(void **state)
{
    (void)state;
    flow_target_mismatch found;
    flow_target *target = open_target(LIBRARY("gaussian"), 100, true);
    assert_int_equal(flow_target_check(target, &found, NULL), FLOW_OK);
    ASSERT_GE(found.n_compared, 100);
    assert_int_equal(found.n_wrong, 0);
    flow_target_close(target);

    target = open_target(LIBRARY("twisted"), 3, true);
    assert_int_equal(flow_target_check(target, &found, NULL), FLOW_OK);
    assert_int_equal(found.n_compared, 24);
    assert_int_equal(found.n_wrong, 8);
    assert_int_equal(found.dimension, 1);
    ASSERT_LT(fabs(found.found + found.wanted), 1e-6 * fabs(found.wanted));
    ASSERT_LT(fabs(found.found - 2 * pow(found.at, 3)), 1e-12);
    flow_target_close(target);
}

typedef struct call {
    const flow_target *target;
    double values[1000];
} call;

static void evaluate(void *context, int item, int thread)
{
    (void)thread;
    call *c = context;
    double x[] = {0.001 * item, -0.002 * item};
    c->values[item] = flow_target_log(c->target, x, NULL);
}

/* With and without a lock, alone and together. */
static void test_many_threads(void **state)
{
    (void)state;
    call runs[3];
    for (int k = 0; k < 3; k++) {
        flow_target *target = open_target(LIBRARY("gaussian"), 2, k == 1);
        runs[k].target = target;
        flow_parallel_for(1000, k == 0 ? 1 : 4, evaluate, &runs[k]);
        flow_target_close(target);
        assert_memory_equal(runs[k].values, runs[0].values, sizeof runs[0].values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_names),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_gradients_are_checked),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
