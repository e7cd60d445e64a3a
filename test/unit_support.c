/* The column map "support": its maps against the formulas in long double, values on and outside of bounds, lattices,
 * and what specs may say. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/design.h"
#include "flow/rows.h"
#include "harness.h"
#include "num/rng.h"
#include "values.h"

enum { MOST_DIM = 4 };

static const char *const names[MOST_DIM] = {"mass", "eff", "count", "t"};

static flow_status try(subject *s, const char *json, int dim, const char *const *columns, flow_error *err)
{
    return subject_try(s, err, (subject_shape){.dim = dim, .columns = columns, .seed = 1}, "%s", json);
}

/* A flow of {"columns": {...}} and what stands behind the map, "" or ", ...". */
static void start(subject *s, int dim, const char *columns, const char *behind)
{
    subject_open(s, (subject_shape){.dim = dim, .columns = names, .seed = 1},
                 "{\"flow\": [{\"type\": \"support\", \"columns\": {%s}}%s]}", columns, behind);
    subject_init_weights(s, 1);
    subject_scatter_weights(s, 0.5, 2, 0);
    subject_workspace(s, FLOW_TILE, false);
}

static double uniform(uint64_t row, uint32_t column)
{
    return flow_rng_uniform(11, FLOW_STREAM_OTHER, row, column);
}

/* n values of the only column through the map alone. */
static void through(const subject *s, bool latent, int n, const double *in, double *out, double *logdet)
{
    const flow_column *map = &s->f->columns[0];
    memset(logdet, 0, (size_t)n * sizeof *logdet);
    (latent ? map->type->to_latent : map->type->to_data)(map->state, s->f->params.fitted, n, in, out, logdet);
}

/* ---- the maps ---- */

typedef struct interval {
    const char *json;
    double lower, upper;
} interval;

static const interval intervals[] = {
    {"\"mass\": {\"lower\": 0}", 0, INFINITY},
    {"\"mass\": {\"lower\": 125.09}", 125.09, INFINITY},
    {"\"mass\": {\"lower\": -1e6}", -1e6, INFINITY},
    {"\"mass\": {\"upper\": 0}", -INFINITY, 0},
    {"\"mass\": {\"upper\": 1}", -INFINITY, 1},
    {"\"mass\": {\"lower\": 0, \"upper\": 1}", 0, 1},
    {"\"mass\": {\"lower\": -1, \"upper\": 1}", -1, 1},
    {"\"mass\": {\"lower\": 125, \"upper\": 125.001}", 125, 125.001},
    {"\"mass\": {\"lower\": 0, \"upper\": 1e9}", 0, 1e9},
};

enum { N_INTERVALS = sizeof intervals / sizeof *intervals };

/* What z and log|dz/dx| are, for an x as it is, rounded or not. */
static void exact(const interval *i, double x, long double *z, long double *logdet)
{
    long double a = logl((long double)x - i->lower), b = logl((long double)i->upper - x);
    if (isinf(i->upper)) {
        *z = a;
        *logdet = -a;
    } else if (isinf(i->lower)) {
        *z = -b;
        *logdet = -b;
    } else {
        *z = a - b;
        *logdet = logl((long double)i->upper - i->lower) - a - b;
    }
}

static bool near(double value, long double wanted, double eps)
{
    return fabsl(value - wanted) <= eps * (1 + fabsl(wanted));
}

static void test_jacobian_near_bounds(void **state)
{
    (void)state;
    int n_near = 0;
    for (int k = 0; k < N_INTERVALS; k++) {
        const interval *i = &intervals[k];
        subject s;
        start(&s, 1, i->json, "");
        double width = isfinite(i->upper - i->lower) ? i->upper - i->lower : 1e3;
        for (int e = 0; e < 300; e++) {
            double away = width * pow(10, -e / 10.), z, logdet, back, logdet_back;
            double from[2] = {i->lower + away, i->upper - away};
            for (int side = 0; side < 2; side++) {
                double x = from[side];
                if (!isfinite(x) || x <= i->lower || x >= i->upper)
                    continue;
                long double z_exact, logdet_exact;
                exact(i, x, &z_exact, &logdet_exact);
                through(&s, true, 1, &x, &z, &logdet);
                if (!near(z, z_exact, 4e-16) || !near(logdet, logdet_exact, 4e-16))
                    fail_msg("%s at %.17g: z %.17g %.17Lg, log-determinant %.17g %.17Lg", i->json, x, z, z_exact,
                             logdet, logdet_exact);
                n_near += away < 1e-12 * width;
                /* the way back: x to its last digit, and a log-determinant that does not know x */
                through(&s, false, 1, &z, &back, &logdet_back);
                double digits = fmax(fabs(x), fabs(i->lower) < 1e300 ? fabs(i->lower) : 0) * DBL_EPSILON;
                if (!(fabs(back - x) <= 2 * digits + 1e-14 * away) ||
                    !near(logdet_back, -logdet_exact, DBL_EPSILON * (3 + fabs(z))))
                    fail_msg("%s at %.17g: back at %.17g, log-determinant %.17g %.17Lg", i->json, x, back, logdet_back,
                             -logdet_exact);
            }
        }
        subject_close(&s);
    }
    ASSERT_GT(n_near, 500);
}

