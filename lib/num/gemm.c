/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef FLOW_NO_XSMM
#include <libxsmm.h>
#endif

#include "core/memory.h"
#include "num/gemm_bf16x3.h"
#include "num/math_mode.h"
#include "num/profile.h"
#include "num/transpose.h"

/* ------------------------------------------------------------------ CBLAS */

/* For builds of CBLAS that run on OpenMP. Weak: other builds do not have these functions. */
extern int omp_get_max_threads(void) __attribute__((weak));
extern void omp_set_num_threads(int n) __attribute__((weak));

/* OpenBLAS has its own threads, one pool for the process. Weak: another CBLAS does not have this function. */
extern void openblas_set_num_threads(int n) __attribute__((weak)); /* NOLINT(readability-redundant-declaration) */

/* The kind of processor that OpenBLAS has found. */
extern char *openblas_get_corename(void) __attribute__((weak)); /* NOLINT(readability-redundant-declaration) */

static void gemm_use_one_thread(void)
{
    if (openblas_set_num_threads != NULL)
        openblas_set_num_threads(1);
}

static void gemm_by_cblas(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda,
                          const real *b, int ldb, real beta, real *c, int ldc)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, gemm_use_one_thread);
    int n_before = omp_get_max_threads != NULL ? omp_get_max_threads() : 1;
    if (n_before != 1)
        omp_set_num_threads(1);
#ifdef FLOW_DOUBLE
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, beta, c, ldc);
#endif
    if (n_before != 1)
        omp_set_num_threads(n_before);
}

static const char *gemm_cblas_processor(void)
{
    return openblas_get_corename != NULL ? openblas_get_corename() : "CBLAS";
}

static void gemm_scale(int m, int n, real beta, real *c, int ldc)
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

/* ------------------------------------------------------------------ libxsmm */

#ifndef FLOW_NO_XSMM

/* A kernel is made for each shape. Larger products are cut into parts of at most this size, which share kernels. */
enum { ROWS = 512, COLUMNS = 256, DEPTH = 512, PAIRS = 32 };

#ifdef FLOW_DOUBLE
typedef libxsmm_dmmfunction gemm_kernel;
typedef libxsmm_dmmfunction_reducebatch_addr sum_kernel;
#define DISPATCH libxsmm_dmmdispatch
#define DISPATCH_SUM libxsmm_dmmdispatch_reducebatch_addr
#else
typedef libxsmm_smmfunction gemm_kernel;
typedef libxsmm_smmfunction_reducebatch_addr sum_kernel;
#define DISPATCH libxsmm_smmdispatch
#define DISPATCH_SUM libxsmm_smmdispatch_reducebatch_addr
#endif

/* In the terms of libxsmm, which is column-major: C (m, n) = A B, its A being our B. */
typedef struct gemm_shape {
    int m, n, k, lda, ldb, ldc;
    unsigned char transposed, adds, sums, known;
} gemm_shape;

typedef struct gemm_entry {
    gemm_shape key;
    gemm_kernel one;
    sum_kernel sum;
} gemm_entry;

/* A hash table of kernels. libxsmm finds a kernel that it has made in about 60 ns, this table in a tenth of that; a
 * step of a small network has a thousand products. A shape replaces another one with the same index. */
enum { KNOWN = 512 };
static _Thread_local gemm_entry known[KNOWN];

static size_t gemm_hash(const gemm_shape *s)
{
    uint64_t h = (uint64_t)(unsigned)s->m << 32 | (unsigned)s->n;
    h = h * 0x9e3779b97f4a7c15u + ((uint64_t)(unsigned)s->k << 32 | (unsigned)s->lda);
    h = h * 0x9e3779b97f4a7c15u + ((uint64_t)(unsigned)s->ldb << 32 | (unsigned)s->ldc);
    h = h * 0x9e3779b97f4a7c15u + (unsigned)(s->transposed << 2 | s->adds << 1 | s->sums);
    return (size_t)((h * 0x9e3779b97f4a7c15u) >> 32) % KNOWN;
}

static const gemm_entry *find_kernel(const gemm_shape *s)
{
    gemm_entry *e = &known[gemm_hash(s)];
    if (memcmp(&e->key, s, sizeof *s) == 0)
        return e;
    const real one = 1, beta = s->adds;
    const int flags = s->transposed ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const int prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
    *e = (gemm_entry){.key = *s};
    if (s->sums)
        e->sum = DISPATCH_SUM(s->m, s->n, s->k, &s->lda, &s->ldb, &s->ldc, &one, &beta, &flags, &prefetch);
    else
        e->one = DISPATCH(s->m, s->n, s->k, &s->lda, &s->ldb, &s->ldc, &one, &beta, &flags, &prefetch);
    return e;
}

