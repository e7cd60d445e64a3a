/* The numerics: random numbers against their published values and the distributions they claim, elementwise kernels of
 * every instruction set against libm, threads.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <Random123/philox.h>
#include <cmocka.h>
#include <float.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_erf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "num/moments.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "num/vecmath.h"
#include "num/vector.h"
#include "values.h"

static const bool is_double = sizeof(real) == sizeof(double);

/* ------------------------------------------------------------------ arithmetic on arrays */

enum { VECTOR_MOST = 300, N_VECTOR_FUNCTIONS = 8 };

/* Function number k on arrays, and what it gives for one element. `first` is a[0]. */
static void vector_apply(int k, size_t count, const real *a, const real *b, real *out)
{
    switch (k) {
    case 0:
        flow_vec_sum(count, a, b, out);
        break;
    case 1:
        flow_vec_add(count, a, out);
        break;
    case 2:
        flow_vec_add_value(count, a[0], out);
        break;
    case 3:
        flow_vec_multiply(count, a, b, out);
        break;
    case 4:
        flow_vec_multiply_add(count, a, b, out);
        break;
    case 5:
        flow_vec_scale(count, (real)0.3, a, out);
        break;
    case 6:
        flow_vec_add_multiple(count, (real)0.3, a, out);
        break;
    default:
        flow_vec_add_product(count, (real)0.3, a, b, out);
        break;
    }
}

static real vector_element(int k, real first, real a, real b, real out)
{
    const real values[N_VECTOR_FUNCTIONS] = {
        a + b, out + a, out + first, a * b, out + a * b, (real)0.3 * a, out + (real)0.3 * a, out + (real)0.3 * a * b,
    };
    return values[k];
}

/* Element by element, to the bit, for any count and where the output is an input. */
static void arithmetic_on_arrays(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 7, 16, 33, 100, VECTOR_MOST};
    real a[VECTOR_MOST], b[VECTOR_MOST], before[VECTOR_MOST], out[VECTOR_MOST];
    for (size_t i = 0; i < VECTOR_MOST; i++) {
        a[i] = (real)flow_rng_uniform(5, FLOW_STREAM_OTHER, i, 0) - (real)0.5;
        b[i] = (real)flow_rng_uniform(5, FLOW_STREAM_OTHER, i, 1) - (real)0.5;
        before[i] = (real)flow_rng_uniform(5, FLOW_STREAM_OTHER, i, 2);
    }
    for (int k = 0; k < N_VECTOR_FUNCTIONS; k++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            memcpy(out, before, sizeof out);
            vector_apply(k, counts[c], a, b, out);
            for (size_t i = 0; i < VECTOR_MOST; i++) {
                real expected = i < counts[c] ? vector_element(k, a[0], a[i], b[i], before[i]) : before[i];
                assert_memory_equal(&out[i], &expected, sizeof expected);
            }
            memcpy(out, a, sizeof out);
            vector_apply(k, counts[c], k == 2 ? a : out, b, out);
            for (size_t i = 0; i < VECTOR_MOST; i++) {
                real expected = i < counts[c] ? vector_element(k, a[0], a[i], b[i], a[i]) : a[i];
                assert_memory_equal(&out[i], &expected, sizeof expected);
            }
        }
    }
}

static void arithmetic_on_rows(void **state)
{
    (void)state;
    enum { M = 5, N = 32 };
    real a[M * N], b[M * N], out[M * N], sum[N], chosen[3 * N], back[M * N];
    for (int k = 0; k < M * N; k++) {
        a[k] = (real)(k % 13 - 6);
        b[k] = (real)(k % 7 - 3);
        back[k] = -1;
    }
    flow_rows_multiply(M, N, a, b, out);
    for (int k = 0; k < M * N; k++)
        ASSERT_NEAR(out[k], a[k % N] * b[k], 0);
    for (int j = 0; j < N; j++)
        sum[j] = 1;
    flow_rows_add_products(M, N, a, b, sum);
    for (int j = 0; j < N; j++) {
        real expected = 1;
        for (int i = 0; i < M; i++)
            expected += a[i * N + j] * b[i * N + j];
        ASSERT_NEAR(sum[j], expected, 0);
    }
    static const int rows[] = {3, 0, 4};
    flow_rows_gather(3, rows, N, a, chosen);
    flow_rows_scatter(3, rows, N, chosen, back);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++)
            ASSERT_NEAR(back[i * N + j], i == 1 || i == 2 ? -1 : a[i * N + j], 0);
    assert_memory_equal(chosen, a + 3 * N, N * sizeof *chosen);
}

/* In whole blocks of vectors and in what is left of them, for as many rows as there are and for none. */
static void rows_added(void **state)
{
    (void)state;
    enum { M = 5, N = 150 };
    real a[M * N], out[N];
    for (int k = 0; k < M * N; k++)
        a[k] = (real)(k % 11 - 4);
    for (int m = 0; m <= M; m += M)
        for (size_t n = 1; n <= N; n += 7) {
            for (size_t j = 0; j < N; j++)
                out[j] = 2;
            flow_rows_add(m, n, a, out);
            for (size_t j = 0; j < N; j++) {
                real expected = 2;
                for (size_t r = 0; j < n && r < (size_t)m; r++)
                    expected += a[r * n + j];
                ASSERT_NEAR(out[j], expected, 0);
            }
        }
}

/* ------------------------------------------------------------------ random numbers */

/* Random123's kat_vectors for philox4x32 with ten rounds: counter, key, words. */
typedef struct known {
    uint32_t counter[4], key[2], words[4];
} known;

static const known known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static uint64_t join(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

/* Counter and key are (row, column, stream) and seed, so a published vector is a value of flow_rng_uniform. */
static void philox_known_answers(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof known_answers / sizeof *known_answers; k++) {
        const known *a = &known_answers[k];
        double u = flow_rng_uniform(join(a->key[0], a->key[1]), (flow_stream)a->counter[3],
                                    join(a->counter[0], a->counter[1]), a->counter[2]);
        uint64_t bits = join(a->words[1], a->words[0]) >> 12;
        ASSERT_EQ(u, ((double)bits + 0.5) * 0x1p-52);
    }
    flow_rng_sequence sequence;
    gsl_rng local = flow_rng_gsl_start(&sequence, 0, FLOW_STREAM_BASE, 0);
    for (int w = 0; w < 4; w++)
        assert_int_equal(gsl_rng_get(&local), known_answers[0].words[w]);
}

