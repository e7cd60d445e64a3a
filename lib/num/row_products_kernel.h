/* The kernel of row_products.h, written once over a vector type. Included by one source file per instruction set, which
 * defines
 *     VECTOR_BYTES  the length of a vector
 *     ROWS_AT_ONCE, COLUMNS_AT_ONCE  the block of C whose sums are held in registers; at most 6 and 4
 *     LOW, HIGH, LOW_PAIRS, HIGH_PAIRS  the lanes of two vectors of floats that unpack instructions take; not for SVE
 *     KERNEL_TABLE, KERNEL_NAME  the name of the resulting flow_row_products_kernel, and that of the instruction set
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <string.h>

#include "num/row_products_table.h"

enum { WIDTH = VECTOR_BYTES / (int)sizeof(real), COLUMNS_NEAR = 32 };

typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real vector_in __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* Without it clang 14 for ARM leaves sums in memory. */
#if defined(__clang__) && defined(__aarch64__)
#define SUMS_IN_REGISTERS _Pragma("clang loop unroll(full)")
#else
#define SUMS_IN_REGISTERS
#endif

#if defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS == 8 * VECTOR_BYTES
#include <arm_sve.h>
#define HAS_SVE
#endif

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector) && !defined(FLOW_DOUBLE)
#define HAS_SHUFFLES
#endif
#endif

/* Sums of four columns. */
typedef real quarter __attribute__((vector_size(4 * sizeof(real))));

#if defined(HAS_SVE) && !defined(FLOW_DOUBLE)

/* Adds pairs of lanes, and then pairs of pairs: four lanes have one sum each of four vectors. */
INLINE svfloat32_t fold(svfloat32_t a, svfloat32_t b)
{
    return svadd_x(svptrue_b32(), svtrn1(a, b), svtrn2(a, b));
}

INLINE svfloat32_t fold_pairs(svfloat32_t a, svfloat32_t b)
{
    const svfloat64_t pairs_a = svreinterpret_f64(a), pairs_b = svreinterpret_f64(b);
    return svadd_x(svptrue_b32(), svreinterpret_f32(svtrn1(pairs_a, pairs_b)),
                   svreinterpret_f32(svtrn2(pairs_a, pairs_b)));
}

/* The sums over the lanes of four vectors. */
INLINE void sum_lanes(const vector *v, quarter *sums)
{
    svfloat32_t all = fold_pairs(fold(v[0], v[1]), fold(v[2], v[3]));
#if VECTOR_BYTES == 64
    all = svadd_x(svptrue_b32(), all, svext(all, all, 8));
#endif
    all = svadd_x(svptrue_b32(), all, svext(all, all, 4));
    const vector lanes = all;
    memcpy(sums, &lanes, sizeof *sums);
}

#elif defined(HAS_SHUFFLES)

/* Within each four lanes, adds the two pairs of lanes that unpack instructions bring together: after two folds, four
 * lanes have one sum each of four vectors. */
INLINE vector fold(vector a, vector b)
{
    return __builtin_shufflevector(a, b, LOW) + __builtin_shufflevector(a, b, HIGH);
}

INLINE vector fold_pairs(vector a, vector b)
{
    return __builtin_shufflevector(a, b, LOW_PAIRS) + __builtin_shufflevector(a, b, HIGH_PAIRS);
}

