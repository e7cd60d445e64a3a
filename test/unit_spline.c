/* The rational-quadratic spline as a function of one variable: against the equations of its paper in plain scalar
 * double code, at its knots, at the ends of its box, and for parameters no sane network would produce. That it is a
 * block with correct gradients is in contract_block.c.
 *
 * Exactness is stated as a bracket, the only form that holds for every slope: a point computed for (x, y) is right to
 * `slack` if the exact curve passes within slack of it, that is, f(x - slack) - slack <= y <= f(x + slack) + slack.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/univariate/univariates.h"
#include "harness.h"
#include "values.h"
#include "num/rng.h"

enum { MOST_BINS = 64, MOST_PARAMS = 3 * MOST_BINS + 1, COUNT = 2048 };

static const bool is_double = sizeof(real) == sizeof(double);

static double epsilon(void)
{
    return is_double ? DBL_EPSILON : FLT_EPSILON;
}

/* ------------------------------------------------------------------ the spline under test */

typedef struct curve {
    int n_bins, n_params;
    double bound, most; /* the largest parameter of a slope at an end */
    bool linear, circular;
    flow_univariate univariate;
} curve;

static curve make(int n_bins, double bound, const char *tails, bool circular)
{
    char text[160];
    snprintf(text, sizeof text, "{\"type\": \"rational_quadratic\", \"bins\": %d, \"bound\": %.17g, "
             "\"tails\": \"%s\", \"circular\": %s}", n_bins, bound, tails, circular ? "true" : "false");
    curve s = {.n_bins = n_bins, .bound = bound, .linear = strcmp(tails, "identity") != 0, .circular = circular,
               .most = strcmp(tails, "bounded") == 0 ? 0 : INFINITY};
    univariate_open(&s.univariate, text);
    s.n_params = s.univariate.type->n_params(s.univariate.state);
    assert_int_equal(s.n_params, 3 * n_bins - 1 + (circular ? 1 : s.linear ? 2 : 0));
    return s;
}

/* theta as a map leaves it for its backward */
static real left[MOST_PARAMS * COUNT];

static real *to_leave(const curve *s, int count, const real *theta)
{
    return memcpy(left, theta, (size_t)s->n_params * (size_t)count * sizeof *left);
}

/* y, or x (count), each with a row of its own, and the log-determinant of each */
static void map(const curve *s, int count, const real *x, const real *theta, real *y, double *logdet)
{
    memset(logdet, 0, (size_t)count * sizeof *logdet);
    real *given = to_leave(s, count, theta);
    s->univariate.type->map[FLOW_TO_LATENT](s->univariate.state, 1, count, x, given, (size_t)count, y, logdet);
}

static void invert(const curve *s, int count, const real *y, const real *theta, real *x, double *logdet)
{
    memset(logdet, 0, (size_t)count * sizeof *logdet);
    real *given = to_leave(s, count, theta);
    s->univariate.type->map[FLOW_TO_DATA](s->univariate.state, 1, count, y, given, (size_t)count, x, logdet);
}

/* ------------------------------------------------------------------ the paper's equations */

typedef struct knots {
    int n; /* bins */
    bool identity;
    double x[MOST_BINS + 1], y[MOST_BINS + 1], d[MOST_BINS + 1];
} knots;

static void place_knots(const curve *s, const double *theta, double *at)
{
    double most = theta[0], sum = 0, total = 0;
    for (int k = 1; k < s->n_bins; k++)
        most = fmax(most, theta[k]);
    for (int k = 0; k < s->n_bins; k++)
        sum += exp(theta[k] - most);
    for (int k = 0; k < s->n_bins; k++) {
        at[k] = s->bound * (2 * total - 1);
        total += 1e-3 + (1 - 1e-3 * s->n_bins) * exp(theta[k] - most) / sum;
    }
    at[s->n_bins] = s->bound;
}

