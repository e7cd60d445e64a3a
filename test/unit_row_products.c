/* Products of matrices with long rows against plain loops, by the kernels of every instruction set that the processor
 * has. */
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

#include "kernels.h"
#include "num/rng.h"
#include "num/row_products.h"

enum { MOST_PAIRS = 5, MOST_ROWS = 17, MOST_COLUMNS = 70, MOST_N = 128, GAP = 3 };

typedef struct matrices {
    real a[MOST_PAIRS][MOST_ROWS * MOST_N], b[MOST_PAIRS][MOST_COLUMNS * MOST_N];
    const real *as[MOST_PAIRS], *bs[MOST_PAIRS];
    real before[MOST_ROWS * (MOST_COLUMNS + GAP)], c[MOST_ROWS * (MOST_COLUMNS + GAP)];
} matrices;

static real draw(uint64_t row, size_t k)
{
    return (real)(2 * flow_rng_uniform(43, FLOW_STREAM_OTHER, row, (uint32_t)k) - 1);
}

static void fill(matrices *m)
{
    for (uint64_t p = 0; p < MOST_PAIRS; p++) {
        for (size_t k = 0; k < MOST_ROWS * MOST_N; k++)
            m->a[p][k] = draw(2 * p, k);
        for (size_t k = 0; k < MOST_COLUMNS * MOST_N; k++)
            m->b[p][k] = draw(2 * p + 1, k);
        m->as[p] = m->a[p];
        m->bs[p] = m->b[p];
    }
    for (size_t k = 0; k < MOST_ROWS * (MOST_COLUMNS + GAP); k++)
        m->before[k] = draw(2 * MOST_PAIRS, k);
}

/* What row r and column j of C must be, and how far it may be off. */
static double expected(const flow_row_products *p, const matrices *m, int r, int j, double *size)
{
    double sum = m->before[(size_t)r * p->ldc + (size_t)j];
    *size = fabs(sum);
    for (int q = 0; q < p->count; q++)
        for (int k = 0; k < p->n; k++) {
            double term = (double)p->a[q][r * p->n + k] * (double)p->b[q][j * p->n + k];
            sum += term;
            *size += fabs(term);
        }
    return sum;
}

/* The row of the product that is row r of C; -1: none. */
static int find_row(const flow_row_products *p, int r)
{
    for (int i = 0; i < p->m; i++)
        if ((p->rows != NULL ? p->rows[i] : i) == r)
            return i;
    return -1;
}