static void test_never_outside(void **state)
{
    (void)state;
    enum { N = 100000 };
    double *z = malloc(N * sizeof *z), *x = malloc(N * sizeof *x), *logdet = malloc(N * sizeof *logdet);
    for (int k = 0; k < N_INTERVALS; k++) {
        subject s;
        start(&s, 1, intervals[k].json, "");
        for (int j = 0; j < N; j++)
            z[j] = (j % 3 == 0 ? 4 : j % 3 == 1 ? 80 : 3000) * (uniform((uint64_t)j, 1) - 0.5);
        through(&s, false, N, z, x, logdet);
        for (int j = 0; j < N; j++)
            if (!(x[j] >= intervals[k].lower && x[j] <= intervals[k].upper))
                fail_msg("%s: %.17g from %.17g", intervals[k].json, x[j], z[j]);
        subject_close(&s);
    }
    free(z);
    free(x);
    free(logdet);
}

static void test_on_a_bound(void **state)
{
    (void)state;
    enum { N = 5 };
    static const double rows[N * 2] = {0, 1, 0.5, 0.75, 2, 0.25, 0, 0, 0.125, 0.5};
    flow_error err;
    subject s;
    start(&s, 2, "\"mass\": {\"lower\": 0}, \"eff\": {\"lower\": 0, \"upper\": 1}", "");
    assert_int_equal(flow_fit(s.f, s.weights, rows, N, names, &err), FLOW_OK);
    /* a fitted value that a model file stores */
    assert_string_equal(s.f->params.entries[0].name, "0.support/nearest");
    ASSERT_EQ(s.f->params.fitted[0], 0.125 / 2);
    ASSERT_EQ(s.f->params.fitted[1], 0.25 / 2);
    ASSERT_EQ(s.f->params.fitted[3], 0.25 / 2);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, &err), FLOW_OK);
    static const double on[] = {0, 0, 0, 1, 1, 1}, inside[] = {0.0625, 0.125, 0.0625, 0.875, 1, 0.875};
    double logp[3], wanted[3], z[6];
    flow_rows_logp(runner, on, 3, logp);
    flow_rows_logp(runner, inside, 3, wanted);
    for (int j = 0; j < 3; j++) {
        assert_true(isfinite(logp[j]));
        ASSERT_EQ(logp[j], wanted[j]);
    }
    static const double outside[] = {-1e-300, 0.5, 1, 1 + DBL_EPSILON, 1, 0.5};
    flow_rows_logp(runner, outside, 3, logp);
    ASSERT_EQ(logp[0], -INFINITY);
    ASSERT_EQ(logp[1], -INFINITY);
    assert_true(isfinite(logp[2]));
    flow_rows_to_latent(runner, outside, 3, z, NULL);
    assert_true(isnan(z[0]) && isnan(z[1]) && isnan(z[2]) && isnan(z[3]) && isfinite(z[4]) && isfinite(z[5]));
    /* said plainly, and refused by a fit */
    assert_int_equal(flow_check_row(s.f, outside, &err), FLOW_DATA);
    assert_string_equal(err.message, "column \"mass\" has the value -1e-300, below its lower bound 0");
    assert_int_equal(flow_check_row(s.f, outside + 2, &err), FLOW_DATA);
    assert_string_equal(err.message, "column \"eff\" has the value 1.0000000000000002, above its upper bound 1");
    assert_int_equal(flow_check_row(s.f, outside + 4, &err), FLOW_OK);
    assert_int_equal(flow_fit(s.f, s.weights, outside, 3, names, &err), FLOW_DATA);
    /* numbers from a file that cannot be */
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    s.f->params.fitted[3] = 1;
    assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
    flow_runner_free(runner);
    subject_close(&s);
}

