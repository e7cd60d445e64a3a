/* Statistical tests against values of SciPy 1.17.1, and their p-values where the hypothesis is true. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "num/rng.h"
#include "stat/binomial.h"
#include "stat/energy.h"
#include "stat/kolmogorov.h"
#include "stat/many.h"
#include "stat/pooled.h"
#include "stat/smooth.h"
#include "values.h"

/* Uniform numbers: draw `draw` of an experiment. */
static double uniform(uint64_t experiment, uint32_t draw)
{
    return flow_rng_uniform(7, FLOW_STREAM_OTHER, experiment, draw);
}

static double normal(uint64_t experiment, uint32_t draw)
{
    return gsl_cdf_ugaussian_Pinv(uniform(experiment, draw));
}

/* That a share of `count` p-values of true hypotheses is below the level, within four standard deviations; of tests
 * with few possible values it may be less. */
static void assert_level(const double *p, int count, double level, bool may_be_less)
{
    int below = 0;
    for (int i = 0; i < count; i++)
        below += p[i] <= level;
    const double slack = 4 * sqrt(count * level * (1 - level));
    ASSERT_LE(below, count * level + slack);
    if (!may_be_less)
        ASSERT_GE(below, count * level - slack);
}

/* ---- Kolmogorov and Smirnov ---- */

/* scipy.special.kolmogorov; with n large the argument is the root of n times the distance */
static void test_kolmogorov(void **state)
{
    (void)state;
    static const double known[][2] = {
        {0.3, 0.9999906941986655},    {0.5, 0.9639452436648751},    {0.828, 0.4993296211937983},
        {1.0, 0.26999967167735456},   {1.19, 0.11774229287977166},  {1.21, 0.10697010207551334},
        {1.358, 0.05002679733444698}, {2.0, 0.0006709252557796953}, {3.0, 3.045995948942526e-08},
    };
    const double n = 1e16;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ASSERT_NEAR(flow_kolmogorov_p(known[i][0] / sqrt(n), n), known[i][1], 1e-6 * known[i][1]);
    ASSERT_EQ(flow_kolmogorov_p(0.1, 0), 1);
    ASSERT_EQ(flow_kolmogorov_p(0, 10), 1);
}