static double slope(double a)
{
    double shifted = fmin(a, 1e6) + log(exp(1 - 1e-3) - 1);
    return 1e-3 + (shifted > 30 ? shifted : log1p(exp(shifted)));
}

/* The knots of element j among `count`. */
static knots knots_of(const curve *s, const real *theta, int count, int j)
{
    double t[MOST_PARAMS];
    for (int p = 0; p < s->n_params; p++)
        t[p] = (double)theta[(size_t)p * (size_t)count + (size_t)j];
    knots k = {.n = s->n_bins, .identity = !s->linear && !s->circular};
    place_knots(s, t, k.x);
    place_knots(s, t + s->n_bins, k.y);
    const double *inner = t + 2 * s->n_bins, *ends = inner + s->n_bins - 1;
    for (int i = 1; i < s->n_bins; i++)
        k.d[i] = slope(inner[i - 1]);
    k.d[s->n_bins] = k.identity ? 1 : slope(fmin(ends[0], s->most));
    k.d[0] = k.identity ? 1 : slope(fmin(ends[s->linear ? 1 : 0], s->most));
    return k;
}

/* Durkan et al. 2019, eq. 4 and 5 */
static double evaluate(const knots *k, double x, double *derivative)
{
    int n = k->n, i = 0;
    double ignored;
    derivative = derivative != NULL ? derivative : &ignored;
    if (x <= k->x[0] || x >= k->x[n]) {
        int end = x <= k->x[0] ? 0 : n;
        *derivative = k->d[end];
        return k->y[end] + k->d[end] * (x - k->x[end]);
    }
    while (x >= k->x[i + 1])
        i++;
    double s = (k->y[i + 1] - k->y[i]) / (k->x[i + 1] - k->x[i]), xi = (x - k->x[i]) / (k->x[i + 1] - k->x[i]);
    double d0 = k->d[i], d1 = k->d[i + 1], t = xi * (1 - xi);
    *derivative = s * s * (d1 * xi * xi + 2 * s * t + d0 * (1 - xi) * (1 - xi)) / pow(s + (d1 + d0 - 2 * s) * t, 2);
    return k->y[i] + (k->y[i + 1] - k->y[i]) * (s * xi * xi + d0 * t) / (s + (d1 + d0 - 2 * s) * t);
}

/* ------------------------------------------------------------------ inputs */

static double uniform(uint64_t row, uint32_t column)
{
    return flow_rng_uniform(31, FLOW_STREAM_OTHER, row, column);
}

/* Parameters of `count` elements: normals of a deviation, in some rows of few distinct sizes. Elements 2 j and 2 j + 1
 * have the same. */
static void fill_theta(const curve *s, int count, double deviation, uint64_t seed, real *theta)
{
    flow_rng_normals(theta, s->n_params, count, seed, FLOW_STREAM_OTHER, 0);
    for (int p = 0; p < s->n_params; p++) {
        real *plane = theta + (size_t)p * (size_t)count;
        for (int j = 0; j < count; j += 2) {
            double a = (double)plane[j];
            if (j % 16 == 6)
                a = a < 0 ? -1 : 1;
            if (j % 16 == 14)
                a = a > 1.5 ? 1 : 0;
            plane[j] = plane[j + 1] = (real)(deviation * a);
        }
    }
}

static real next_to(real x, double towards)
{
    return is_double ? (real)nextafter((double)x, towards) : (real)nextafterf((float)x, (float)towards);
}

/* Something to put into each spline: anywhere, the ends and their neighbours, a knot and its neighbours, far away. */
static real input(const curve *s, const real *theta, int count, int j, uint64_t seed)
{
    real b = (real)s->bound;
    int kind = (int)(16 * uniform(seed + (uint64_t)j, 1));
    double u = 2 * uniform(seed + (uint64_t)j, 2) - 1;
    real end = u < 0 ? -b : b;
    switch (kind) {
    case 0:
        return end;
    case 1:
        return next_to(end, 0);
    case 2:
        return next_to(end, 2 * (double)end);
    case 3:
        return (real)(u * 1e6 * s->bound);
    case 4:
        return (real)(2 * u * s->bound);
    case 5: {
        knots k = knots_of(s, theta, count, j);
        real knot = (real)k.x[1 + (int)(uniform(seed + (uint64_t)j, 3) * (k.n - 1))];
        return u < -0.3 ? knot : next_to(knot, u * 1e9);
    }
    default:
        return (real)(u * s->bound);
    }
}