static void expect_products(const flow_row_products_kernel *kernel, flow_row_products p, matrices *m)
{
    p.a = m->as;
    p.b = m->bs;
    p.c = m->c;
    p.ldc = MOST_COLUMNS + GAP;
    memcpy(m->c, m->before, sizeof m->c);
    kernel->add(&p);
    for (int r = 0; r < MOST_ROWS; r++)
        for (int j = 0; j < MOST_COLUMNS + GAP; j++) {
            const size_t at = (size_t)r * p.ldc + (size_t)j;
            const int i = find_row(&p, r);
            if (i < 0 || j < p.from || j >= p.to || (p.live != NULL && j >= p.live[i])) {
                assert_memory_equal(&m->c[at], &m->before[at], sizeof *m->c);
                continue;
            }
            double size, sum = expected(&p, m, r, j, &size);
            if (fabs((double)m->c[at] - sum) > size * 8 * (sizeof(real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON))
                fail_msg("%s, %d pairs of %d: C(%d, %d) is %.9g, not %.9g", kernel->name, p.count, p.n, r, j,
                         (double)m->c[at], sum);
        }
}

static void for_each_kernel(void (*test)(const flow_row_products_kernel *kernel, matrices *m))
{
    const flow_row_products_kernel *kernels[KERNEL_TABLES];
    const int n = row_product_kernels(kernels);
    matrices *m = malloc(sizeof *m);
    assert_non_null(m);
    fill(m);
    for (int k = 0; k < n; k++)
        test(kernels[k], m);
    free(m);
}

static void try_shapes(const flow_row_products_kernel *kernel, matrices *m)
{
    static const int columns[] = {1, 2, 3, 4, 5, 11, 32, 33, MOST_COLUMNS};
    for (int rows = 0; rows <= MOST_ROWS; rows++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            expect_products(
                kernel,
                (flow_row_products){
                    .count = 1 + rows % MOST_PAIRS, .n = 16 * (1 + (rows + (int)c) % 8), .m = rows, .to = columns[c]},
                m);
    expect_products(kernel, (flow_row_products){.count = 0, .n = 16, .m = 3, .to = 3}, m);
    expect_products(kernel, (flow_row_products){.count = 2, .n = 32, .m = 7, .from = 5, .to = 5}, m);
    expect_products(kernel, (flow_row_products){.count = 2, .n = 32, .m = 7, .from = 5, .to = 16}, m);
}

static void all_shapes(void **state)
{
    (void)state;
    for_each_kernel(try_shapes);
}

/* Rows in another order, of which each has columns of its own: those behind them stay as they are. */
static void try_masks(const flow_row_products_kernel *kernel, matrices *m)
{
    static const int rows[] = {4, 9, 14, 0, 5, 10, 15, 1, 6, 11, 2, 7, 12};
    static const int live[] = {0, 0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 70};
    enum { M = sizeof rows / sizeof *rows };
    for (int n = 1; n <= M; n++)
        for (int first = 0; first + n <= M; first++)
            for (int to = 1; to <= MOST_COLUMNS; to += 23)
                expect_products(kernel,
                                (flow_row_products){
                                    .count = 2, .n = 48, .m = n, .rows = rows + first, .live = live + first, .to = to},
                                m);
}

static void masks(void **state)
{
    (void)state;
    for_each_kernel(try_masks);
}

/* An element has the same bits wherever its block is: those of a product that consists of it alone. */
static void try_alone(const flow_row_products_kernel *kernel, matrices *m)
{
    flow_row_products p = {.count = 3,
                           .n = 64,
                           .a = m->as,
                           .b = m->bs,
                           .m = MOST_ROWS,
                           .to = MOST_COLUMNS,
                           .c = m->c,
                           .ldc = MOST_COLUMNS};
    memset(m->c, 0, sizeof m->c);
    kernel->add(&p);
    for (int r = 0; r < MOST_ROWS; r++)
        for (int j = 0; j < MOST_COLUMNS; j++) {
            real one[MOST_COLUMNS] = {0};
            flow_row_products alone = p;
            const real *a[3];
            for (int q = 0; q < 3; q++)
                a[q] = m->as[q] + (size_t)r * 64;
            alone.a = a;
            alone.m = 1;
            alone.from = j;
            alone.to = j + 1;
            alone.c = one;
            kernel->add(&alone);
            assert_memory_equal(&one[j], &m->c[r * MOST_COLUMNS + j], sizeof *one);
        }
}

static void the_same_bits_at_every_place(void **state)
{
    (void)state;
    for_each_kernel(try_alone);
}

/* NaN and infinity are kept. */
static void try_not_finite(const flow_row_products_kernel *kernel, matrices *m)
{
    flow_row_products p = {
        .count = 1, .n = 16, .a = m->as, .b = m->bs, .m = 7, .to = 5, .c = m->c, .ldc = MOST_COLUMNS};
    memset(m->c, 0, sizeof m->c);
    m->a[0][3 * 16 + 7] = (real)NAN;
    m->a[0][4 * 16 + 1] = (real)INFINITY;
    kernel->add(&p);
    for (int j = 0; j < 5; j++) {
        assert_true(isnan(m->c[3 * MOST_COLUMNS + j]));
        assert_false(isfinite(m->c[4 * MOST_COLUMNS + j]));
        assert_true(isfinite(m->c[5 * MOST_COLUMNS + j]));
    }
    fill(m);
}

static void not_finite(void **state)
{
    (void)state;
    for_each_kernel(try_not_finite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shapes),
        cmocka_unit_test(masks),
        cmocka_unit_test(the_same_bits_at_every_place),
        cmocka_unit_test(not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