/* Columns that are not named pass as they are, and log-densities are in the units of the data. */
static void test_units(void **state)
{
    (void)state;
    flow_error err;
    subject s;
    start(&s, 3, "\"eff\": {\"lower\": 0, \"upper\": 10}", "");
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, &err), FLOW_OK);
    static const double row[] = {0.3, 4, -1.1};
    double logp, z[3], normal = -1.5 * log(2 * acos(-1.0)), logit = log(0.4 / 0.6);
    flow_rows_logp(runner, row, 1, &logp);
    flow_rows_to_latent(runner, row, 1, z, NULL);
    double wanted = normal - (0.3 * 0.3 + logit * logit + 1.1 * 1.1) / 2 + log(10 / (4. * 6));
    ASSERT_LT(fabs(logp - wanted), 1e-6);
    ASSERT_LT(fabs(z[0] - 0.3), 1e-7);
    ASSERT_LT(fabs(z[2] + 1.1), 1e-6);
    flow_runner_free(runner);
    subject_close(&s);
}

/* ---- discrete columns ---- */

static void test_lattices(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double first, step; /* of the values that are tried */
    } cases[] = {
        {"\"mass\": {\"discrete\": true}", -30, 1},
        {"\"mass\": {\"discrete\": true, \"step\": 0.1}", -3, 0.1},
        {"\"mass\": {\"discrete\": true, \"step\": 0.01, \"lower\": 0.07}", 0.07, 0.01},
        {"\"mass\": {\"discrete\": true, \"step\": 2, \"lower\": 1}", 1, 2},
        {"\"mass\": {\"discrete\": true, \"origin\": -3.12}", -30.12, 1},
        {"\"mass\": {\"discrete\": true, \"origin\": 0.5, \"step\": 2, \"lower\": -1.5}", -1.5, 2},
        {"\"mass\": {\"discrete\": true, \"step\": 0.3, \"upper\": 100}", 82, 0.3},
        {"\"mass\": {\"discrete\": true, \"lower\": 0, \"upper\": 60}", 0, 1},
        {"\"mass\": {\"discrete\": true, \"lower\": 1000000000, \"upper\": 1000000060}", 1e9, 1},
    };
    enum { N = 64 };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        subject s;
        start(&s, 1, cases[c].json, "");
        assert_int_equal(s.f->n_discrete, 1);
        for (int kind = FLOW_NOISE_OF_ROW; kind <= FLOW_NOISE_OF_PLACE; kind++) {
            double x[N];
            s.ws->noise = (flow_noise){.kind = (flow_noise_kind)kind, .draw = 3, .seed = 5};
            memset(s.ws->logdet, 0, N * sizeof *s.ws->logdet);
            for (int j = 0; j < N; j++)
                s.ws->x[j] = x[j] = cases[c].first + (j < 61 ? j : 0) * cases[c].step;
            flow_tile_spread(s.f, s.ws, N);
            for (int j = 0; j < N; j++) {
                double u = (s.ws->x[j] - x[j]) / cases[c].step;
                ASSERT_GT(u, -1e-6);
                ASSERT_LT(u, 1 + 1e-6);
                ASSERT_EQ(s.ws->logdet[j], log(cases[c].step)); /* probabilities, not densities */
            }
            flow_tile_round(s.f, s.ws, N);
            for (int j = 0; j < N; j++) {
                char text[64], wanted[64];
                snprintf(text, sizeof text, "%.15g", s.ws->x[j]);
                snprintf(wanted, sizeof wanted, "%.9g", x[j]); /* as data would write it */
                if (fabs(s.ws->x[j] - x[j]) > 1e-9 * cases[c].step * (1 + fabs(x[j] / cases[c].step)))
                    fail_msg("%s: %s became %s", cases[c].json, wanted, text);
                if (cases[c].step == 0.1 || cases[c].step == 0.01)
                    assert_string_equal(text, wanted);
            }
        }
        /* rounding ends at the bounds, and what is not on the lattice has no probability */
        static const double odd[] = {-1e12, 1e12, 0.7};
        memcpy(s.ws->x, odd, sizeof odd);
        flow_tile_round(s.f, s.ws, 16);
        flow_error err;
        for (int j = 0; j < 2; j++)
            assert_int_equal(flow_check_row(s.f, &s.ws->x[j], &err), FLOW_OK);
        if (cases[c].step == 1) {
            assert_int_equal(flow_check_row(s.f, odd + 2, &err), FLOW_DATA);
            memset(s.ws->logdet, 0, 16 * sizeof *s.ws->logdet);
            memcpy(s.ws->x, odd, sizeof odd);
            flow_tile_spread(s.f, s.ws, 16);
            ASSERT_EQ(s.ws->logdet[2], -INFINITY);
        }
        subject_close(&s);
    }
}

/* The draws of a row visit all sixteenths of its cell; equal rows have equal noise in an evaluation and their own in
 * training. */