/* ------------------------------------------------------------------ tests */

static real theta[MOST_PARAMS * COUNT], x[COUNT], y[COUNT], back[COUNT], below[COUNT], above[COUNT];
static double logdet[COUNT], logdet_back[COUNT], ignored[COUNT];

static void zero_is_the_identity(void **state)
{
    (void)state;
    for (int bins = 2; bins <= 64; bins++) {
        curve s = make(bins, 3.7, bins % 2 == 0 ? "identity" : "linear", bins % 3 == 0);
        memset(theta, 0, sizeof theta);
        for (int j = 0; j < COUNT; j++)
            x[j] = (real)(s.bound * (s.circular ? 0.999 : 1.2) * (2. * j / (COUNT - 1) - 1));
        map(&s, COUNT, x, theta, y, logdet);
        invert(&s, COUNT, x, theta, back, logdet_back);
        for (int j = 0; j < COUNT; j++) {
            ASSERT_NEAR(y[j], x[j], 4 * epsilon() * s.bound);
            ASSERT_NEAR(back[j], x[j], 4 * epsilon() * s.bound);
            ASSERT_NEAR(logdet[j], 0, 100 * epsilon());
            ASSERT_NEAR(logdet_back[j], 0, 100 * epsilon());
        }
        flow_univariate_release(&s.univariate);
    }
}

/* Values and derivatives of moderate splines, where both are well determined. */
static void agrees_with_the_paper(void **state)
{
    (void)state;
    static const int bins[] = {2, 3, 8, 25, 64};
    static const char *const tails[] = {"identity", "linear", "bounded", "identity"};
    for (int config = 0; config < 20; config++) {
        curve s = make(bins[config % 5], config % 2 == 0 ? 5 : 0.8, tails[config / 5], config / 5 == 3);
        fill_theta(&s, COUNT, 0.5, (uint64_t)config, theta);
        for (int j = 0; j < COUNT; j++)
            x[j] = (real)(s.bound * (s.circular ? 1 : 1.5) * (2 * uniform((uint64_t)j, 4) - 1));
        map(&s, COUNT, x, theta, y, logdet);
        invert(&s, COUNT, y, theta, back, logdet_back);
        for (int j = 0; j < COUNT; j++) {
            knots k = knots_of(&s, theta, COUNT, j);
            double derivative, expected = evaluate(&k, (double)x[j], &derivative);
            double slack = 30 * epsilon() * (1 + s.n_bins) * (1 + derivative + 1 / derivative);
            ASSERT_NEAR(y[j], expected, slack * s.bound);
            ASSERT_NEAR(logdet[j], log(derivative), 10 * slack);
            ASSERT_NEAR(back[j], x[j], slack * s.bound);
            ASSERT_NEAR(logdet_back[j], -log(derivative), 10 * slack);
        }
        flow_univariate_release(&s.univariate);
    }
}

/* From each knot's own side: x_k goes to y_k with slope d_k, and coming from below it makes no difference. */
static void knots_go_to_knots(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    curve s = make(8, 5, "identity", false);
    fill_theta(&s, COUNT, 1, 77, theta);
    for (int at = 0; at <= s.n_bins; at++) {
        for (int side = -1; side <= 1; side++) {
            for (int j = 0; j < COUNT; j++) {
                knots k = knots_of(&s, theta, COUNT, j);
                x[j] = (real)(k.x[at] + side * 1e-13);
            }
            map(&s, COUNT, x, theta, y, logdet);
            for (int j = 0; j < COUNT; j++) {
                knots k = knots_of(&s, theta, COUNT, j);
                ASSERT_NEAR(y[j], k.y[at] + side * 1e-13 * k.d[at], 1e-13);
                ASSERT_NEAR(exp(logdet[j]), k.d[at], 1e-9 * (1 + k.d[at]));
            }
        }
    }
    flow_univariate_release(&s.univariate);
}