/* C (m, n) = op(A) B + beta C by one kernel; beta is 0 or 1. */
static void gemm_part(bool transpose_a, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                      real *c, int ldc)
{
    const gemm_shape s = {n, m, k, ldb, lda, ldc, transpose_a, beta != 0, 0, 1};
    const gemm_entry *e = find_kernel(&s);
    if (e->one != NULL)
        e->one(b, a, c);
    else /* libxsmm has no kernels for this processor, or the system does not allow it to make them */
        gemm_by_cblas(transpose_a, false, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

static void gemm_plain(bool transpose_a, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                       real *c, int ldc)
{
    for (int p = 0; p < k; p += DEPTH)
        for (int i = 0; i < m; i += ROWS)
            for (int j = 0; j < n; j += COLUMNS) {
                size_t at = transpose_a ? (size_t)p * (size_t)lda + (size_t)i : (size_t)i * (size_t)lda + (size_t)p;
                gemm_part(transpose_a, flow_min(m - i, ROWS), flow_min(n - j, COLUMNS), flow_min(k - p, DEPTH), a + at,
                          lda, b + (size_t)p * (size_t)ldb + (size_t)j, ldb, p == 0 ? beta : 1,
                          c + (size_t)i * (size_t)ldc + (size_t)j, ldc);
            }
}

/* With B transposed: the kernels read rows of B. */
static void gemm_transposed(bool transpose_a, int m, int n, int k, const real *a, int lda, const real *b, int ldb,
                            real beta, real *c, int ldc)
{
    enum { SIDE = 128 };
    _Alignas(FLOW_ALIGNMENT) real transposed[SIDE * SIDE];
    for (int p = 0; p < k; p += SIDE)
        for (int j = 0; j < n; j += SIDE) {
            int width = flow_min(n - j, SIDE), depth = flow_min(k - p, SIDE);
            flow_transpose(width, depth, b + (size_t)j * (size_t)ldb + (size_t)p, ldb, transposed, width);
            size_t at = transpose_a ? (size_t)p * (size_t)lda : (size_t)p;
            gemm_plain(transpose_a, m, width, depth, a + at, lda, transposed, width, p == 0 ? beta : 1, c + j, ldc);
        }
}

static void gemm_multiply(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda,
                          const real *b, int ldb, real beta, real *c, int ldc)
{
    if (beta != 0 && beta != 1) {
        gemm_scale(m, n, beta, c, ldc);
        beta = 1;
    }
    (transpose_b ? gemm_transposed : gemm_plain)(transpose_a, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

/* Returns whether one kernel has formed the sum. */
static bool gemm_sum(bool transpose_a, int count, int m, int n, int k, const real *const *a, int lda,
                     const real *const *b, int ldb, real beta, real *c, int ldc)
{
    if (count > PAIRS || m > ROWS || n > COLUMNS || k > DEPTH || (beta != 0 && beta != 1))
        return false;
    const gemm_shape s = {n, m, k, ldb, lda, ldc, transpose_a, beta != 0, 1, 1};
    const gemm_entry *e = find_kernel(&s);
    if (e->sum == NULL)
        return false;
    const real *left[PAIRS], *right[PAIRS]; /* the kernel changes the pointers */
    memcpy(left, b, (size_t)count * sizeof *left);
    memcpy(right, a, (size_t)count * sizeof *right);
    const unsigned long long n_pairs = (unsigned long long)count;
    e->sum(left, right, c, &n_pairs);
    return true;
}

static const char gemm_name[] = "libxsmm " LIBXSMM_CONFIG_VERSION;

void flow_gemm_processor(char *out, size_t size)
{
    snprintf(out, size, "%s, %s", libxsmm_get_target_arch(), gemm_cblas_processor());
}

#else

#define gemm_multiply gemm_by_cblas

static bool gemm_sum(bool transpose_a, int count, int m, int n, int k, const real *const *a, int lda,
                     const real *const *b, int ldb, real beta, real *c, int ldc)
{
    (void)transpose_a, (void)count, (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b, (void)ldb, (void)beta;
    (void)c, (void)ldc;
    return false;
}

static const char gemm_name[] = "CBLAS";

void flow_gemm_processor(char *out, size_t size)
{
    snprintf(out, size, "%s", gemm_cblas_processor());
}

#endif

/* ------------------------------------------------------------------ bf16x3 */

#ifdef FLOW_DOUBLE

/* The products of doubles have no such parts. */
typedef struct gemm_parts {
    bool transpose_a, transpose_b, masks_c;
    int count, m, n, k, lda, ldb, ldc, from;
    const real *const *a, *const *b;
    real *c;
    const int *extent;
} gemm_parts;

bool flow_gemm_is_packed(int m, int n, int k)
{
    (void)m, (void)n, (void)k;
    return false;
}

static void gemm_bf16x3(gemm_parts p, real beta)
{
    (void)p, (void)beta;
    assert(false);
}

flow_status flow_gemm_check(flow_math math, flow_error *err)
{
    return math == FLOW_MATH_FLOAT ? FLOW_OK
                                   : flow_error_set(err, FLOW_ARGUMENT,
                                                    "%s: this program computes in double, whose products "
                                                    "have no such parts; choose float",
                                                    flow_math_names[math]);
}

void flow_gemm_library(char *out, size_t size)
{
    snprintf(out, size, "%s", gemm_name);
}

#else

typedef flow_bf16x3_product gemm_parts;

bool flow_gemm_is_packed(int m, int n, int k)
{
    return flow_math_mode() == FLOW_MATH_BF16X3 && flow_bf16x3_pays(m, n, k) && flow_bf16x3_find() != NULL;
}

static void gemm_bf16x3(gemm_parts p, real beta)
{
    if (beta != 0 && beta != 1)
        gemm_scale(p.m, p.n, beta, p.c, p.ldc);
    p.adds = beta != 0;
    flow_bf16x3_gemm(flow_bf16x3_find(), &p);
}

flow_status flow_gemm_check(flow_math math, flow_error *err)
{
    if (math == FLOW_MATH_FLOAT || flow_bf16x3_find() != NULL)
        return FLOW_OK;
    return flow_error_set(err, FLOW_ARGUMENT,
                          "%s: this processor has no AMX tiles for bfloat16, or the system does not give them to "
                          "programs; choose float",
                          flow_math_names[math]);
}

void flow_gemm_library(char *out, size_t size)
{
    const flow_bf16x3_kernels *kernels = flow_math_mode() == FLOW_MATH_BF16X3 ? flow_bf16x3_find() : NULL;
    if (kernels == NULL)
        snprintf(out, size, "%s", gemm_name);
    else
        snprintf(out, size, "%s, %s with %s", gemm_name, flow_math_names[FLOW_MATH_BF16X3], kernels->name);
}

#endif

/* ------------------------------------------------------------------ all */

static gemm_parts parts_of(bool transpose_a, bool transpose_b, int count, int m, int n, int k, const real *const *a,
                           int lda, const real *const *b, int ldb, real *c, int ldc)
{
    return (gemm_parts){.transpose_a = transpose_a,
                        .transpose_b = transpose_b,
                        .count = count,
                        .m = m,
                        .n = n,
                        .k = k,
                        .a = a,
                        .lda = lda,
                        .b = b,
                        .ldb = ldb,
                        .c = c,
                        .ldc = ldc};
}

void flow_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int lda, const real *b, int ldb,
               real beta, real *c, int ldc)
{
    if (m == 0 || n == 0)
        return;
    if (k == 0) {
        gemm_scale(m, n, beta, c, ldc);
        return;
    }
    double began = flow_profile_begin_product();
    const gemm_parts parts = parts_of(transpose_a, transpose_b, 1, m, n, k, &a, lda, &b, ldb, c, ldc);
    if (flow_gemm_is_packed(m, n, k))
        gemm_bf16x3(parts, beta);
    else
        gemm_multiply(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
    flow_profile_end_product(began);
}

void flow_gemm_sum(bool transpose_a, int count, int m, int n, int k, const real *const *a, int lda,
                   const real *const *b, int ldb, real beta, real *c, int ldc)
{
    if (count > 1 && m > 0 && n > 0 && k > 0) {
        double began = flow_profile_begin_product();
        const gemm_parts parts = parts_of(transpose_a, false, count, m, n, k, a, lda, b, ldb, c, ldc);
        bool done = flow_gemm_is_packed(m, n, k);
        if (done)
            gemm_bf16x3(parts, beta);
        else
            done = gemm_sum(transpose_a, count, m, n, k, a, lda, b, ldb, beta, c, ldc);
        flow_profile_end_product(began);
        if (done)
            return;
    }
    for (int p = 0; p < count; p++)
        flow_gemm(transpose_a, false, m, n, k, a[p], lda, b[p], ldb, p == 0 ? beta : 1, c, ldc);
}

void flow_gemm_masked(bool transpose_a, int m, int n, int k, const real *a, int lda, const int *extent, const real *b,
                      int ldb, real *c, int ldc)
{
    gemm_parts parts = parts_of(transpose_a, false, 1, m, n, k, &a, lda, &b, ldb, c, ldc);
    parts.extent = extent;
    double began = flow_profile_begin_product();
    gemm_bf16x3(parts, 0);
    flow_profile_end_product(began);
}

void flow_gemm_add_outer(int count, int m, int n, int k, const real *const *a, int lda, const real *const *b, int ldb,
                         const int *extent, int from, real *c, int ldc)
{
    gemm_parts parts = parts_of(false, true, count, m, n, k, a, lda, b, ldb, c, ldc);
    parts.masks_c = true;
    parts.extent = extent;
    parts.from = from;
    double began = flow_profile_begin_product();
    gemm_bf16x3(parts, 1);
    flow_profile_end_product(began);
}