static void test_noise(void **state)
{
    (void)state;
    enum { N = 32 };
    subject s;
    start(&s, 2, "\"eff\": {\"discrete\": true}", "");
    unsigned seen[N] = {0};
    double sum = 0, squares = 0;
    for (int k = 0; k < FLOW_NOISE_DRAWS; k++) {
        for (int j = 0; j < N; j++) {
            s.ws->x[j] = 0.1 * (j / 2);
            s.ws->x[N + j] = 7;
        }
        s.ws->noise = (flow_noise){.kind = FLOW_NOISE_OF_ROW, .draw = k};
        flow_tile_spread(s.f, s.ws, N);
        for (int j = 0; j < N; j++) {
            double u = s.ws->x[N + j] - 7;
            ASSERT_EQ(s.ws->x[j], 0.1 * (j / 2)); /* a column that is not named */
            ASSERT_GT(u, 0);
            ASSERT_LT(u, 1);
            assert_true(j % 2 == 0 || s.ws->x[N + j] == s.ws->x[N + j - 1]);
            assert_true(j == 0 || j % 2 == 1 || s.ws->x[N + j] != s.ws->x[N + j - 1]);
            seen[j] |= 1u << (int)(u * FLOW_NOISE_DRAWS);
            sum += u;
            squares += u * u;
        }
    }
    for (int j = 0; j < N; j++)
        assert_int_equal(seen[j], (1u << FLOW_NOISE_DRAWS) - 1);
    ASSERT_LT(fabs(sum / (N * FLOW_NOISE_DRAWS) - 0.5), 0.01);
    ASSERT_LT(fabs(squares / (N * FLOW_NOISE_DRAWS) - 1. / 3), 0.01);
    double first[N], second[N];
    for (int step = 0; step < 3; step++) {
        for (int j = 0; j < N; j++) {
            s.ws->x[j] = 0;
            s.ws->x[N + j] = 7;
        }
        s.ws->noise = (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .seed = 4, .first_row = step == 1 ? 1 << 20 : 0};
        flow_tile_spread(s.f, s.ws, N);
        memcpy(step == 0 ? first : second, s.ws->x + N, sizeof first);
        for (int j = 0; j < N; j++)
            assert_true(step == 0 || (first[j] == second[j]) == (step == 2));
    }
    for (int j = 1; j < N; j++)
        ASSERT_NE(first[j], first[j - 1]);
    subject_close(&s);
}

/* A log-probability does not depend on the rows around it, nor on the number of threads, nor on the place. */
static void test_company(void **state)
{
    (void)state;
    enum { N = 400, D = 3 };
    flow_error err;
    subject s;
    start(&s, D,
          "\"mass\": {\"lower\": 0}, \"eff\": {\"discrete\": true, \"lower\": 0}, \"count\": {\"discrete\": true}",
          ", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [8]}");
    double rows[N * D], turned[N * D], logp[N], other[N];
    for (int j = 0; j < N; j++) {
        rows[j * D] = uniform((uint64_t)j, 2);
        rows[j * D + 1] = floor(4 * uniform((uint64_t)j, 3));
        rows[j * D + 2] = floor(4 * uniform((uint64_t)j, 4)) - 2;
    }
    for (int j = 0; j < N; j++)
        memcpy(turned + (N - 1 - j) * D, rows + j * D, D * sizeof *rows);
    for (int threads = 1; threads <= 3; threads += 2) {
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, threads, &err), FLOW_OK);
        if (threads == 1)
            flow_rows_logp(runner, rows, N, logp);
        flow_rows_logp(runner, turned, N, other);
        for (int j = 0; j < N; j++)
            assert_true(isfinite(logp[j]) && logp[j] == other[N - 1 - j]);
        flow_rows_logp(runner, rows + 17 * D, 1, other);
        ASSERT_EQ(other[0], logp[17]);
        flow_runner_free(runner);
    }
    subject_close(&s);
}