/* On a circle one turn more changes nothing, and the slope is the same on both sides of the cut. */
static void a_circle_closes(void **state)
{
    (void)state;
    curve s = make(5, 2, "identity", true); /* a period without rounding */
    fill_theta(&s, COUNT, 1, 5, theta);
    for (int turns = -3; turns <= 3; turns++) {
        for (int j = 0; j < COUNT; j++) {
            x[j] = (real)(ldexp(floor(ldexp(uniform((uint64_t)j, 6), 12)), -10) - 2);
            below[j] = x[j] + (real)(4 * turns);
        }
        map(&s, COUNT, x, theta, y, logdet);
        map(&s, COUNT, below, theta, back, logdet_back);
        assert_memory_equal(y, back, sizeof y);
        assert_memory_equal(logdet, logdet_back, sizeof logdet);
    }
    for (int j = 0; j < COUNT; j++)
        x[j] = (real)(j % 2 == 0 ? -2 : 2 * (1 - epsilon()));
    map(&s, COUNT, x, theta, y, logdet);
    for (int j = 0; j < COUNT; j += 2)
        ASSERT_NEAR(logdet[j], logdet[j + 1], 1e4 * epsilon());
    flow_univariate_release(&s.univariate);
}

static void expect_between(const curve *s, const char *what, int j, double least, double value, double most)
{
    if (!(least <= value && value <= most))
        fail_msg("%d bins, %s of %.9g (theta_0 %g): %.9g is not in [%.9g, %.9g]", s->n_bins, what, (double)x[j],
                 (double)theta[j], value, least, most);
}

static void expect_outside_untouched(const curve *s, int j)
{
    if (s->linear || fabs((double)x[j]) < (double)(real)s->bound)
        return;
    if (y[j] != x[j] || back[j] != x[j] || logdet[j] != 0 || logdet_back[j] != 0)
        fail_msg("%.9g outside of the box became %.9g, %.9g, log-determinants %g, %g", (double)x[j], (double)y[j],
                 (double)back[j], logdet[j], logdet_back[j]);
}

/* One batch of splines: all of it finite, monotone and invertible; every 16th element against the paper as well. */
static void try_batch(const curve *s, double deviation, uint64_t seed)
{
    fill_theta(s, COUNT, deviation, seed, theta);
    for (int j = 0; j < COUNT; j++)
        x[j] = input(s, theta, COUNT, j, seed * COUNT);
    map(s, COUNT, x, theta, y, logdet);
    invert(s, COUNT, y, theta, back, logdet_back);
    double slack[COUNT];
    for (int j = 0; j < COUNT; j++) {
        slack[j] = 16 * epsilon() * fmax(s->bound, fmax(fabs((double)x[j]), fabs((double)y[j])));
        below[j] = (real)((double)back[j] - slack[j]);
        above[j] = (real)((double)back[j] + slack[j]);
    }
    map(s, COUNT, below, theta, below, ignored);
    map(s, COUNT, above, theta, above, ignored);
    for (int j = 0; j < COUNT; j++) {
        if (!isfinite(y[j]) || !isfinite(back[j]) || !isfinite(logdet[j]) || !isfinite(logdet_back[j]))
            fail_msg("%g became %g and %g, log-determinants %g and %g", (double)x[j], (double)y[j], (double)back[j],
                     logdet[j], logdet_back[j]);
        expect_outside_untouched(s, j);
        expect_between(s, "the way back", j, (double)below[j] - slack[j], (double)y[j], (double)above[j] + slack[j]);
        if (j % 2 == 1 && x[j] >= x[j - 1])
            expect_between(s, "the order", j, (double)y[j - 1] - slack[j], (double)y[j], INFINITY);
        if (j % 16 == (int)(seed % 16)) {
            knots k = knots_of(s, theta, COUNT, j);
            expect_between(s, "the image", j, evaluate(&k, (double)x[j] - slack[j], NULL) - slack[j], (double)y[j],
                           evaluate(&k, (double)x[j] + slack[j], NULL) + slack[j]);
        }
    }
}

