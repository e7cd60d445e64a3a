/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/lines.h"

#include "num/simd.h"

FLOW_MULTIVERSION
void flow_lines_multiply(size_t count, const real *a, const real *b, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] = a[k] * b[k];
}

FLOW_MULTIVERSION
void flow_lines_multiply_add(size_t count, const real *a, const real *b, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += a[k] * b[k];
}

FLOW_MULTIVERSION
void flow_lines_add(size_t count, const real *a, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += a[k];
}

FLOW_MULTIVERSION
void flow_lines_scale(size_t count, real factor, const real *a, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] = factor * a[k];
}

FLOW_MULTIVERSION
void flow_lines_add_multiple(size_t count, real factor, const real *a, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += factor * a[k];
}

FLOW_MULTIVERSION
void flow_lines_add_product(size_t count, real factor, const real *a, const real *b, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += factor * a[k] * b[k];
}

FLOW_MULTIVERSION
void flow_lines_through(size_t count, const real *first, const real *second, const real *gfirst, real *g)
{
    for (size_t k = 0; k < count; k++)
        g[k] = g[k] * first[k] + gfirst[k] * second[k];
}

FLOW_MULTIVERSION
void flow_lines_multiply_each(int m, int n, const real *a, const real *b, real *out)
{
    for (size_t c = 0; c < (size_t)m; c++)
        for (size_t j = 0; j < (size_t)n; j++)
            out[c * (size_t)n + j] = a[j] * b[c * (size_t)n + j];
}

FLOW_MULTIVERSION
void flow_lines_sum_products(int m, int n, const real *a, const real *b, real *out)
{
    for (size_t c = 0; c < (size_t)m; c++)
        for (size_t j = 0; j < (size_t)n; j++)
            out[j] += a[c * (size_t)n + j] * b[c * (size_t)n + j];
}