/* Draws and round trips: values are on the lattice, and rounding is not taken for an error. */
static void test_samples(void **state)
{
    (void)state;
    enum { N = 100000, D = 4 };
    flow_error err;
    subject s;
    start(&s, D, "\"mass\": {\"lower\": 0}, \"eff\": {\"lower\": 0, \"upper\": 1}, \"count\": {\"discrete\": true, "
          "\"lower\": 0, \"upper\": 3}, \"t\": {\"discrete\": true, \"step\": 0.5}",
          ", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [8]}");
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, &err), FLOW_OK);
    double *x = malloc(N * D * sizeof *x), *logp = malloc(N * sizeof *logp), *again = malloc(N * sizeof *again);
    double *missed = malloc(N * D * sizeof *missed), *z = malloc(N * D * sizeof *z), error;
    flow_rows_sample(runner, 3, 0, N, 1.5, NULL, x, logp, &error);
    if (!(error < (sizeof(real) == sizeof(double) ? 1e-5 : 1e-2)))
        fail_msg("the round-trip error is %g", error);
    unsigned seen = 0;
    for (int j = 0; j < N; j++) {
        if (flow_check_row(s.f, x + j * D, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        ASSERT_EQ(x[j * D + 2], floor(x[j * D + 2]));
        ASSERT_EQ(2 * x[j * D + 3], floor(2 * x[j * D + 3]));
        seen |= 1u << (int)x[j * D + 2];
    }
    assert_int_equal(seen, 15);
    flow_rows_logp(runner, x, N, again);
    assert_memory_equal(logp, again, N * sizeof *logp);
    flow_rows_round_trip(runner, FLOW_TO_LATENT, x, N, z, NULL, missed);
    double most = 0;
    for (int k = 0; k < N * D; k++) /* on the scale of mass, which has no bound above */
        most = fmax(most, fabs(missed[k]) / fmax(1, fabs(x[k])));
    ASSERT_LT(most, (sizeof(real) == sizeof(double) ? 1e-9 : 1e-2));
    flow_rows_round_trip(runner, FLOW_TO_DATA, z, N, x, NULL, missed);
    most = 0;
    for (int k = 0; k < N * D; k++)
        most = fmax(most, fabs(missed[k]));
    ASSERT_LT(most, (sizeof(real) == sizeof(double) ? 1e-9 : 1e-2));
    flow_rows_to_data(runner, z, N, missed, NULL);
    assert_memory_equal(x, missed, N * D * sizeof *x);
    free(x);
    free(logp);
    free(again);
    free(missed);
    free(z);
    flow_runner_free(runner);
    subject_close(&s);
}

/* ---- periodic columns ---- */

static void test_angles(void **state)
{
    (void)state;
    enum { N = 5 };
    static const struct {
        const char *json;
        double data[N]; /* that are fitted */
        double begin, period;
    } cases[] = {
        {"\"mass\": {\"periodic\": 360}", {0, 10, 90, 359, 720}, 0, 360},
        {"\"mass\": {\"periodic\": 6.25}", {-1, 2, 3, -3, 0}, -3.125, 6.25},
        {"\"mass\": {\"periodic\": 6.25, \"lower\": 1}", {-1, 2, 3, -3, 0}, 1, 6.25},
        {"\"mass\": {\"periodic\": 86400, \"lower\": 1700000000}", {1, 2, 3, 4, 5}, 1.7e9, 86400},
    };
    flow_error err;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        subject s;
        start(&s, 1, cases[c].json, "");
        ASSERT_EQ(s.f->periods[0], cases[c].period);
        assert_true(s.f->latents.periodic[0]);
        assert_int_equal(flow_fit(s.f, s.weights, cases[c].data, N, names, &err), FLOW_OK);
        double begin = cases[c].begin, period = cases[c].period, log_slope = log(period / (2 * acos(-1.0)));
        for (int j = 0; j < 2000; j++) {
            double x = begin + period * (20 * uniform((uint64_t)j, 7) - 10), z, back, logdet, logdet_back;
            if (j % 4 == 0)
                x = begin + period * (j - 1000) * (1 + (j % 8 - 4) * 1e-16); /* seams, or as near as can be */
            through(&s, true, 1, &x, &z, &logdet);
            ASSERT_GE(z, -acos(-1.0));
            ASSERT_LT(z, acos(-1.0));
            ASSERT_LT(fabs(logdet + log_slope), 1e-14);
            through(&s, false, 1, &z, &back, &logdet_back);
            ASSERT_GE(back, begin);
            ASSERT_LT(back, begin + period);
            ASSERT_LT(fabs(logdet_back - log_slope), 1e-14);
            ASSERT_LT(fabs(remainder(back - x, period)), 1e-12 * (1 + fabs(x)));
            /* whatever number comes from the latent end is taken for an angle */
            double far = 200 * (uniform((uint64_t)j, 8) - 0.5);
            through(&s, false, 1, &far, &back, &logdet_back);
            ASSERT_GE(back, begin);
            ASSERT_LT(back, begin + period);
        }
        /* a uniform density, and no row is outside */
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, &err), FLOW_OK);
        double rows[] = {-1e6, 0, 1e6}, logp[3];
        flow_rows_logp(runner, rows, 3, logp);
        for (int j = 0; j < 3; j++)
            assert_true(fabs(logp[j] + log(period)) < 1e-12 && flow_check_row(s.f, rows + j, &err) == FLOW_OK);
        flow_runner_free(runner);
        subject_close(&s);
    }
}