static void backward_is_finite(const curve *s)
{
    static real g[COUNT], gl[COUNT], gin[2][COUNT], gtheta[2][MOST_PARAMS * COUNT];
    for (int j = 0; j < COUNT; j++) {
        g[j] = (real)(2 * uniform((uint64_t)j, 8) - 1);
        gl[j] = (real)(2 * uniform((uint64_t)j, 9) - 1);
    }
    const flow_univariate_type *type = s->univariate.type;
    map(s, COUNT, x, theta, y, logdet);
    type->backward[FLOW_TO_LATENT](s->univariate.state, 1, COUNT, x, left, COUNT, y, g, gl, gin[0], gtheta[0]);
    invert(s, COUNT, y, theta, back, logdet_back);
    type->backward[FLOW_TO_DATA](s->univariate.state, 1, COUNT, y, left, COUNT, back, g, gl, gin[1], gtheta[1]);
    for (int side = 0; side < 2; side++) {
        for (int j = 0; j < COUNT; j++)
            assert_true(isfinite(gin[side][j]));
        for (int k = 0; k < s->n_params * COUNT; k++)
            assert_true(isfinite(gtheta[side][k]));
    }
}

/* Ten million splines, from gentle to absurd. */
static void holds_for_any_parameters(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    const int n_batches = 250;
#else
    const int n_batches = 5000;
#endif
    static const double deviations[] = {0.3, 2, 7, 20, 1e2, 1e4, 1e6, 1e30};
    static const int bins[] = {8, 2, 5, 16};
    curve subjects[8];
    for (int k = 0; k < 8; k++)
        subjects[k] = make(bins[k % 4], k % 3 == 0 ? 5 : k % 3 == 1 ? 1 : 40,
                           k < 4 ? "identity" : k < 6 ? "linear" : "bounded", false);
    for (int batch = 0; batch < n_batches; batch++) {
        const curve *s = &subjects[batch % 8];
        try_batch(s, deviations[batch / 8 % 8], (uint64_t)batch);
        if (batch % 10 == 0)
            backward_is_finite(s);
    }
    for (int k = 0; k < 8; k++)
        flow_univariate_release(&subjects[k].univariate);
}

/* What is not a number is not made one. */
static void nan_stays_nan(void **state)
{
    (void)state;
    curve s = make(4, 5, "identity", false);
    fill_theta(&s, COUNT, 1, 9, theta);
    for (int j = 0; j < COUNT; j++)
        x[j] = (real)(j % 2 == 0 ? NAN : 0.1);
    for (int j = 1; j < COUNT; j += 2) /* in one of the widths, or of the heights */
        theta[(size_t)(j / 2 % 8) * COUNT + (size_t)j] = (real)NAN;
    map(&s, COUNT, x, theta, y, logdet);
    invert(&s, COUNT, x, theta, back, logdet_back);
    for (int j = 0; j < COUNT; j++) {
        assert_true(isnan(y[j]));
        assert_true(isnan(back[j]));
    }
    flow_univariate_release(&s.univariate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_the_identity), cmocka_unit_test(agrees_with_the_paper),
        cmocka_unit_test(knots_go_to_knots),    cmocka_unit_test(a_circle_closes),
        cmocka_unit_test(nan_stays_nan),        cmocka_unit_test(holds_for_any_parameters),
    };
    return cmocka_run_group_tests_name("rational-quadratic splines", tests, NULL, NULL);
}
