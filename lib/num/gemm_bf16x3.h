/* Products of float matrices from products of bfloat16 matrices, which AMX tiles form 16 times as fast.
 *
 * A float a is nearly the sum of two bfloat16 numbers, a = high + low + r: high is a rounded to 8 bits, low is the rest
 * rounded to 8 bits, |r| <= 2^-18 |a|. Then
 *
 *     a b  ~  high(a) high(b) + low(a) high(b) + high(a) low(b)
 *
 * which leaves out low(a) low(b) <= 2^-18 |a b|. Each of the three products is exact in float, and the sums are floats.
 * (Henry, Tang and Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision
 * computations", 2019; other programs name this arithmetic bf16x3.)
 *
 * Operands are split and packed into tiles of 16 x 32 numbers, low parts behind high ones. For each step of 32 terms,
 * in their order, TDPBF16PS adds to a tile of C: low high, high high, high low. So an element of C depends on its row
 * of A and its column of B, and not on the size of the matrices around them.
 *
 * Differences to float beside the rounding: numbers whose size is below 2^-126 count as zero, also within the parts and
 * the sums. An element whose row or column holds an infinity or a NaN becomes a NaN or an infinity; a number beyond the
 * largest bfloat16 (3.39e38, float ends at 3.40e38) counts as infinite.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_GEMM_BF16X3_H
#define FLOW_NUM_GEMM_BF16X3_H

#include <stdbool.h>

#include "num/gemm_bf16x3_kernels.h"

/* The kernels of this processor, or NULL. For tests, the environment variable FLOWCTL_AMX=emulate chooses the emulation
 * on any processor, and FLOWCTL_AMX=none says that there are none. */
const flow_bf16x3_kernels *flow_bf16x3_find(void);

/* C (m, n) = the sum of op(A_p) op(B_p) over `count` pairs, added to the old C or not. Strides as in num/gemm.h; k > 0,
 * count > 0.
 *
 * extent: NULL, or a mask, of which whole tiles are left out. Row r of A as stored has zeros from column extent[r] on;
 * or with masks_c the columns of C from extent[r] on need not be formed in row r, and may be or not, where column 0 of
 * C is column `from` of the mask. */
typedef struct flow_bf16x3_product {
    bool transpose_a, transpose_b, adds, masks_c;
    int count, m, n, k, lda, ldb, ldc, from;
    const float *const *a, *const *b;
    float *c;
    const int *extent;
} flow_bf16x3_product;

void flow_bf16x3_gemm(const flow_bf16x3_kernels *kernels, const flow_bf16x3_product *product);

/* Whether that is faster than the product in float. It depends on the sizes that data rows do not change, so that a
 * data row meets the same arithmetic in a tile of any width: not on n, as long as n >= 16, and not on count. */
bool flow_bf16x3_pays(int m, int n, int k);

#endif