/* The mark goes along with the dimension; standardize, whiten, actnorm and batchnorm leave it alone; the base is
 * uniform there. */
static void test_circles_are_carried(void **state)
{
    (void)state;
    enum { N = 64, D = 4 };
    flow_error err;
    subject s;
    start(&s, D, "\"eff\": {\"periodic\": 1}", ", \"standardize\", \"whiten\", "
          "{\"type\": \"permute\", \"order\": [3, 2, 0, 1]}, \"actnorm\", "
          "{\"type\": \"permute\", \"order\": \"random\"}, "
          "{\"type\": \"repeat\", \"times\": 3, \"flow\": [\"batchnorm\", {\"type\": \"permute\"}]}");
    const double *order = NULL;
    for (int e = 0; e < s.f->params.n_entries; e++)
        if (strcmp(s.f->params.entries[e].name, "5.permute/order") == 0)
            order = s.f->params.fitted + s.f->params.entries[e].offset;
    assert_non_null(order);
    int angle = 0; /* dimension 3 behind the list, and wherever the random order takes it */
    while (order[angle] != 3)
        angle++;
    for (int i = 0; i < D; i++)
        ASSERT_EQ(s.f->latents.periodic[i], (i == D - 1 - angle));
    double rows[N * D];
    for (int k = 0; k < N * D; k++)
        rows[k] = 50 * uniform((uint64_t)k, 9) + 7;
    memset(s.weights, 0, s.f->params.n_weights * sizeof *s.weights);
    assert_int_equal(flow_fit(s.f, s.weights, rows, N, names, &err), FLOW_OK);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, &err), FLOW_OK);
    double z[N * D], logp[N];
    flow_rows_to_latent(runner, rows, N, z, NULL);
    for (int j = 0; j < N; j++) {
        double t = rows[j * D + 1] - floor(rows[j * D + 1]), wanted = 2 * acos(-1.0) * t - acos(-1.0);
        ASSERT_LT(fabs(z[j * D + D - 1 - angle] - wanted), 1e-5);
    }
    /* draws: uniform there, whatever the temperature, and standard normal elsewhere */
    enum { DRAWS = 20000 };
    double *x = malloc(DRAWS * D * sizeof *x), sum = 0, squares = 0, error;
    flow_rows_sample(runner, 9, 0, DRAWS, 0, NULL, x, NULL, &error);
    for (int j = 0; j < DRAWS; j++) {
        ASSERT_EQ(x[j * D], x[0]);
        ASSERT_EQ(x[j * D + 2], x[2]);
        ASSERT_EQ(x[j * D + 3], x[3]);
        sum += x[j * D + 1];
        squares += x[j * D + 1] * x[j * D + 1];
    }
    ASSERT_LT(error, 1e-5);
    ASSERT_LT(fabs(sum / DRAWS - 0.5), 0.01);
    ASSERT_LT(fabs(squares / DRAWS - 1. / 3), 0.01);
    flow_rows_sample(runner, 9, 0, N, 1, NULL, x, logp, &error);
    double again[N];
    flow_rows_logp(runner, x, N, again);
    assert_memory_equal(logp, again, sizeof logp);
    free(x);
    /* an order from a file that would put a line where the angle is */
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    double *stored = (double *)(size_t)order, kept = stored[angle];
    stored[angle] = stored[(angle + 1) % D];
    stored[(angle + 1) % D] = kept;
    assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
    flow_runner_free(runner);
    subject_close(&s);
}

/* Blocks that would tear a circle are refused with their place in the spec. */
static void test_circles_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        bool keeps;
    } cases[] = {
        {"\"maf\"", true},
        {"\"iaf\"", true},
        {"\"nsf\"", true},
        {"\"nsf_ar\"", true},
        {"\"realnvp\"", true},
        {"\"nice\"", true},
        {"\"permute\"", true},
        {"\"actnorm\"", true},
        {"\"batchnorm\"", true},
        {"{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"batchnorm\", \"permute\"]}", true},
        {"{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"linear\"]}", false},
        {"\"linear\"", false},
        {"\"householder\"", false},
        {"\"glow\"", false},
    };
    flow_error err;
    subject s;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char *json = flow_format(
            "{\"flow\": [{\"type\": \"support\", \"columns\": {\"mass\": {\"periodic\": 2}}}, %s]}", cases[c].block);
        flow_status status = try(&s, json, 2, names, &err);
        if (cases[c].keeps)
            assert_int_equal(status, FLOW_OK);
        else if (status != FLOW_SPEC || strstr(err.message, "flow[1]") == NULL ||
                 strstr(err.message, "periodic") == NULL)
            fail_msg("%s: %s", cases[c].block, status == FLOW_OK ? "" : err.message);
        subject_close(&s);
        free(json);
    }
}

