/* Matrix products: the one seam between the engine and whatever multiplies matrices fastest.
 *
 * libxsmm, or any CBLAS where that is absent (-DFLOW_NO_XSMM). libxsmm makes a kernel for each shape when it first
 * occurs. It multiplies matrices where they lie, so that small and narrow products are as fast as large ones, except
 * that a transposed B costs a transposition (flow_transpose): who multiplies with the same B again transposes it first.
 *
 * A product stays on the thread that asks for it, whatever threads the library has: the order of its sums would else
 * depend on the machine.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_GEMM_H
#define FLOW_NUM_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "num/real.h"

/* C (m, n) = op(A) (m, k) * op(B) (k, n) + beta * C, all row-major; lda, ldb, ldc are the distances between rows as
 * stored; op transposes when asked. With k = 0 this is C = beta * C. With beta = 0 the old C is not read. */
void flow_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda, const real *b, int ldb,
               real beta, real *c, int ldc);

/* C = beta * C + the sum of op(A_p) * B_p over `count` pairs of matrices a[p], b[p]: one product, its k in pieces. */
void flow_gemm_sum(bool transpose_a, int count, int m, int n, int k, const real *const *a, int lda,
                   const real *const *b, int ldb, real beta, real *c, int ldc);

/* out (n, m) = A' for A (m, n); ldo is the distance between rows of out. */
void flow_transpose(int m, int n, const real *a, int lda, real *out, int ldo);

/* "libxsmm 1.17", "CBLAS": for provenance and benchmarks. */
void flow_gemm_library(char *out, size_t size);

#endif