static void uniforms_lie_inside(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    double sum = 0, squares = 0, least = 1, most = 0;
    for (uint64_t row = 0; row < DRAWS; row++) {
        double u = flow_rng_uniform(11, FLOW_STREAM_OTHER, row, 3);
        ASSERT_GT(u, 0);
        ASSERT_LT(u, 1);
        sum += u;
        squares += u * u;
        least = fmin(least, u);
        most = fmax(most, u);
    }
    double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
    ASSERT_NEAR(mean, 0.5, 5 * sqrt(1. / 12 / DRAWS));
    ASSERT_NEAR(variance, 1. / 12, 5 * sqrt(1. / 180 / DRAWS));
    ASSERT_LT(least, 20. / DRAWS);
    ASSERT_GT(most, 1 - 20. / DRAWS);
    /* the ends of the range of words still lie inside (see uniform_from) */
    ASSERT_GT((0 + 0.5) * 0x1p-52, 0);
    ASSERT_LT(((double)0xfffffffffffffULL + 0.5) * 0x1p-52, 1);
}

/* Equal at one place only when everything that names the place is. */
static void places_differ(void **state)
{
    (void)state;
    double at = flow_rng_uniform(1, FLOW_STREAM_BASE, 2, 3);
    ASSERT_EQ(at, flow_rng_uniform(1, FLOW_STREAM_BASE, 2, 3));
    ASSERT_NE(at, flow_rng_uniform(2, FLOW_STREAM_BASE, 2, 3));
    ASSERT_NE(at, flow_rng_uniform(1 + (1ULL << 32), FLOW_STREAM_BASE, 2, 3));
    ASSERT_NE(at, flow_rng_uniform(1, FLOW_STREAM_WEIGHTS, 2, 3));
    ASSERT_NE(at, flow_rng_uniform(1, FLOW_STREAM_BASE, 3, 3));
    ASSERT_NE(at, flow_rng_uniform(1, FLOW_STREAM_BASE, 2 + (1ULL << 32), 3));
    ASSERT_NE(at, flow_rng_uniform(1, FLOW_STREAM_BASE, 2, 4));
    real a[FLOW_LANES], b[FLOW_LANES];
    for (int what = 0; what < 3; what++) {
        flow_rng_normals(a, 1, FLOW_LANES, 1, FLOW_STREAM_BASE, 0);
        flow_rng_normals(b, 1, FLOW_LANES, what == 0 ? 2 : 1, what == 1 ? FLOW_STREAM_OTHER : FLOW_STREAM_BASE,
                         what == 2 ? FLOW_LANES : 0);
        for (int j = 0; j < FLOW_LANES; j++)
            for (int k = 0; k < FLOW_LANES; k++)
                ASSERT_NE(a[j], b[k]);
    }
}

/* One large tile against any smaller ones, cut in any way. */
static void normals_do_not_know_the_cut(void **state)
{
    (void)state;
    enum { ROWS = 1024 };
    static const int dims[] = {1, 2, 3, 4, 5, 8, 13};
    for (size_t c = 0; c < sizeof dims / sizeof *dims; c++) {
        int d = dims[c];
        real *whole = malloc((size_t)d * ROWS * sizeof *whole), *part = malloc((size_t)d * ROWS * sizeof *part);
        assert_non_null(whole);
        assert_non_null(part);
        const uint64_t start = 0xfffffe00; /* the rows pass 2^32 */
        flow_rng_normals(whole, d, ROWS, 77, FLOW_STREAM_BASE, start);
        for (int cut = 0; cut < 40; cut++) {
            /* any first row, also one that is no multiple of anything */
            int first = (int)(flow_rng_uniform(5, FLOW_STREAM_OTHER, (uint64_t)cut, 0) * (ROWS - FLOW_LANES));
            int most = (ROWS - first) / FLOW_LANES;
            int n = FLOW_LANES * (1 + (int)(flow_rng_uniform(5, FLOW_STREAM_OTHER, (uint64_t)cut, 1) * (most - 1)));
            flow_rng_normals(part, d, n, 77, FLOW_STREAM_BASE, start + (uint64_t)first);
            for (int i = 0; i < d; i++)
                assert_memory_equal(part + i * n, whole + i * ROWS + first, (size_t)n * sizeof *part);
        }
        free(whole);
        free(part);
    }
}

/* Box and Muller by libm, from the words of the same places. */
static void normals_are_box_and_muller(void **state)
{
    (void)state;
    enum { D = 6 };
    const uint64_t seed = 0x123456789abcdef0, first = 1000000;
    real out[D * FLOW_TILE];
    flow_rng_normals(out, D, FLOW_TILE, seed, FLOW_STREAM_OTHER, first);
    for (int j = 0; j < FLOW_TILE; j++) {
        for (int i = 0; i < D; i++) {
            uint64_t row = first + (uint64_t)j;
            philox4x32_ctr_t counter = {{(uint32_t)row, (uint32_t)(row >> 32), (uint32_t)i / 4, FLOW_STREAM_OTHER}};
            philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
            philox4x32_ctr_t words = philox4x32(counter, key);
            int pair = i % 4 / 2 * 2;
            double u = ((double)words.v[pair] + 0.5) * 0x1p-32, v = ((double)words.v[pair + 1] + 0.5) * 0x1p-32;
            /* the uniforms are rounded to `real`, which moves the logarithm most where u is near 1 */
            double radius = sqrt(-2 * log((real)u)), angle = 2 * acos(-1) * (double)(real)v;
            double expected = radius * (i % 2 == 0 ? cos(angle) : sin(angle));
            ASSERT_NEAR((double)out[i * FLOW_TILE + j], expected, is_double ? 1e-14 : 2e-6);
        }
    }
}

