/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/gemm.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "num/profile.h"

#if !defined(FLOW_DOUBLE) && !defined(FLOW_NO_DNNL)
#define USE_DNNL 1
#include <dnnl.h>
#else
#include <cblas.h>
#endif

/* oneDNN, and some builds of CBLAS, run on OpenMP; these come with it, and are missing where a library does without. */
extern int omp_get_max_threads(void) __attribute__((weak));
extern void omp_set_num_threads(int n) __attribute__((weak));

#ifndef USE_DNNL
/* OpenBLAS has threads of its own, for the whole process. Weak: another CBLAS does not have this. */
extern void openblas_set_num_threads(int n) __attribute__((weak));

static void keep_on_one_thread(void)
{
    if (openblas_set_num_threads != NULL)
        openblas_set_num_threads(1);
}
#endif

static void scale(int m, int n, real beta, real *c, int ldc)
{
    for (int i = 0; i < m; i++) {
        real *row = c + (size_t)i * (size_t)ldc;
        if (beta == 0)
            memset(row, 0, (size_t)n * sizeof *row);
        else
            for (int j = 0; j < n; j++)
                row[j] *= beta;
    }
}

static void multiply(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda, const real *b,
                     int ldb, real beta, real *c, int ldc)
{
#ifdef USE_DNNL
    dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
#else
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, keep_on_one_thread);
#ifdef FLOW_DOUBLE
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, beta, c, ldc);
#endif
#endif
}

void flow_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda, const real *b, int ldb,
               real beta, real *c, int ldc)
{
    if (m == 0 || n == 0)
        return;
    if (k == 0) {
        scale(m, n, beta, c, ldc);
        return;
    }
    int their_threads = omp_get_max_threads != NULL ? omp_get_max_threads() : 1;
    if (their_threads != 1)
        omp_set_num_threads(1);
    double began = flow_profile_begin_product();
    multiply(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
    flow_profile_end_product(began);
    if (their_threads != 1)
        omp_set_num_threads(their_threads);
}

void flow_gemm_library(char *out, size_t size)
{
#ifdef USE_DNNL
    const dnnl_version_t *version = dnnl_version();
    snprintf(out, size, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
#else
    snprintf(out, size, "CBLAS");
#endif
}
