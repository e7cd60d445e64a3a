/* Matrix products against plain loops, whatever library forms them. scripts/check_kernels.sh runs this for processors
 * with narrower vectors, unit_gemm_cblas.c for machines without libxsmm.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "num/gemm.h"
#include "num/rng.h"
#include "num/transpose.h"
#include "values.h"

static const bool is_double = sizeof(real) == sizeof(double);

static void fill(real *x, size_t n, uint64_t row)
{
    for (size_t k = 0; k < n; k++)
        x[k] = (real)(2 * flow_rng_uniform(41, FLOW_STREAM_OTHER, row, (uint32_t)k) - 1);
}

/* One product against plain loops in double; what lies between the rows of C must stay. */
static void expect_product(bool ta, bool tb, int m, int n, int k, int slack, real beta)
{
    int rows_a = ta ? k : m, cols_a = ta ? m : k, rows_b = tb ? n : k, cols_b = tb ? k : n;
    int lda = cols_a + slack + (cols_a == 0), ldb = cols_b + slack + (cols_b == 0), ldc = n + slack + (n == 0);
    size_t size_a = (size_t)(rows_a + 1) * (size_t)lda, size_b = (size_t)(rows_b + 1) * (size_t)ldb;
    size_t size_c = (size_t)(m + 1) * (size_t)ldc;
    real *a = malloc(size_a * sizeof *a), *b = malloc(size_b * sizeof *b), *c = malloc(size_c * sizeof *c),
         *old = malloc(size_c * sizeof *old);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_non_null(old);
    fill(a, size_a, 1);
    fill(b, size_b, 2);
    fill(old, size_c, 3);
    if (beta == 0) /* must not be read */
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++)
                old[i * ldc + j] = (real)NAN;
    memcpy(c, old, size_c * sizeof *c);
    flow_gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
    for (size_t at = 0; at < size_c; at++) {
        int i = (int)at / ldc, j = (int)at % ldc;
        if (i >= m || j >= n) {
            assert_memory_equal(&c[at], &old[at], sizeof *c);
            continue;
        }
        double sum = beta == 0 ? 0 : (double)beta * (double)old[at], size = fabs(sum);
        for (int p = 0; p < k; p++) {
            double term = (double)a[ta ? p * lda + i : i * lda + p] * (double)b[tb ? j * ldb + p : p * ldb + j];
            sum += term;
            size += fabs(term);
        }
        double bound = (k + 2) * (is_double ? DBL_EPSILON : FLT_EPSILON) * size;
        if (!(fabs((double)c[at] - sum) <= bound))
            fail_msg("gemm %c%c %dx%dx%d beta %g at (%d, %d): %.9g, not %.9g", ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k,
                     (double)beta, i, j, (double)c[at], sum);
    }
    free(a);
    free(b);
    free(c);
    free(old);
}

static void products_against_loops(void **state)
{
    (void)state;
    static const int shapes[][3] = {
        {1, 1, 1}, {1, 16, 1}, {2, 16, 3}, {3, 5, 7},   {16, 16, 16}, {32, 128, 10}, {32, 128, 5},  {1, 128, 0},
        {5, 7, 0}, {0, 5, 3},  {5, 0, 3},  {0, 0, 0},   {20, 128, 128}, {33, 48, 65}, {32, 112, 127}, {2, 128, 300},
        {1, 1, 513}, {126, 16, 63}, {32, 10, 128}, {7, 128, 1},
        {600, 300, 530}, {520, 17, 20}, {20, 260, 9},
    };
    static const real betas[] = {0, 1, (real)0.5, -2};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int transposes = 0; transposes < 4; transposes++)
            for (int slack = 0; slack < 12; slack += 11)
                for (size_t b = 0; b < sizeof betas / sizeof *betas; b++)
                    expect_product(transposes & 1, transposes & 2, shapes[s][0], shapes[s][1], shapes[s][2], slack,
                                   betas[b]);
}

/* There when the library of the products runs on OpenMP. */
extern int omp_get_max_threads(void) __attribute__((weak));

