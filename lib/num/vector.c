/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/vector.h"

#include <string.h>

#include "num/simd.h"

FLOW_MULTIVERSION
void flow_vec_sum(size_t count, const real *a, const real *b, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] = a[k] + b[k];
}

FLOW_MULTIVERSION
void flow_vec_add(size_t count, const real *a, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] += a[k];
}

FLOW_MULTIVERSION
void flow_vec_add_value(size_t count, real value, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += value;
}

FLOW_MULTIVERSION
void flow_vec_multiply(size_t count, const real *a, const real *b, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] = a[k] * b[k];
}

FLOW_MULTIVERSION
void flow_vec_multiply_add(size_t count, const real *a, const real *b, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] += a[k] * b[k];
}

FLOW_MULTIVERSION
void flow_vec_scale(size_t count, real factor, const real *a, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] = factor * a[k];
}

FLOW_MULTIVERSION
void flow_vec_add_multiple(size_t count, real factor, const real *a, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] += factor * a[k];
}

FLOW_MULTIVERSION
void flow_vec_add_product(size_t count, real factor, const real *a, const real *b, real *out)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        out[k] += factor * a[k] * b[k];
}

/* Sums that stay in registers while the rows go by: BLOCK of them hide the time that an addition takes. */
FLOW_MULTIVERSION
void flow_rows_add(int m, size_t n, const real *a, real *out)
{
    enum { BLOCK = 4 };
    typedef real lanes __attribute__((vector_size(FLOW_LANES * sizeof(real)), aligned(sizeof(real)), may_alias));
    size_t k = 0;
    for (; k + BLOCK * FLOW_LANES <= n; k += BLOCK * FLOW_LANES) {
        lanes *to = (lanes *)(out + k), sum[BLOCK] = {to[0], to[1], to[2], to[3]};
        for (int r = 0; r < m; r++)
            for (int b = 0; b < BLOCK; b++)
                sum[b] += ((const lanes *)(a + (size_t)r * n + k))[b];
        for (int b = 0; b < BLOCK; b++)
            to[b] = sum[b];
    }
    for (; k < n; k++)
        for (int r = 0; r < m; r++)
            out[k] += a[(size_t)r * n + k];
}

FLOW_MULTIVERSION
void flow_rows_multiply(int m, int n, const real *a, const real *b, real *out)
{
    for (size_t c = 0; c < (size_t)m; c++) {
        FLOW_INDEPENDENT
        for (size_t j = 0; j < (size_t)n; j++)
            out[c * (size_t)n + j] = a[j] * b[c * (size_t)n + j];
    }
}

FLOW_MULTIVERSION
void flow_rows_add_products(int m, int n, const real *a, const real *b, real *out)
{
    for (size_t c = 0; c < (size_t)m; c++) {
        FLOW_INDEPENDENT
        for (size_t j = 0; j < (size_t)n; j++)
            out[j] += a[c * (size_t)n + j] * b[c * (size_t)n + j];
    }
}

void flow_rows_gather(int count, const int *rows, int n, const real *tile, real *out)
{
    for (int k = 0; k < count; k++)
        memcpy(out + (size_t)k * (size_t)n, tile + (size_t)rows[k] * (size_t)n, (size_t)n * sizeof *out);
}

void flow_rows_scatter(int count, const int *rows, int n, const real *in, real *tile)
{
    for (int k = 0; k < count; k++)
        memcpy(tile + (size_t)rows[k] * (size_t)n, in + (size_t)k * (size_t)n, (size_t)n * sizeof *in);
}
