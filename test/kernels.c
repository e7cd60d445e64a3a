/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels.h"

int kernel_tables(const flow_vecmath *out[KERNEL_TABLES])
{
    int n = 0;
    out[n++] = &flow_vecmath_base;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        out[n++] = &flow_vecmath_avx2;
    if (__builtin_cpu_supports("avx512f"))
        out[n++] = &flow_vecmath_avx512;
#endif
    return n;
}

int row_product_kernels(const flow_row_products_kernel *out[KERNEL_TABLES])
{
    int n = 0;
    out[n++] = &flow_row_products_base;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        out[n++] = &flow_row_products_avx2;
    if (__builtin_cpu_supports("avx512f"))
        out[n++] = &flow_row_products_avx512;
#endif
    return n;
}