static double processor_time(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Products so large that any library would share them out: only the thread that asked for them may have worked. (On a
 * machine with one processor this cannot fail.) */
static void products_stay_on_their_thread(void **state)
{
    (void)state;
    enum { SIZE = 512, TIMES = 10 };
    real *a = calloc((size_t)SIZE * SIZE, sizeof *a), *c = calloc((size_t)SIZE * SIZE, sizeof *c);
    assert_non_null(a);
    assert_non_null(c);
    int setting = omp_get_max_threads != NULL ? omp_get_max_threads() : 0;
    flow_gemm(false, false, SIZE, SIZE, SIZE, a, SIZE, a, SIZE, 0, c, SIZE); /* whatever libraries do at first */
    double all = -processor_time(CLOCK_PROCESS_CPUTIME_ID), own = -processor_time(CLOCK_THREAD_CPUTIME_ID);
    for (int k = 0; k < TIMES; k++)
        flow_gemm(false, false, SIZE, SIZE, SIZE, a, SIZE, a, SIZE, 0, c, SIZE);
    own += processor_time(CLOCK_THREAD_CPUTIME_ID);
    all += processor_time(CLOCK_PROCESS_CPUTIME_ID);
    if (all > 1.2 * own)
        fail_msg("products took %g s of processor time, of which only %g s on the thread that asked", all, own);
    if (omp_get_max_threads != NULL)
        assert_int_equal(omp_get_max_threads(), setting); /* which is the caller's */
    free(a);
    free(c);
}

/* A sum of products against the products one after the other. */
static void sums_of_products(void **state)
{
    (void)state;
    enum { MOST = 5, SIZE = 20000 };
    static const int shapes[][4] = {{2, 3, 32, 7}, {5, 14, 128, 5}, {2, 20, 64, 128}, {1, 4, 16, 9}, {0, 3, 16, 2},
                                    {3, 0, 16, 4}, {3, 4, 16, 0}, {2, 130, 128, 70}, {2, 3, 300, 40}};
    static real a[MOST][SIZE], b[MOST][2 * SIZE], c[2 * SIZE], wanted[2 * SIZE];
    const real *as[MOST], *bs[MOST];
    for (int p = 0; p < MOST; p++) {
        fill(a[p], SIZE, (uint64_t)p);
        fill(b[p], 2 * SIZE, (uint64_t)(p + MOST));
        as[p] = a[p];
        bs[p] = b[p];
    }
    static const real betas[] = {0, 1, (real)-0.5};
    for (size_t u = 0; u < 6 * (sizeof shapes / sizeof *shapes); u++) {
        bool transpose = u % 2;
        const int *s = shapes[u / 6];
        int count = s[0], m = s[1], n = s[2], k = s[3], lda = transpose ? m + 1 : k + 1;
        real beta = betas[u / 2 % 3];
        fill(c, 2 * SIZE, 99);
        memcpy(wanted, c, sizeof wanted);
        for (int p = 0; p < count; p++)
            flow_gemm(transpose, false, m, n, k, a[p], lda, b[p], n + 2, p == 0 ? beta : 1, wanted, n + 1);
        flow_gemm_sum(transpose, count, m, n, k, as, lda, bs, n + 2, beta, c, n + 1);
        for (int i = 0; i < 2 * SIZE; i++)
            if (!(fabs((double)(c[i] - wanted[i])) <= (count * k + 2) * (is_double ? DBL_EPSILON : FLT_EPSILON)))
                fail_msg("%d products %c%dx%dx%d, beta %g: %.9g at %d, not %.9g", count, transpose ? 'T' : 'N', m, n, k,
                         (double)beta, (double)c[i], i, (double)wanted[i]);
    }
}

static void transposes(void **state)
{
    (void)state;
    enum { MOST = 140 };
    static const int sizes[] = {1, 2, 7, 16, 31, 32, 33, 64, 100, 128};
    static real a[MOST * MOST], out[MOST * MOST];
    fill(a, MOST * MOST, 7);
    for (size_t u = 0; u < 100; u++) {
        int m = sizes[u / 10], n = sizes[u % 10], lda = n + 3, ldo = m + 5;
        for (int i = 0; i < MOST * MOST; i++)
            out[i] = 9;
        flow_transpose(m, n, a, lda, out, ldo);
        for (int i = 0; i < MOST * MOST; i++)
            ASSERT_EQ(out[i], (i / ldo < n && i % ldo < m ? a[i % ldo * lda + i / ldo] : 9));
    }
}

/* The kernels of OpenBLAS for AVX2 sum a column in another order where it is in the last vectors of a row. */
static bool places_matter(void)
{
    char kernels[64]; /* without libxsmm, those of the CBLAS alone */
    flow_gemm_processor(kernels, sizeof kernels);
    return strcmp(kernels, "Haswell") == 0 || strcmp(kernels, "Zen") == 0;
}

/* Where sums are short (nn/field.c relies on 256) a column of a product is the same to the last bit in a wide tile and
 * in a narrow one, wherever it stands. */
static void columns_do_not_know_how_many_they_are(void **state)
{
    (void)state;
    enum { WIDE = 128, MOST = 256 };
    if (places_matter())
        skip(); /* docs/decisions/26-products.md */
    static const int rows[] = {1, 2, 3, 7, 16, 33, 64, 100, 256};
    static const int lengths[] = {1, 2, 3, 8, 11, 17, 64, 127, 128, 200, 256};
    static real a[MOST * MOST], b[MOST * WIDE], narrow_b[MOST * WIDE], c[MOST * WIDE], narrow_c[MOST * WIDE];
    for (size_t k = 0; k < MOST * MOST; k++)
        a[k] = (real)(flow_rng_uniform(5, FLOW_STREAM_OTHER, k, 0) - 0.5);
    for (size_t k = 0; k < MOST * WIDE; k++)
        b[k] = (real)(flow_rng_uniform(5, FLOW_STREAM_OTHER, k, 1) - 0.5);
    for (size_t u = 0; u < sizeof rows / sizeof *rows * (sizeof lengths / sizeof *lengths) * 2; u++) {
        int m = rows[u / 2 % 9], k = lengths[u / 18];
        real beta = (real)(u % 2);
        for (int i = 0; i < m * WIDE; i++)
            c[i] = (real)0.25;
        flow_gemm(false, false, m, WIDE, k, a, k, b, WIDE, beta, c, WIDE);
        for (int n = FLOW_GRAIN; n < WIDE; n += FLOW_GRAIN) {
            for (int i = 0; i < k * n; i++)
                narrow_b[i] = b[i / n * WIDE + (5 * (i % n) + n) % WIDE];
            for (int i = 0; i < m * n; i++)
                narrow_c[i] = (real)0.25;
            flow_gemm(false, false, m, n, k, a, k, narrow_b, n, beta, narrow_c, n);
            for (int i = 0; i < m * n; i++)
                if (narrow_c[i] != c[i / n * WIDE + (5 * (i % n) + n) % WIDE])
                    fail_msg("a product %dx%dx%d has other columns than with n = %d", m, n, k, WIDE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_against_loops),
        cmocka_unit_test(sums_of_products),
        cmocka_unit_test(transposes),
        cmocka_unit_test(products_stay_on_their_thread),
        cmocka_unit_test(columns_do_not_know_how_many_they_are),
    };
    return cmocka_run_group_tests_name("products", tests, NULL, NULL);
}
