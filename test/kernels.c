/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels.h"

#include "num/simd.h"

int kernel_tables(const flow_vecmath *out[KERNEL_TABLES])
{
    int n = 0;
    out[n++] = &flow_vecmath_base;
#if defined(__x86_64__)
    if (flow_simd_best() >= FLOW_SIMD_AVX2)
        out[n++] = &flow_vecmath_avx2;
    if (flow_simd_best() >= FLOW_SIMD_AVX512)
        out[n++] = &flow_vecmath_avx512;
#elif defined(FLOW_SVE)
    if (flow_simd_best() == FLOW_SIMD_SVE256)
        out[n++] = &flow_vecmath_sve256;
    if (flow_simd_best() == FLOW_SIMD_SVE512)
        out[n++] = &flow_vecmath_sve512;
#endif
    return n;
}

int row_product_kernels(const flow_row_products_kernel *out[KERNEL_TABLES])
{
    int n = 0;
    out[n++] = &flow_row_products_base;
#if defined(__x86_64__)
    if (flow_simd_best() >= FLOW_SIMD_AVX2)
        out[n++] = &flow_row_products_avx2;
    if (flow_simd_best() >= FLOW_SIMD_AVX512)
        out[n++] = &flow_row_products_avx512;
#elif defined(FLOW_SVE)
    if (flow_simd_best() == FLOW_SIMD_SVE256)
        out[n++] = &flow_row_products_sve256;
    if (flow_simd_best() == FLOW_SIMD_SVE512)
        out[n++] = &flow_row_products_sve512;
#endif
    return n;
}
