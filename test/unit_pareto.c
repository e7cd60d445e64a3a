/* The shape of a tail of weights, against another implementation. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "num/pareto.h"
#include "num/rng.h"
#include "values.h"

enum { MOST = 5000 };

/* psislw of ArviZ (arviz-stats 0.8.0), of weights u^-a at u = (i + 1/2) / n */
static void test_known_values(void **state)
{
    (void)state;
    static const struct {
        double a;
        int n;
        double k;
    } known[] = {
        {0.6, 1000, 0.5832570419464013},
        {0.2, 1000, 0.2368082972555032},
        {1.1, 5000, 1.0608448894038345},
        {0.9, 200, 0.7876963633073635},
    };
    double x[MOST];
    for (size_t c = 0; c < sizeof known / sizeof *known; c++) {
        for (int i = 0; i < known[c].n; i++)
            x[i] = -known[c].a * log((i + 0.5) / known[c].n) - 1234; /* a factor changes nothing */
        ASSERT_LT(fabs(flow_pareto_shape(x, (size_t)known[c].n) - known[c].k), 1e-9);
    }
    for (int i = 0; i < 4000; i++)
        x[i] = 0.8 * gsl_cdf_ugaussian_Pinv((i + 0.5) / 4000);
    ASSERT_LT(fabs(flow_pareto_shape(x, 4000) - 0.19345226260418283), 1e-9);
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    double up[500], down[500];
    for (int i = 0; i < 500; i++)
        up[i] = down[499 - i] = 3 * flow_rng_uniform(1, FLOW_STREAM_OTHER, (uint64_t)i, 0);
    ASSERT_EQ(flow_pareto_shape(up, 500), flow_pareto_shape(down, 500));
}

static void test_nothing_to_fit(void **state)
{
    (void)state;
    double x[100] = {0};
    assert_true(isnan(flow_pareto_shape(x, 100))); /* all equal */
    assert_true(isnan(flow_pareto_shape(x, 10)));  /* too few */
    for (int i = 0; i < 100; i++)
        x[i] = -HUGE_VAL;
    assert_true(isnan(flow_pareto_shape(x, 100)));
}

/* Exceedances at the quantiles of a known distribution. */
static void test_fit(void **state)
{
    (void)state;
    enum { N = 1000 };
    double x[N];
    flow_pareto fit;
    for (int i = 0; i < N; i++) /* shape 0.5, scale 3 */
        x[i] = 3 * (pow(1 - (i + 0.5) / N, -0.5) - 1) / 0.5;
    assert_true(flow_pareto_fit(&fit, x, N));
    ASSERT_NEAR(fit.shape, 0.5, 0.03);
    ASSERT_NEAR(fit.scale, 3, 0.1);
    ASSERT_NEAR(log(flow_pareto_above(&fit, 3 * (pow(1e-4, -0.5) - 1) / 0.5)), log(1e-4), 0.3);
    for (int i = 0; i < N; i++)
        x[i] = -2 * log1p(-(i + 0.5) / N);
    assert_true(flow_pareto_fit(&fit, x, N));
    ASSERT_LT(fit.shape, 0.02);
    ASSERT_NEAR(log(flow_pareto_above(&fit, 20)), -10, 0.5);
    for (int i = 0; i < N; i++) /* bounded: the shape stays at 0 */
        x[i] = (i + 0.5) / N;
    assert_true(flow_pareto_fit(&fit, x, N));
    ASSERT_EQ(fit.shape, 0);
    ASSERT_NEAR(fit.scale, 0.5, 1e-9);
    ASSERT_NEAR(flow_pareto_above(&fit, 1), exp(-2), 1e-9);
    assert_false(flow_pareto_fit(&fit, x, FLOW_PARETO_LEAST - 1));
    x[N - 1] = HUGE_VAL;
    assert_false(flow_pareto_fit(&fit, x, N));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_nothing_to_fit),
        cmocka_unit_test(test_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