static void normals_are_normal(void **state)
{
    (void)state;
    enum { DRAWS = 1000000, D = 8, ROWS = DRAWS / D };
    real *tile = malloc(DRAWS * sizeof *tile);
    double *x = malloc(DRAWS * sizeof *x);
    assert_non_null(tile);
    assert_non_null(x);
    flow_rng_normals(tile, D, ROWS / FLOW_LANES * FLOW_LANES, 2024, FLOW_STREAM_BASE, 0);
    size_t n = (size_t)D * (ROWS / FLOW_LANES * FLOW_LANES);
    for (size_t k = 0; k < n; k++)
        x[k] = (double)tile[k];
    double root = sqrt((double)n);
    double mean = gsl_stats_mean(x, 1, n), variance = gsl_stats_variance(x, 1, n);
    ASSERT_NEAR(mean, 0, 4 / root);
    ASSERT_NEAR(variance, 1, 4 * sqrt(2) / root);
    ASSERT_NEAR(gsl_stats_skew(x, 1, n), 0, 4 * sqrt(6) / root);
    ASSERT_NEAR(gsl_stats_kurtosis(x, 1, n), 0, 4 * sqrt(24) / root);

    /* dimensions of a row, and neighbouring rows, do not know of each other */
    size_t line = n / D;
    for (int i = 1; i < D; i++)
        ASSERT_NEAR(gsl_stats_correlation(x, 1, x + (size_t)i * line, 1, line), 0, 4 / sqrt((double)line));
    for (size_t lag = 1; lag <= 4; lag++)
        ASSERT_NEAR(gsl_stats_correlation(x, 1, x + lag, 1, line - lag), 0, 4 / sqrt((double)line));

    /* Kolmogorov and Smirnov: 1.63 is the 1 % point of sqrt(n) times the largest distance */
    gsl_sort(x, 1, n);
    double distance = 0;
    for (size_t k = 0; k < n; k++) {
        double p = gsl_cdf_ugaussian_P(x[k]);
        distance = fmax(distance, fmax(p - (double)k / (double)n, (double)(k + 1) / (double)n - p));
    }
    ASSERT_LT(distance * root, 1.63);
    /* the tails of a million draws reach further than 4.5 deviations and not to 6.8, where 32-bit uniforms end */
    ASSERT_LT(x[0], -4.5);
    ASSERT_GT(x[n - 1], 4.5);
    ASSERT_GT(x[0], -6.8);
    ASSERT_LT(x[n - 1], 6.8);
    free(tile);
    free(x);
}

static void gsl_generator(void **state)
{
    (void)state;
    enum { DRAWS = 140000, SIDES = 7, CARDS = 52 };
    flow_rng_sequence sequence, another;
    gsl_rng first = flow_rng_gsl_start(&sequence, 3, FLOW_STREAM_SHUFFLE, 9), *rng = &first;
    gsl_rng second = flow_rng_gsl_start(&another, 0, FLOW_STREAM_OTHER, 0), *other = &second;
    assert_string_equal(gsl_rng_name(rng), "philox4x32");
    ASSERT_EQ(gsl_rng_min(rng), 0);
    ASSERT_EQ(gsl_rng_max(rng), 0xffffffffUL);

    int counts[SIDES] = {0};
    for (int k = 0; k < DRAWS; k++) {
        unsigned long side = gsl_rng_uniform_int(rng, SIDES);
        ASSERT_LT(side, SIDES);
        counts[side]++;
    }
    double chi2 = 0, expected = (double)DRAWS / SIDES;
    for (int s = 0; s < SIDES; s++)
        chi2 += (counts[s] - expected) * (counts[s] - expected) / expected;
    ASSERT_GT(gsl_cdf_chisq_Q(chi2, SIDES - 1), 1e-3);

    for (int k = 0; k < 1000; k++) {
        double u = gsl_rng_uniform(rng), v = gsl_rng_uniform_pos(rng);
        ASSERT_GT(u, 0);
        ASSERT_LT(u, 1);
        ASSERT_GT(v, 0);
        ASSERT_LT(v, 1);
    }

    /* a shuffle is a permutation, the same for the same place, another one for another place */
    int deck[4][CARDS];
    const uint64_t rows[4] = {5, 5, 6, 5};
    const uint64_t seeds[4] = {3, 3, 3, 4};
    for (int d = 0; d < 4; d++) {
        for (int k = 0; k < CARDS; k++)
            deck[d][k] = k;
        flow_rng_gsl_start(&sequence, seeds[d], FLOW_STREAM_SHUFFLE, rows[d]);
        gsl_ran_shuffle(rng, deck[d], CARDS, sizeof deck[d][0]);
        bool seen[CARDS] = {false};
        for (int k = 0; k < CARDS; k++) {
            assert_false(seen[deck[d][k]]);
            seen[deck[d][k]] = true;
        }
    }
    assert_memory_equal(deck[0], deck[1], sizeof deck[0]);
    assert_memory_not_equal(deck[0], deck[2], sizeof deck[0]);
    assert_memory_not_equal(deck[0], deck[3], sizeof deck[0]);

    /* a clone goes on alike */
    gsl_rng *clone = gsl_rng_clone(other);
    for (int k = 0; k < 10; k++)
        assert_int_equal(gsl_rng_get(other), gsl_rng_get(clone));

    double sum = 0, squares = 0;
    for (int k = 0; k < DRAWS; k++) {
        double z = gsl_ran_gaussian_ziggurat(other, 1);
        sum += z;
        squares += z * z;
    }
    ASSERT_NEAR(sum / DRAWS, 0, 4 / sqrt(DRAWS));
    ASSERT_NEAR(squares / DRAWS, 1, 4 * sqrt(2. / DRAWS));
    gsl_rng_free(clone);
}

/* ------------------------------------------------------------------ elementwise kernels */

typedef void kernel(size_t n, const real *x, real *y);
/* Long double has 11 bits more than double on x86; elsewhere the reference is as good as the C library. */
typedef long double reference(long double x);