/* scipy.stats.kstwo.sf: the exact distribution of small samples */
static void test_kolmogorov_of_few(void **state)
{
    (void)state;
    static const double known[][3] = {{10, 0.3, 0.27053557479999946},
                                      {20, 0.25, 0.13762569836717486},
                                      {100, 0.12, 0.1033037490181987},
                                      {1000, 0.06, 0.001428597887952891}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ASSERT_NEAR(flow_kolmogorov_p(known[i][1], known[i][0]), known[i][2], 0.03 * known[i][2]);
}

static void test_uniform(void **state)
{
    (void)state;
    enum { EXPERIMENTS = 2000, N = 50 };
    double p[EXPERIMENTS], u[N];
    for (int k = 0; k < EXPERIMENTS; k++) {
        for (uint32_t i = 0; i < N; i++)
            u[i] = uniform((uint64_t)k, i);
        p[k] = flow_ks_uniform(u, N).p;
    }
    assert_level(p, EXPERIMENTS, 0.05, false);
    assert_level(p, EXPERIMENTS, 0.5, false);
    double skewed[N], few[] = {0.5, 0.1};
    for (uint32_t i = 0; i < N; i++)
        skewed[i] = sqrt(uniform(0, i));
    ASSERT_LT(flow_ks_uniform(skewed, N).p, 0.01);
    ASSERT_NEAR(flow_ks_uniform(few, 2).distance, 0.5, 1e-15);
}

/* ---- two samples ---- */

static void test_two_samples(void **state)
{
    (void)state;
    const double a[] = {1.1, 2.2, 3.3, 4.4, 9.9}, b[] = {0.5, 1.5, 2.5, 3.5, 5.5, 6.5, 7.5};
    flow_pooled pool;
    assert_int_equal(flow_pooled_make(&pool, (flow_values){a, 5, 1}, (flow_values){b, 7, 1}, 1, NULL), FLOW_OK);
    /* scipy.stats.ks_2samp and mannwhitneyu: 17 pairs in which a is the larger */
    ASSERT_NEAR(flow_pooled_ks(&pool).distance, 0.22857142857142856, 1e-15);
    const flow_rank_sum sum = flow_pooled_rank_sum(&pool);
    ASSERT_NEAR(sum.above, 17.0 / 35, 1e-15);
    ASSERT_NEAR(2 * gsl_cdf_ugaussian_P(sum.z), 0.935283063107044, 1e-12);
    const flow_end_run high = flow_pooled_end_run(&pool, true), low = flow_pooled_end_run(&pool, false);
    assert_true(high.first);
    ASSERT_EQ(high.n, 1);
    ASSERT_NEAR(high.p, 2 * 5.0 / 12, 1e-15);
    assert_false(low.first);
    flow_pooled_release(&pool);
}

/* scipy.stats.hypergeom: of the 10 lowest of 40 and 60 values, 1 or 8 are of the first sample */
static void test_ends(void **state)
{
    (void)state;
    bool labels[100];
    for (int low = 1; low <= 8; low += 7) {
        for (int i = 0; i < 100; i++)
            labels[i] = i < low || (i >= 10 && i < 50 - low);
        const flow_pooled pool = {.n = 40, .m = 60, .first = labels};
        const flow_end_count count = flow_pooled_end(&pool, 10, false);
        ASSERT_EQ(count.n, low);
        ASSERT_NEAR(count.expected, 4, 1e-15);
        ASSERT_NEAR(count.p, low == 1 ? 0.07703152108790967 : 0.017720686757675425, 1e-12);
    }
    const flow_pooled apart = {.n = 40, .m = 60, .first = labels};
    ASSERT_EQ(flow_pooled_end(&apart, 0, true).p, 1);
}

/* Whole numbers, most of which are equal: all tests keep their level. */
static void test_ties(void **state)
{
    (void)state;
    enum { EXPERIMENTS = 2000, N = 60, M = 90 };
    double ks[EXPERIMENTS], sum[EXPERIMENTS], end[EXPERIMENTS], run[EXPERIMENTS], values[N + M];
    for (int k = 0; k < EXPERIMENTS; k++) {
        flow_pooled pool;
        for (uint32_t i = 0; i < N + M; i++)
            values[i] = floor(3 * uniform((uint64_t)k, i));
        assert_int_equal(
            flow_pooled_make(&pool, (flow_values){values, N, 1}, (flow_values){values + N, M, 1}, (uint64_t)k, NULL),
            FLOW_OK);
        ks[k] = flow_pooled_ks(&pool).p;
        sum[k] = 2 * gsl_cdf_ugaussian_Q(fabs(flow_pooled_rank_sum(&pool).z));
        end[k] = flow_pooled_end(&pool, 30, true).p;
        run[k] = flow_pooled_end_run(&pool, false).p;
        flow_pooled_release(&pool);
    }
    assert_level(ks, EXPERIMENTS, 0.1, true);
    assert_level(sum, EXPERIMENTS, 0.1, false);
    assert_level(end, EXPERIMENTS, 0.1, true);
    assert_level(run, EXPERIMENTS, 0.1, true);
}

/* ---- counts, many tests ---- */

/* scipy.stats.binom: 2 cdf(3, 20, 0.4), 2 sf(11, 20, 0.4) */
static void test_binomial(void **state)
{
    (void)state;
    ASSERT_NEAR(flow_binomial_p(3, 20, 0.4), 0.0319223255800165, 1e-15);
    ASSERT_NEAR(flow_binomial_p(12, 20, 0.4), 0.11305273406850605, 1e-15);
    ASSERT_EQ(flow_binomial_p(10, 20, 0.5), 1);
    ASSERT_NEAR(flow_binomial_p(0, 10, 0.5), 2 * pow(0.5, 10), 1e-15);
}

static void test_holm(void **state)
{
    (void)state;
    const double p[] = {0.01, 0.04, 0.03, 0.005}, known[] = {0.03, 0.06, 0.06, 0.02};
    double adjusted[4] = {0.01, 0.04, 0.03, 0.005};
    assert_int_equal(flow_holm(adjusted, p, 4, NULL), FLOW_OK);
    for (int i = 0; i < 4; i++)
        ASSERT_NEAR(adjusted[i], known[i], 1e-15);
    assert_int_equal(flow_holm(adjusted, adjusted, 4, NULL), FLOW_OK);
    ASSERT_NEAR(adjusted[3], 0.08, 1e-15);
}

/* ---- independence ---- */

static flow_dependence dependence(const double *u, const double *v, size_t n)
{
    double scores[2][2 * 1000];
    flow_smooth_scores(scores[0], u, n);
    flow_smooth_scores(scores[1], v, n);
    return flow_smooth_dependence(scores[0], scores[1], n);
}

static void test_dependence(void **state)
{
    (void)state;
    enum { EXPERIMENTS = 1000, N = 203 };
    double p[EXPERIMENTS], u[N], v[N];
    for (int k = 0; k < EXPERIMENTS; k++) {
        for (uint32_t i = 0; i < N; i++) {
            u[i] = uniform((uint64_t)k, i);
            v[i] = uniform((uint64_t)k, N + i);
        }
        p[k] = dependence(u, v, N).p;
    }
    assert_level(p, EXPERIMENTS, 0.05, false);
    assert_level(p, EXPERIMENTS, 0.5, false);
    for (uint32_t i = 0; i < N; i++)
        v[i] = 0.5 + 0.5 * (2 * v[i] - 1) * fabs(2 * u[i] - 1); /* no correlation, but a spread that changes */
    ASSERT_LT(dependence(u, v, N).p, 1e-3);
    for (uint32_t i = 0; i < N; i++)
        v[i] = u[i];
    ASSERT_NEAR(dependence(u, v, N).correlation, 1, 0.1);
}

/* ---- energy distance ---- */

static flow_distance energy(uint64_t experiment, double shift, int most)
{
    enum { N = 30, M = 40, D = 3 };
    double points[(N + M) * D];
    flow_distance out;
    for (uint32_t i = 0; i < (N + M) * D; i++)
        points[i] = normal(experiment, i) + (i < N * D ? shift : 0);
    assert_int_equal(flow_energy_test(&out, points, N, M, D, most, experiment, NULL), FLOW_OK);
    return out;
}

static void test_energy(void **state)
{
    (void)state;
    enum { EXPERIMENTS = 300 };
    double p[EXPERIMENTS];
    /* 2 E|X - Y| - E|X - X'| - E|Y - Y'| of {0, 1} and {3}: 2 * 2.5 - 0.5 */
    const double few[] = {0, 1, 3};
    flow_distance out;
    assert_int_equal(flow_energy_test(&out, few, 2, 1, 1, 99, 1, NULL), FLOW_OK);
    ASSERT_NEAR(out.distance, 4.5, 1e-5);
    for (int k = 0; k < EXPERIMENTS; k++)
        p[k] = energy((uint64_t)k, 0, 199).p;
    assert_level(p, EXPERIMENTS, 0.1, false);
    assert_level(p, EXPERIMENTS, 0.5, false);
    ASSERT_NEAR(energy(1, 1.5, 999).p, 0.001, 1e-12); /* none of 999 is larger */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kolmogorov), cmocka_unit_test(test_kolmogorov_of_few),
        cmocka_unit_test(test_uniform),    cmocka_unit_test(test_two_samples),
        cmocka_unit_test(test_ends),       cmocka_unit_test(test_ties),
        cmocka_unit_test(test_binomial),   cmocka_unit_test(test_holm),
        cmocka_unit_test(test_dependence), cmocka_unit_test(test_energy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