/* ---- specs ---- */

static void test_specs(void **state)
{
    (void)state;
    static const struct {
        const char *columns, *message; /* NULL: it is right */
    } cases[] = {
        {"{\"mass\": {\"lower\": 0}}", NULL},
        {"{\"#2\": {\"lower\": 0}}", NULL},
        {"{\"mas\": {\"lower\": 0}}", "flow[0].columns.mas: there is no column \"mas\"; did you mean \"mass\"?"},
        {"{\"energy\": {\"lower\": 0}}", "flow[0].columns.energy: there is no column \"energy\" among the 4"},
        {"{\"#5\": {\"lower\": 0}}", "flow[0].columns.#5: there is no column \"#5\""},
        {"{\"#0\": {\"lower\": 0}}", "flow[0].columns.#0: there is no column \"#0\""},
        {"{\"#1\": {\"lower\": 0}, \"mass\": {\"lower\": 0}}",
         "flow[0].columns.mass: this is column 1, which has another"},
        {"{\"mass\": {\"lowr\": 0}}", "flow[0].columns.mass: unknown key \"lowr\"; did you mean \"lower\"?"},
        {"{\"mass\": {\"lower\": \"0\"}}", "flow[0].columns.mass.lower: expected a number"},
        {"{\"mass\": {\"lower\": 1, \"upper\": 1}}", "flow[0].columns.mass: the lower bound has to be below"},
        {"{\"mass\": {}}", "flow[0].columns.mass: this says nothing"},
        {"{\"mass\": 0}", "flow[0].columns.mass: expected an object"},
        {"{\"mass\": {\"lower\": 0, \"step\": 1}}", "flow[0].columns.mass: there is a \"step\""},
        {"{\"mass\": {\"discrete\": true, \"step\": 0}}", "flow[0].columns.mass.step: 0 is out of range"},
        {"{\"mass\": {\"discrete\": true, \"lower\": 0, \"upper\": 2.5}}",
         "flow[0].columns.mass: the upper bound is not"},
        {"{\"mass\": {\"discrete\": true, \"lower\": 0, \"origin\": 0.5}}",
         "flow[0].columns.mass: the origin is not a whole number of steps away from the bound"},
        {"{\"mass\": {\"lower\": 0, \"origin\": 1}}", "flow[0].columns.mass: there is an \"origin\""},
        {"{\"mass\": {\"periodic\": 360, \"origin\": 1}}", "flow[0].columns.mass: a column cannot be periodic and"},
        {"{\"mass\": {\"discrete\": true, \"lower\": 1e17, \"upper\": 100000000000000064}}",
         "flow[0].columns.mass: the step is lost"},
        {"{\"mass\": {\"periodic\": 360, \"upper\": 360}}", "flow[0].columns.mass: a periodic column has no \"upper\""},
        {"{\"mass\": {\"periodic\": 360, \"discrete\": true}}",
         "flow[0].columns.mass: a column cannot be periodic and"},
        {"{\"mass\": {\"spikes\": [0, 2.5]}}", NULL},
        {"{\"mass\": {\"lower\": 0, \"upper\": 1, \"spikes\": [1, 0.5, 0]}}", NULL},
        {"{\"mass\": {\"spikes\": 0}}", "flow[0].columns.mass.spikes: expected a list of numbers"},
        {"{\"mass\": {\"spikes\": [0, \"x\"]}}", "flow[0].columns.mass.spikes[1]: expected a number"},
        {"{\"mass\": {\"spikes\": []}}", "flow[0].columns.mass: this says nothing"},
        {"{\"mass\": {\"spikes\": [1, 0, 1]}}", "flow[0].columns.mass: the spike at 1 occurs twice"},
        {"{\"mass\": {\"lower\": 0, \"spikes\": [-1, 0]}}",
         "flow[0].columns.mass: the spike at -1 is outside of the bounds"},
        {"{\"mass\": {\"discrete\": true, \"spikes\": [0]}}", "flow[0].columns.mass: all values of a discrete column"},
        {"{\"mass\": {\"periodic\": 360, \"spikes\": [0]}}",
         "flow[0].columns.mass: a periodic column cannot have spikes"},
        {"{\"mass\": {\"periodic\": -1}}", "flow[0].columns.mass.periodic: -1 is out of range"},
        {"{\"mass\": {\"periodic\": 1, \"lower\": 1e17}}", "flow[0].columns.mass: the period is lost"},
        {"{}", "flow[0].columns: there is no column in it"},
        {"[]", "flow[0].columns: expected an object"},
    };
    flow_error err;
    subject s;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char *json = flow_format("{\"flow\": [{\"type\": \"support\", \"columns\": %s}]}", cases[c].columns);
        flow_status status = try(&s, json, MOST_DIM, names, &err);
        if (cases[c].message == NULL)
            assert_int_equal(status, FLOW_OK);
        else if (status != FLOW_SPEC || strstr(err.message, cases[c].message) == NULL)
            fail_msg("%s: \"%s\", not \"%s\"", json, status == FLOW_OK ? "" : err.message, cases[c].message);
        subject_close(&s);
        free(json);
    }
    assert_int_equal(try(&s, "{\"flow\": [\"support\"]}", 2, names, &err), FLOW_SPEC);
    assert_non_null(strstr(err.message, "flow[0]: the key \"columns\" is missing"));
    subject_close(&s);
    assert_int_equal(
        try(&s, "{\"flow\": [\"standardize\", {\"type\": \"support\", \"columns\": {\"#1\": {\"lower\": 0}}}]}", 2,
            names, &err),
        FLOW_SPEC);
    assert_non_null(strstr(err.message, "flow[1]: \"support\""));
    subject_close(&s);
    /* where nobody knows the names, they are checked later; places count now */
    assert_int_equal(
        try(&s, "{\"flow\": [{\"type\": \"support\", \"columns\": {\"energy\": {\"lower\": 0}}}]}", 2, NULL, &err),
        FLOW_OK);
    subject_close(&s);
    assert_int_equal(
        try(&s, "{\"flow\": [{\"type\": \"support\", \"columns\": {\"#3\": {\"lower\": 0}}}]}", 2, NULL, &err),
        FLOW_SPEC);
    subject_close(&s);
    /* what is resolved says what the step is */
    assert_int_equal(
        try(&s, "{\"flow\": [{\"type\": \"support\", \"columns\": {\"eff\": {\"discrete\": true}}}]}", 2, names, &err),
        FLOW_OK);
    char *text = cJSON_PrintUnformatted(s.document);
    assert_non_null(
        strstr(text, "{\"flow\":[{\"type\":\"support\",\"columns\":{\"eff\":{\"discrete\":true,\"step\":1}}}]"));
    free(text);
    subject_close(&s);
}