static long double sigmoid_reference(long double x)
{
    return 1 / (1 + expl(-x));
}

static long double elu_reference(long double x)
{
    return x > 0 ? x : expm1l(x);
}

static long double softplus_reference(long double x)
{
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

/* |y - expected| in units of the last place of `real` at `expected`; denormal numbers all have the same unit. */
static double ulps(real y, long double expected)
{
    if (isnan(expected))
        return isnan(y) ? 0 : INFINITY;
    long double most = is_double ? (long double)DBL_MAX : (long double)FLT_MAX;
    int digits = is_double ? DBL_MANT_DIG : FLT_MANT_DIG, lowest = is_double ? DBL_MIN_EXP : FLT_MIN_EXP;
    if (isinf(y) || isinf(expected) || fabsl(expected) > most) {
        bool beyond = fabsl(expected) > most - ldexpl(most, -digits); /* near enough to the largest number to round */
        return isinf(y) && beyond && (y > 0) == (expected > 0) ? 0 : INFINITY;
    }
    int exponent;
    frexpl(expected, &exponent);
    if (exponent < lowest || expected == 0)
        exponent = lowest;
    return (double)(fabsl((long double)y - expected) / ldexpl(1, exponent - digits));
}

typedef struct range {
    double least, most;
} range;

typedef struct function {
    const char *name;
    reference *exact;
    double bound; /* ulp */
    double tiny;  /* results smaller than this in size may be off by as much: a product of denormal numbers */
    range ranges[4];
} function;

static kernel *kernel_of(const flow_vecmath *table, int f)
{
    kernel *const all[] = {table->exp,     table->log, table->log1p,   table->tanh,
                           table->sigmoid, table->elu, table->softplus};
    return all[f];
}

static kernel *const dispatched[] = {flow_vec_exp,     flow_vec_log, flow_vec_log1p,   flow_vec_tanh,
                                     flow_vec_sigmoid, flow_vec_elu, flow_vec_softplus};

/* The bounds that vecmath.h states. */
static const function functions[] = {
    {"exp", expl, 1, 0, {{-750, 710}, {-104, 89}, {-2, 2}, {-1e-6, 1e-6}}},
    {"log", logl, 1, 0, {{0, 1e3}, {0.9, 1.1}, {0, 1e-30}, {1e20, 1e38}}},
    {"log1p", log1pl, 1, 0, {{-1, 1e3}, {-0.1, 0.1}, {-1e-6, 1e-6}, {1e20, 1e37}}},
    {"tanh", tanhl, 3, 0, {{-30, 30}, {-2, 2}, {-0.1, 0.1}, {-1e-3, 1e-3}}},
    {"sigmoid", sigmoid_reference, 3, 1, {{-750, 750}, {-90, 90}, {-5, 5}, {-1e-3, 1e-3}}},
    {"elu", elu_reference, 1, 0, {{-750, 750}, {-20, 5}, {-1, 1}, {-1e-20, 1e-20}}},
    {"softplus", softplus_reference, 3, 1, {{-750, 750}, {-90, 90}, {-5, 5}, {-1e-3, 1e-3}}},
};

enum { N_FUNCTIONS = sizeof functions / sizeof *functions, POINTS = 4096 };

/* The unavoidable: 1 / (1 + exp(-x)) leaves the range of exp at the same place as the numbers without denormals. */
static bool too_small(const function *f, long double expected)
{
    return f->tiny > 0 && fabsl(expected) < (is_double ? (long double)DBL_MIN : (long double)FLT_MIN);
}

/* A limit of SLEEF's that vecmath.h states. */
static bool beyond_log1p(const function *f, real x)
{
    return strcmp(f->name, "log1p") == 0 && x > (is_double ? (real)1e307 : (real)1e38);
}

static void expect_ulps(const function *f, const char *table, real x, real y)
{
    if (beyond_log1p(f, x) && isinf(y) && y > 0)
        return;
    long double expected = f->exact((long double)x);
    if (too_small(f, expected)) {
        if (!(fabsl((long double)y - expected) <= (is_double ? (long double)DBL_MIN : (long double)FLT_MIN)))
            fail_msg("%s %s(%.17g) = %.17g, not %.17Lg", table, f->name, (double)x, (double)y, expected);
        return;
    }
    double error = ulps(y, expected);
    if (!(error <= f->bound))
        fail_msg("%s %s(%.17g) = %.17g, not %.17Lg: %.3g ulp", table, f->name, (double)x, (double)y, expected, error);
}

static void kernels_against_libm(void **state)
{
    (void)state;
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    real *x = malloc(POINTS * sizeof *x), *y = malloc(POINTS * sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    for (int f = 0; f < N_FUNCTIONS; f++) {
        for (int r = 0; r < 4; r++) {
            range in = functions[f].ranges[r];
            for (int k = 0; k < POINTS; k++) {
                double u = flow_rng_uniform(21, FLOW_STREAM_OTHER, (uint64_t)k, (uint32_t)(4 * f + r));
                x[k] = (real)(in.least + (in.most - in.least) * u);
            }
            for (int t = 0; t < n_tables; t++) {
                kernel_of(all[t], f)(POINTS, x, y);
                for (int k = 0; k < POINTS; k++)
                    expect_ulps(&functions[f], all[t]->name, x[k], y[k]);
            }
        }
        /* exponents of all sizes, both signs */
        for (int k = 0; k < POINTS; k++) {
            int lowest = is_double ? -1074 : -149, highest = is_double ? 1023 : 127;
            double u = flow_rng_uniform(22, FLOW_STREAM_OTHER, (uint64_t)k, (uint32_t)f);
            x[k] = (real)ldexp(1 + u, lowest + (int)((long)k * (highest - lowest) / POINTS));
            if (k % 2 == 1 && strncmp(functions[f].name, "log", 3) != 0)
                x[k] = -x[k];
        }
        for (int t = 0; t < n_tables; t++) {
            kernel_of(all[t], f)(POINTS, x, y);
            for (int k = 0; k < POINTS; k++)
                expect_ulps(&functions[f], all[t]->name, x[k], y[k]);
        }
    }
    free(x);
    free(y);
}

static void kernels_at_the_ends(void **state)
{
    (void)state;
    const real denormal = is_double ? (real)4.9406564584124654e-324 : (real)1e-45,
               least = is_double ? (real)DBL_MIN : (real)FLT_MIN;
    const real most = is_double ? (real)DBL_MAX : (real)FLT_MAX;
    const real x[FLOW_LANES] = {
        0,         (real)-0.,  denormal, -denormal, least, -least, (real)INFINITY, (real)-INFINITY,
        (real)NAN, (real)-NAN, most,     -most,     1,     -1,     least / 2,      -least / 2};
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    for (int f = 0; f < N_FUNCTIONS; f++) {
        for (int t = 0; t <= n_tables; t++) { /* the last one: whatever the program picked */
            real y[FLOW_LANES];
            (t < n_tables ? kernel_of(all[t], f) : dispatched[f])(FLOW_LANES, x, y);
            for (int k = 0; k < FLOW_LANES; k++)
                expect_ulps(&functions[f], t < n_tables ? all[t]->name : flow_vec_name(), x[k], y[k]);
        }
    }
}

/* The same number gives the same bits at every place of an array, aligned to nothing but its own size, and in place. */
static void kernels_do_not_know_the_place(void **state)
{
    (void)state;
    enum { COUNT = 8 * FLOW_LANES };
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    for (int f = 0; f < N_FUNCTIONS; f++) {
        for (int t = 0; t < n_tables; t++) {
            for (int k = 0; k < 20; k++) {
                real value = (real)(3 * flow_rng_uniform(23, FLOW_STREAM_OTHER, (uint64_t)k, (uint32_t)f));
                real x[COUNT + 1], y[COUNT + 1];
                for (int j = 0; j <= COUNT; j++)
                    x[j] = value;
                kernel_of(all[t], f)(COUNT, x + 1, y + 1);
                for (int j = 2; j <= COUNT; j++)
                    assert_memory_equal(&y[j], &y[1], sizeof *y);
                kernel_of(all[t], f)(COUNT, x + 1, x + 1);
                assert_memory_equal(x + 1, y + 1, COUNT * sizeof *x);
            }
        }
    }
}

/* The value has the bits of tanh, the derivatives are of that value. */
static void tanh_with_derivatives(void **state)
{
    (void)state;
    enum { ROWS = 3, N = 4 * FLOW_LANES, COUNT = ROWS * N, NO_NUMBER = 5 };
    const real bias[ROWS] = {(real)0.375, (real)-1.5, 0};
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    for (int t = 0; t < 2 * n_tables; t++) {
        bool biased = t < n_tables;
        const flow_vecmath *table = all[t % n_tables];
        real x[COUNT], expected[COUNT], y[COUNT], again[COUNT], first[COUNT], second[COUNT];
        for (int k = 0; k < COUNT; k++) {
            x[k] = (real)(8 * flow_rng_uniform(25, FLOW_STREAM_OTHER, (uint64_t)k, 0) - 4);
            if (k == NO_NUMBER)
                x[k] = (real)NAN;
            expected[k] = x[k] + (biased ? bias[k / N] : 0);
        }
        table->tanh(COUNT, expected, expected);
        memcpy(again, x, sizeof x);
        table->tanh_slopes(ROWS, N, biased ? bias : NULL, again, first, NULL);
        assert_memory_equal(again, expected, sizeof expected);
        memcpy(y, x, sizeof x);
        table->tanh_slopes(ROWS, N, biased ? bias : NULL, y, first, second);
        assert_memory_equal(y, expected, sizeof expected);
        for (int k = 0; k < COUNT; k++) {
            double value = (double)y[k], slope = 1 - value * value, unit = is_double ? DBL_EPSILON : FLT_EPSILON;
            assert_true(isnan(first[k]) == (k == NO_NUMBER) && isnan(second[k]) == (k == NO_NUMBER));
            assert_true(k == NO_NUMBER || fabs((double)first[k] - slope) <= unit);
            assert_true(k == NO_NUMBER || fabs((double)second[k] + 2 * value * slope) <= 4 * unit);
        }
    }
}

/* silu, both of its ways to the derivative, and the second one, from the sigmoid in double */
static void silu_with_derivatives(void **state)
{
    (void)state;
    enum { ROWS = 2, N = 4 * FLOW_LANES, COUNT = ROWS * N, NO_NUMBER = 7 };
    const real bias[ROWS] = {(real)-0.75, (real)2.5};
    const double unit = is_double ? DBL_EPSILON : FLT_EPSILON;
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    for (int t = 0; t < n_tables; t++) {
        real x[COUNT], pre[COUNT], y[COUNT], g[COUNT], alone[COUNT], value[COUNT], first[COUNT], second[COUNT];
        for (int k = 0; k < COUNT; k++) {
            pre[k] = x[k] = (real)(16 * flow_rng_uniform(26, FLOW_STREAM_OTHER, (uint64_t)k, 0) - 8);
            if (k == NO_NUMBER)
                pre[k] = x[k] = (real)NAN;
            g[k] = (real)-2;
        }
        all[t]->silu(ROWS, N, bias, pre, y);
        all[t]->silu_backward(COUNT, pre, y, g, g);
        memcpy(alone, x, sizeof x);
        all[t]->silu_slopes(ROWS, N, bias, alone, first, NULL);
        memcpy(value, x, sizeof x);
        all[t]->silu_slopes(ROWS, N, bias, value, first, second);
        for (int k = 0; k < COUNT; k++) {
            double a = (double)pre[k], s = 1 / (1 + exp(-a)), slope = s + a * s * (1 - s);
            if (k == NO_NUMBER) {
                assert_true(isnan(y[k]) && isnan(g[k]) && isnan(first[k]) && isnan(second[k]));
                continue;
            }
            assert_true(pre[k] == x[k] + bias[k / N] && value[k] == y[k] && alone[k] == y[k]);
            ASSERT_NEAR((double)y[k], a * s, 4 * unit * fabs(a * s));
            ASSERT_NEAR((double)g[k], -2 * slope, 10 * unit);
            ASSERT_NEAR((double)first[k], slope, 5 * unit);
            ASSERT_NEAR((double)second[k], s * (1 - s) * (2 + a * (1 - 2 * s)), 10 * unit);
        }
    }
}

enum { SOFTMAX_COUNT = 4 * FLOW_LANES, SOFTMAX_STRIDE = 5 * FLOW_LANES, SOFTMAX_MOST = 65, SOFTMAX_NAN = 5 };

/* Column j of y against that of x: what the exponent's rounding and the sum's can do, and below the smallest normal
 * number zero. What is not a number takes its column with it. */
static void expect_softmax(int planes, int j, const real *x, const real *y)
{
    long double unit = is_double ? DBL_EPSILON : FLT_EPSILON, tiny = is_double ? DBL_MIN : FLT_MIN;
    long double most = (long double)x[j], sum = 0;
    for (int p = 0; p < planes; p++)
        most = fmaxl(most, (long double)x[p * SOFTMAX_STRIDE + j]);
    for (int p = 0; p < planes; p++)
        sum += expl((long double)x[p * SOFTMAX_STRIDE + j] - most);
    for (int p = 0; p < planes; p++) {
        real share = y[p * SOFTMAX_STRIDE + j];
        long double a = (long double)x[p * SOFTMAX_STRIDE + j] - most, expected = expl(a) / sum;
        long double slack = (4 + (long double)planes / 4 + fabsl(a)) * unit * expected + tiny;
        assert_true(j == SOFTMAX_NAN ? isnan(share) : fabsl((long double)share - expected) <= slack);
    }
}

/* The columns of y in whatever company, and nothing beside them written. */
static void expect_no_company(const flow_vecmath *table, int planes, const real *x, const real *y)
{
    static real alone[SOFTMAX_MOST * FLOW_LANES];
    for (int p = 0; p < planes; p++)
        memcpy(alone + p * FLOW_LANES, x + p * SOFTMAX_STRIDE + FLOW_LANES, FLOW_LANES * sizeof *alone);
    table->softmax(planes, FLOW_LANES, alone, FLOW_LANES);
    for (int p = 0; p < planes; p++) {
        const real *line = y + p * SOFTMAX_STRIDE, *before = x + p * SOFTMAX_STRIDE;
        assert_memory_equal(alone + p * FLOW_LANES, line + FLOW_LANES, FLOW_LANES * sizeof *alone);
        assert_memory_equal(line + SOFTMAX_COUNT, before + SOFTMAX_COUNT, FLOW_LANES * sizeof *line);
    }
}

static void softmax_kernels(void **state)
{
    (void)state;
    static real x[SOFTMAX_MOST * SOFTMAX_STRIDE], y[SOFTMAX_MOST * SOFTMAX_STRIDE];
    static const double sizes[] = {1e-3, 1, 10, 200, 1e4, 1e30};
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    for (int at = 0; at < 6 * SOFTMAX_MOST; at++) {
        int planes = 1 + at % SOFTMAX_MOST;
        flow_rng_normals(x, planes, SOFTMAX_STRIDE, (uint64_t)at, FLOW_STREAM_OTHER, 0);
        for (int k = 0; k < planes * SOFTMAX_STRIDE; k++)
            x[k] *= (real)sizes[at / SOFTMAX_MOST];
        x[planes / 2 * SOFTMAX_STRIDE + SOFTMAX_NAN] = (real)NAN;
        for (int t = 0; t < n_tables; t++) {
            memcpy(y, x, sizeof y);
            all[t]->softmax(planes, SOFTMAX_COUNT, y, SOFTMAX_STRIDE);
            for (int j = 0; j < SOFTMAX_COUNT; j++)
                expect_softmax(planes, j, x, y);
            expect_no_company(all[t], planes, x, y);
        }
    }
}

static void normal_kernels_agree(void **state)
{
    (void)state;
    enum { COUNT = 64 * FLOW_LANES };
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    for (int t = 0; t < n_tables; t++) {
        real u[COUNT], v[COUNT];
        double radius[COUNT], angle[COUNT];
        for (int k = 0; k < COUNT; k++) {
            u[k] = (real)flow_rng_uniform(31, FLOW_STREAM_OTHER, (uint64_t)k, 0);
            v[k] = (real)flow_rng_uniform(31, FLOW_STREAM_OTHER, (uint64_t)k, 1);
            if (k % FLOW_LANES == 0)
                u[k] = (real)0x1p-33; /* the smallest uniform, and one that rounds to 1 */
            if (k % FLOW_LANES == 1)
                u[k] = 1;
            radius[k] = sqrt(-2 * log((double)u[k]));
            angle[k] = 2 * acos(-1) * (double)v[k];
        }
        all[t]->normals(COUNT, u, v);
        double slack = is_double ? 1e-14 : 5e-6;
        for (int k = 0; k < COUNT; k++) {
            ASSERT_NEAR((double)u[k], radius[k] * cos(angle[k]), slack);
            ASSERT_NEAR((double)v[k], radius[k] * sin(angle[k]), slack);
        }
    }
}

/* ------------------------------------------------------------------ the tail of the normal distribution */

/* Phi(-x) / phi(x) by its continued fraction (Abramowitz and Stegun 1964, 26.2.14), or from erfc where it is exact. */
static long double mills_reference(long double x)
{
    if (x < 3)
        return sqrtl(acosl(-1) / 2) * expl(x * x / 2) * erfcl(x / sqrtl(2));
    long double fraction = 0;
    for (int k = 400; k > 0; k--)
        fraction = k / (x + fraction);
    return 1 / (x + fraction);
}

/* 4096 places in [0, 40] and as many of all sizes up to where the density is known to be zero by anyone else */
static double tail_place(int k)
{
    double u = flow_rng_uniform(24, FLOW_STREAM_OTHER, (uint64_t)k, 0);
    return k < POINTS ? 40 * u : pow(10, (is_double ? 150 : 18) * u);
}

static void mills_ratio(void **state)
{
    (void)state;
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    real *x = malloc(2 * POINTS * sizeof *x), *y = malloc(2 * POINTS * sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    for (int k = 0; k < 2 * POINTS; k++)
        x[k] = k == 0 ? 0 : (real)tail_place(k);
    ASSERT_NEAR(mills_reference(0), gsl_cdf_ugaussian_Q(0) / gsl_ran_ugaussian_pdf(0), 1e-15);
    for (double t = 0.1; t < 37; t += 0.1) /* the reference itself against another one */
        ASSERT_NEAR(mills_reference(t) * gsl_sf_hazard(t), 1, 1e-12);
    for (int t = 0; t < n_tables; t++) {
        all[t]->mills(2 * POINTS, x, y);
        for (int k = 0; k < 2 * POINTS; k++) {
            double error = ulps(y[k], mills_reference((long double)x[k]));
            if (!(error <= 4))
                fail_msg("Mills' ratio at %.17g: %.17g, %.3g ulp from %.17Lg", (double)x[k], (double)y[k], error,
                         mills_reference((long double)x[k]));
        }
    }
    free(x);
    free(y);
}

static long double log_tail_reference(long double x)
{
    return logl(mills_reference(x)) - x * x / 2 - 0.91893853320467274178032973640561764L;
}

static void quantiles_of_the_tail(void **state)
{
    (void)state;
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all);
    const double unit = is_double ? DBL_EPSILON : FLT_EPSILON;
    real *x = malloc(2 * POINTS * sizeof *x), *y = malloc(2 * POINTS * sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    for (int k = 0; k < 2 * POINTS; k++)
        x[k] = (real)(k == 0 ? log(0.5) : (double)log_tail_reference((long double)tail_place(k)));
    for (int t = 0; t < n_tables; t++) {
        all[t]->normal_tail(2 * POINTS, x, y);
        for (int k = 0; k < 2 * POINTS; k++) {
            if (x[k] > -700)
                ASSERT_NEAR(y[k], gsl_cdf_ugaussian_Qinv(exp((double)x[k])), 1e-12 + 4 * unit * fmax(1, (double)y[k]));
            /* one Newton step in long double is the distance from the truth */
            long double at = fmaxl((long double)y[k], 0), past = fmaxl(-(long double)y[k], 0);
            long double off = (log_tail_reference(at) - (long double)x[k]) * mills_reference(at) + past;
            if (!(fabsl(off) <= 4 * unit * fmax(1, (double)y[k])))
                fail_msg("%.17g has log Phi(-y) = %.17g only %.3Lg away", (double)y[k], (double)x[k], off);
        }
    }
    free(x);
    free(y);
}

/* ------------------------------------------------------------------ threads */

typedef struct tally {
    int *runs; /* per item */
    int n_threads;
    bool in_range;
} tally;

static void count_item(void *context, int item, int thread)
{
    tally *t = context;
    t->runs[item]++; /* an item belongs to one thread, so this needs no lock */
    if (thread < 0 || thread >= t->n_threads)
        t->in_range = false;
}

static void every_item_once(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    static const int counts[] = {0, 1, 2, 7, 8, 9, MOST};
    for (int n_threads = 1; n_threads <= 8; n_threads++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            int runs[MOST] = {0};
            tally t = {runs, n_threads, true};
            flow_parallel_for(counts[c], n_threads, count_item, &t);
            for (int item = 0; item < MOST; item++)
                assert_int_equal(runs[item], item < counts[c] ? 1 : 0);
            assert_true(t.in_range);
        }
    }
    int runs[3] = {0};
    tally t = {runs, 1, true};
    flow_parallel_for(3, 0, count_item, &t); /* nonsense is one thread */
    assert_true(t.in_range);
    ASSERT_EQ(runs[0], 1);
    ASSERT_EQ(runs[1], 1);
    ASSERT_EQ(runs[2], 1);
    ASSERT_GE(flow_processors(), 1);
}

/* ------------------------------------------------------------------ weighted means */

enum { N_VALUES = 2000 };

typedef struct sample {
    double x[N_VALUES], w[N_VALUES];
} sample;

/* Exponential weights, of which `negative` is the share below zero, on values around `offset`. */
static void draw_sample(sample *s, double offset, double scale, double negative)
{
    for (int i = 0; i < N_VALUES; i++) {
        uint64_t row = (uint64_t)i;
        s->x[i] = offset + 2 * flow_rng_uniform(21, FLOW_STREAM_OTHER, row, 0);
        s->w[i] = -scale * log(flow_rng_uniform(21, FLOW_STREAM_OTHER, row, 1));
        if (flow_rng_uniform(21, FLOW_STREAM_OTHER, row, 2) < negative)
            s->w[i] = -s->w[i];
    }
}

static flow_moments moments_of(const sample *s, int n)
{
    flow_moments moments = {0};
    for (int i = 0; i < n; i++)
        flow_moments_add(&moments, s->x[i], s->w[i]);
    return moments;
}

/* The formulas of the header as they stand there, in long double. */
static void check_moments(const flow_moments *found, const sample *s, int n, double slack)
{
    long double weight = 0, squares = 0, sum = 0, between = 0;
    for (int i = 0; i < n; i++) {
        weight += s->w[i];
        squares += (long double)s->w[i] * s->w[i];
        sum += (long double)s->w[i] * s->x[i];
    }
    long double mean = sum / weight;
    for (int i = 0; i < n; i++)
        between += (s->w[i] * (s->x[i] - mean)) * (s->w[i] * (s->x[i] - mean));
    double error = (double)(sqrtl((long double)n / (n - 1) * between) / fabsl(weight));
    ASSERT_NEAR(flow_moments_mean(found), mean, slack * (1 + fabs((double)mean) * DBL_EPSILON / slack));
    ASSERT_NEAR(flow_moments_error(found) / error, 1, slack * 10);
    ASSERT_NEAR(flow_moments_effective(found) / (double)(weight * weight / squares), 1, 1e-10);
}

static void weighted_means(void **state)
{
    (void)state;
    static sample s;
    for (int k = 0; k < 2; k++) { /* all positive, then a tenth negative */
        draw_sample(&s, 5, 1, 0.1 * k);
        flow_moments found = moments_of(&s, N_VALUES);
        assert_int_equal(found.n, N_VALUES);
        check_moments(&found, &s, N_VALUES, 1e-12);
        if (k == 0) /* GSL leaves out weights below zero */
            ASSERT_NEAR(flow_moments_mean(&found), gsl_stats_wmean(s.w, 1, s.x, 1, N_VALUES), 1e-12);
    }
    /* far from zero, where sums of squares would have no digits left */
    draw_sample(&s, 1e9, 1, 0.1);
    flow_moments far = moments_of(&s, N_VALUES);
    check_moments(&far, &s, N_VALUES, 1e-6);
}

static void equal_weights_are_none(void **state)
{
    (void)state;
    static sample s;
    static const double weights[] = {1, 0.25, 1e-12, 3e8};
    draw_sample(&s, -3, 1, 0);
    double mean = gsl_stats_mean(s.x, 1, N_VALUES);
    double error = gsl_stats_sd(s.x, 1, N_VALUES) / sqrt(N_VALUES);
    for (size_t k = 0; k < sizeof weights / sizeof *weights; k++) {
        for (int i = 0; i < N_VALUES; i++)
            s.w[i] = weights[k];
        flow_moments found = moments_of(&s, N_VALUES);
        ASSERT_NEAR(flow_moments_mean(&found), mean, 1e-13);
        ASSERT_NEAR(flow_moments_error(&found) / error, 1, 1e-12);
        ASSERT_NEAR(flow_moments_effective(&found) / N_VALUES, 1, 1e-12);
    }
    flow_moments none = {0}, one = {0};
    assert_true(isnan(flow_moments_mean(&none)));
    ASSERT_EQ(flow_moments_error(&none), 0);
    ASSERT_EQ(flow_moments_effective(&none), 0);
    flow_moments_add(&one, 7, 3);
    ASSERT_EQ(flow_moments_mean(&one), 7);
    ASSERT_EQ(flow_moments_error(&one), 0);
    ASSERT_EQ(flow_moments_effective(&one), 1);
}

/* Cross sections can be tiny numbers; means do not depend on the unit of the weights, nor on rows of weight 0. */
static void unit_of_weights(void **state)
{
    (void)state;
    static sample s, scaled;
    draw_sample(&s, 5, 1, 0.1);
    flow_moments plain = moments_of(&s, N_VALUES);
    static const double units[] = {1e-300, 1e-170, 1e170, 1e300};
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        draw_sample(&scaled, 5, units[k], 0.1);
        flow_moments found = {0};
        flow_moments_add(&found, 1e10, 0);
        for (int i = 0; i < N_VALUES; i++)
            flow_moments_add(&found, scaled.x[i], scaled.w[i]);
        ASSERT_NEAR(flow_moments_mean(&found), flow_moments_mean(&plain), 1e-12);
        ASSERT_NEAR(flow_moments_error(&found) / flow_moments_error(&plain), 1, 1e-6); /* n is one more */
        ASSERT_NEAR(flow_moments_effective(&found) / flow_moments_effective(&plain), 1, 1e-10);
        ASSERT_GT(found.weight, 0);
    }
    /* nor on their order, however far they lie apart: from the least to the greatest, and the other way round */
    for (int i = 0; i < N_VALUES; i++) {
        s.w[i] = exp(-740.0 * (N_VALUES - 1 - i) / (N_VALUES - 1));
        scaled.w[N_VALUES - 1 - i] = s.w[i] * 1e200;
        scaled.x[N_VALUES - 1 - i] = s.x[i];
    }
    flow_moments rising = moments_of(&s, N_VALUES), falling = moments_of(&scaled, N_VALUES);
    check_moments(&rising, &s, N_VALUES, 1e-12);
    ASSERT_NEAR(flow_moments_mean(&falling), flow_moments_mean(&rising), 1e-12);
    ASSERT_NEAR(flow_moments_error(&falling) / flow_moments_error(&rising), 1, 1e-10);
    ASSERT_NEAR(flow_moments_effective(&falling) / flow_moments_effective(&rising), 1, 1e-10);
    flow_moments cancels = {0};
    flow_moments_add(&cancels, 1, 0.5);
    flow_moments_add(&cancels, 2, -0.5);
    ASSERT_EQ(cancels.weight, 0);
    flow_moments_add(&cancels, 3, 2); /* and from there on it is a mean again: (0.5 - 1 + 6) / 2 */
    ASSERT_NEAR(flow_moments_mean(&cancels), 2.75, 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_on_arrays),
        cmocka_unit_test(arithmetic_on_rows),
        cmocka_unit_test(rows_added),
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(uniforms_lie_inside),
        cmocka_unit_test(places_differ),
        cmocka_unit_test(normals_do_not_know_the_cut),
        cmocka_unit_test(normals_are_box_and_muller),
        cmocka_unit_test(normals_are_normal),
        cmocka_unit_test(gsl_generator),
        cmocka_unit_test(kernels_against_libm),
        cmocka_unit_test(kernels_at_the_ends),
        cmocka_unit_test(kernels_do_not_know_the_place),
        cmocka_unit_test(tanh_with_derivatives),
        cmocka_unit_test(silu_with_derivatives),
        cmocka_unit_test(softmax_kernels),
        cmocka_unit_test(normal_kernels_agree),
        cmocka_unit_test(mills_ratio),
        cmocka_unit_test(quantiles_of_the_tail),
        cmocka_unit_test(every_item_once),
        cmocka_unit_test(weighted_means),
        cmocka_unit_test(equal_weights_are_none),
        cmocka_unit_test(unit_of_weights),
    };
    return cmocka_run_group_tests_name("numerics", tests, NULL, NULL);
}
