/* Matrix products: the only place where a library for them is called.
 *
 * The library is libxsmm, or any CBLAS where libxsmm is absent (-DFLOW_NO_XSMM). libxsmm makes a kernel for each shape
 * when the shape first occurs. It does not copy matrices, so that small and narrow products are as fast as large ones.
 * Only a transposed B is copied (num/transpose.h): transpose it once yourself to multiply with it several times.
 *
 * A thread may choose another arithmetic for its larger products (num/math_mode.h, num/gemm_bf16x3.h).
 *
 * A product runs on the thread that calls it. The threads of a CBLAS are switched off, for OpenBLAS in the whole
 * process: the order of its sums would depend on their number.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_GEMM_H
#define FLOW_NUM_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "num/math_mode.h"
#include "num/real.h"

/* C (m, n) = op(A) (m, k) * op(B) (k, n) + beta * C, all row-major. lda, ldb, ldc are the distances between rows as
 * stored; op transposes the matrix where the flag is set. With k = 0 this is C = beta * C. With beta = 0 the old C is
 * not read. */
void flow_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda, const real *b, int ldb,
               real beta, real *c, int ldc);

/* C = beta * C + the sum of op(A_p) * B_p over `count` pairs of matrices a[p], b[p]: one product whose k is in parts.
 * */
void flow_gemm_sum(bool transpose_a, int count, int m, int n, int k, const real *const *a, int lda,
                   const real *const *b, int ldb, real beta, real *c, int ldc);

/* Whether the operands of such a product are packed first, because the thread has chosen bf16x3 and the product is
 * large enough. A layer at once is then faster than its panels one by one; the products below are for that, and leave
 * out tiles behind a mask. */
bool flow_gemm_is_packed(int m, int n, int k);

/* C = op(A) B, where row r of A as stored has zeros from column extent[r] on; extent NULL: no mask. */
void flow_gemm_masked(bool transpose_a, int m, int n, int k, const real *a, int lda, const int *extent, const real *b,
                      int ldb, real *c, int ldc);

/* C (m, n) += the sum of A_p (m, k) B_p' over `count` pairs, B_p (n, k). In row r only the columns before extent[r] -
 * from are needed; in others there may be something. */
void flow_gemm_add_outer(int count, int m, int n, int k, const real *const *a, int lda, const real *const *b, int ldb,
                         const int *extent, int from, real *c, int ldc);

/* FLOW_ARGUMENT, with what to do, where products cannot be formed in that arithmetic. */
flow_status flow_gemm_check(flow_math math, flow_error *err);

/* Writes "libxsmm 1.17" or "CBLAS", for provenance and benchmarks; with another arithmetic than float also that of the
 * calling thread, as in "libxsmm 1.17, bf16x3 with AMX". */
void flow_gemm_library(char *out, size_t size);
/* Writes the kind of processor that the libraries have found: "skx, SkylakeX". Of another kind, they add in another
 * order. */
void flow_gemm_processor(char *out, size_t size);

#endif
