/* Blocks of 8 x 8 values are transposed in registers: two rows of four values form a vector, so that the exchanges
 * within its halves are those of two blocks of 4 x 4. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/transpose.h"

#include <stddef.h>

#include "num/simd.h"

enum { SIDE = 8 };

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLES
#endif
#endif

#ifdef HAS_SHUFFLES

typedef real four __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef real eight __attribute__((vector_size(8 * sizeof(real)), aligned(sizeof(real)), may_alias));

#define AT(type, address) (*(type *)(address))
#define SHUFFLE __builtin_shufflevector

FLOW_MULTIVERSION
static void transpose_blocks(int m, int n, const real *a, size_t lda, real *out, size_t ldo)
{
    for (int i = 0; i + SIDE <= m; i += SIDE) {
        for (int j = 0; j + SIDE <= n; j += SIDE) {
            const real *in = a + (size_t)i * lda + (size_t)j;
            real *to = out + (size_t)j * ldo + (size_t)i;
            for (int half = 0; half < SIDE; half += 4, in += 4, to += 4 * ldo) {
                eight r[4], s[4];
                for (size_t k = 0; k < 4; k++)
                    r[k] = SHUFFLE(AT(const four, in + k * lda), AT(const four, in + (k + 4) * lda), 0, 1, 2, 3, 4, 5,
                                   6, 7);
                for (int k = 0; k < 4; k += 2) {
                    s[k] = SHUFFLE(r[k], r[k + 1], 0, 8, 1, 9, 4, 12, 5, 13);
                    s[k + 1] = SHUFFLE(r[k], r[k + 1], 2, 10, 3, 11, 6, 14, 7, 15);
                }
                AT(eight, to) = SHUFFLE(s[0], s[2], 0, 1, 8, 9, 4, 5, 12, 13);
                AT(eight, to + ldo) = SHUFFLE(s[0], s[2], 2, 3, 10, 11, 6, 7, 14, 15);
                AT(eight, to + 2 * ldo) = SHUFFLE(s[1], s[3], 0, 1, 8, 9, 4, 5, 12, 13);
                AT(eight, to + 3 * ldo) = SHUFFLE(s[1], s[3], 2, 3, 10, 11, 6, 7, 14, 15);
            }
        }
    }
}

/* The columns from `from` on of one row of A. */
static void transpose_row(int from, int n, const real *row, real *out, size_t ldo)
{
    for (int j = from; j < n; j++)
        out[(size_t)j * ldo] = row[j];
}

void flow_transpose(int m, int n, const real *a, int lda, real *out, int ldo)
{
    transpose_blocks(m, n, a, (size_t)lda, out, (size_t)ldo);
    if (m % SIDE == 0 && n % SIDE == 0)
        return;
    for (int i = 0; i < m; i++)
        transpose_row(i < m / SIDE * SIDE ? n / SIDE * SIDE : 0, n, a + (size_t)i * (size_t)lda, out + i, (size_t)ldo);
}

#else

void flow_transpose(int m, int n, const real *a, int lda, real *out, int ldo)
{
    for (int i = 0; i < m; i += SIDE) /* SIDE values of a row of the result are next to each other */
        for (int j = 0; j < n; j++)
            for (int k = i; k < flow_min(m, i + SIDE); k++)
                out[(size_t)j * (size_t)ldo + (size_t)k] = a[(size_t)k * (size_t)lda + (size_t)j];
}

#endif
