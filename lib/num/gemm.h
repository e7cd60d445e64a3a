/* Matrix products: the one seam between the engine and whatever multiplies matrices fastest.
 *
 * oneDNN's dnnl_sgemm for float, any CBLAS for double and where oneDNN is absent (-DFLOW_NO_DNNL). A product stays on
 * the thread that asks for it, whatever threads the library has: the order of its sums would else depend on the
 * machine.
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

/* "oneDNN 2.6.3", "CBLAS": for provenance and benchmarks. */
void flow_gemm_library(char *out, size_t size);

#endif