static void test_descriptions(void **state)
{
    (void)state;
    subject s;
    start(&s, 4,
          "\"t\": {\"upper\": 10}, \"mass\": {\"lower\": 0}, \"eff\": {\"lower\": 0, \"upper\": 1, \"discrete\": true, "
          "\"step\": 0.1}, \"count\": {\"discrete\": true, \"origin\": 0.25}",
          "");
    flow_text text = {0};
    s.f->columns[0].type->describe(s.f->columns[0].state, &text);
    assert_string_equal(text.data, "t: 10 or less\nmass: 0 or more\neff: steps of 0.1, 0 to 1\n"
                                   "count: steps of 1, one of them at 0.25\n");
    flow_text_free(&text);
    subject_close(&s);
    start(&s, 4, "\"t\": {\"lower\": 0, \"spikes\": [0]}, \"mass\": {\"spikes\": [2.5, -1]}", "");
    text = (flow_text){0};
    s.f->columns[0].type->describe(s.f->columns[0].state, &text);
    assert_string_equal(text.data, "t: 0 or more, a spike at 0\nmass: spikes at -1, 2.5\n");
    flow_text_free(&text);
    subject_close(&s);
    start(&s, 4, "\"t\": {\"periodic\": 24}, \"mass\": {\"periodic\": 360, \"lower\": -180}", "");
    text = (flow_text){0};
    s.f->columns[0].type->describe(s.f->columns[0].state, &text);
    assert_string_equal(text.data, "t: period 24\nmass: period 360 from -180\n");
    flow_text_free(&text);
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jacobian_near_bounds), cmocka_unit_test(test_never_outside),
        cmocka_unit_test(test_on_a_bound),           cmocka_unit_test(test_units),
        cmocka_unit_test(test_lattices),             cmocka_unit_test(test_noise),
        cmocka_unit_test(test_company),              cmocka_unit_test(test_samples),
        cmocka_unit_test(test_angles),               cmocka_unit_test(test_circles_are_carried),
        cmocka_unit_test(test_circles_are_kept),     cmocka_unit_test(test_specs),
        cmocka_unit_test(test_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