/* The sums over the lanes of four vectors. */
INLINE void sum_lanes(const vector *v, quarter *sums)
{
    const vector all = fold_pairs(fold(v[0], v[1]), fold(v[2], v[3]));
#if VECTOR_BYTES == 64
    typedef real half __attribute__((vector_size(8 * sizeof(real))));
    const half h = __builtin_shufflevector(all, all, 0, 1, 2, 3, 4, 5, 6, 7) +
                   __builtin_shufflevector(all, all, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    const vector h = all;
#endif
#if VECTOR_BYTES == 16
    *sums = h;
#else
    *sums = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#endif
}
#else
INLINE void sum_lanes(const vector *v, quarter *sums)
{
    for (int j = 0; j < 4; j++) {
        real lanes[WIDTH];
        memcpy(lanes, &v[j], sizeof lanes);
        for (int apart = WIDTH / 2; apart > 0; apart /= 2)
            for (int k = 0; k < apart; k++)
                lanes[k] += lanes[k + apart];
        (*sums)[j] = lanes[0];
    }
}
#endif

/* ---- one block of C ---- */

/* Rows of the product whose sums are formed at once. */
typedef struct row_block {
    size_t row[ROWS_AT_ONCE]; /* of A, in numbers */
    real *c[ROWS_AT_ONCE];
    int live[ROWS_AT_ONCE], shortest, longest; /* columns */
} row_block;

/* Adds the sums of a block to C. */
INLINE void add_sums(const row_block *block, int rows, int columns, int j, const quarter *sums)
{
    if (columns == 4 && block->shortest >= j + 4) {
        for (int k = 0; k < rows; k++) {
            quarter q;
            memcpy(&q, block->c[k] + j, sizeof q);
            q += sums[k];
            memcpy(block->c[k] + j, &q, sizeof q);
        }
        return;
    }
    for (int k = 0; k < rows; k++) {
        real all[4];
        memcpy(all, &sums[k], sizeof all);
        for (int q = 0; q < columns; q++)
            if (j + q < block->live[k])
                block->c[k][j + q] += all[q];
    }
}

/* `rows` and `columns` are constants where this is inlined; j is the first column. */
INLINE void add_block(const flow_row_products *p, const row_block *block, int rows, int columns, int j)
{
    vector sum[ROWS_AT_ONCE][4] = {{{0}}};
    const size_t n = (size_t)p->n, count = (size_t)p->count;
    for (size_t pair = 0; pair < count; pair++) {
        const real *a[ROWS_AT_ONCE], *b[COLUMNS_AT_ONCE];
        for (int k = 0; k < rows; k++)
            a[k] = p->a[pair] + block->row[k];
        for (int q = 0; q < columns; q++)
            b[q] = p->b[pair] + (size_t)(j + q) * n;
        for (size_t r = 0; r < n; r += WIDTH) {
            vector column[COLUMNS_AT_ONCE];
            for (int q = 0; q < columns; q++)
                column[q] = *(const vector_in *)(b[q] + r);
            for (int k = 0; k < rows; k++) {
                const vector at = *(const vector_in *)(a[k] + r);
                for (int q = 0; q < columns; q++)
                    sum[k][q] += at * column[q];
            }
        }
    }
    quarter sums[ROWS_AT_ONCE];
    SUMS_IN_REGISTERS
    for (int k = 0; k < rows; k++)
        sum_lanes(sum[k], &sums[k]);
    add_sums(block, rows, columns, j, sums);
}

/* Whether A is too large to be in the cache already. */
static bool is_far(const flow_row_products *p)
{
    enum { FAR = 1 << 18 }; /* bytes */
    return (size_t)p->m * (size_t)p->count * (size_t)p->n * sizeof(real) > FAR;
}

/* Row i of the product: asks for that of A, and for the columns [from, to) of C, ahead of their use. */
INLINE void fetch_row(const flow_row_products *p, int i, int from, int to)
{
    enum { LINE = 64 / (int)sizeof(real) };
    const size_t row = (size_t)(p->rows != NULL ? p->rows[i] : i), n = (size_t)p->n;
    for (int pair = 0; pair < p->count; pair++)
        for (size_t r = 0; r < n; r += LINE)
            __builtin_prefetch(p->a[pair] + row * n + r, 0, 3);
    for (int j = from; j < to; j += LINE)
        __builtin_prefetch(p->c + row * p->ldc + j, 1, 3);
    __builtin_prefetch(p->c + row * p->ldc + to - 1, 1, 3);
}

/* The columns [from, to) of `rows` rows. While they are formed, the rows [next, last) are fetched, one with each few
 * columns. */
INLINE void add_rows(const flow_row_products *p, const row_block *block, int rows, int from, int to, int next, int last)
{
    int j = from;
    for (; j + COLUMNS_AT_ONCE <= to; j += COLUMNS_AT_ONCE) {
        if (next < last)
            fetch_row(p, next++, from, to);
        add_block(p, block, rows, COLUMNS_AT_ONCE, j);
    }
    switch (to - j) {
    case 3:
        add_block(p, block, rows, COLUMNS_AT_ONCE > 3 ? 3 : 1, j);
        break;
    case 2:
        add_block(p, block, rows, COLUMNS_AT_ONCE > 2 ? 2 : 1, j);
        break;
    case 1:
        add_block(p, block, rows, 1, j);
        break;
    default:
        break;
    }
}

/* ---- all of C ---- */

static row_block block_at(const flow_row_products *p, int i, int rows)
{
    row_block block = {.longest = 0};
    for (int k = 0; k < rows; k++) {
        const size_t row = (size_t)(p->rows != NULL ? p->rows[i + k] : i + k);
        block.row[k] = row * (size_t)p->n;
        block.c[k] = p->c + row * p->ldc;
        block.live[k] = p->live != NULL ? p->live[i + k] : p->to;
    }
    block.shortest = block.live[0];
    block.longest = block.live[rows - 1];
    return block;
}

/* Columns [from, to) that stay in the cache while the rows go by. */
static void add_columns(const flow_row_products *p, int from, int to)
{
    const int ahead = is_far(p) ? ROWS_AT_ONCE : 0; /* rows that are fetched while a block is formed */
    for (int i = 0, rows; i < p->m; i += rows) {
        rows = p->m - i >= ROWS_AT_ONCE ? ROWS_AT_ONCE : p->m - i >= 2 ? 2 : 1;
        const row_block block = block_at(p, i, rows);
        const int last = flow_min(block.longest, to);
        if (rows == ROWS_AT_ONCE)
            add_rows(p, &block, ROWS_AT_ONCE, from, last, i + rows, flow_min(i + rows + ahead, p->m));
        else if (rows == 2)
            add_rows(p, &block, 2, from, last, 0, 0);
        else
            add_rows(p, &block, 1, from, last, 0, 0);
    }
}

static void kernel_add(const flow_row_products *p)
{
    for (int from = p->from; from < p->to; from += COLUMNS_NEAR)
        add_columns(p, from, flow_min(from + COLUMNS_NEAR, p->to));
}

const flow_row_products_kernel KERNEL_TABLE = {.name = KERNEL_NAME, .add = kernel_add};
