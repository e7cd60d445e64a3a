/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/row_products.h"

#include <assert.h>

#include "num/profile.h"
#include "num/simd.h"

static const flow_row_products_kernel *kernel(void)
{
#if defined(__x86_64__)
    const flow_simd best = flow_simd_best();
    if (best == FLOW_SIMD_AVX512)
        return &flow_row_products_avx512;
    if (best == FLOW_SIMD_AVX2)
        return &flow_row_products_avx2;
#elif defined(FLOW_SVE)
    const flow_simd best = flow_simd_best();
    if (best == FLOW_SIMD_SVE512)
        return &flow_row_products_sve512;
    if (best == FLOW_SIMD_SVE256)
        return &flow_row_products_sve256;
#endif
    return &flow_row_products_base;
}

void flow_add_row_products(const flow_row_products *products)
{
    double began = flow_profile_begin_product();
    assert(products->n % FLOW_LANES == 0);
    kernel()->add(products);
    flow_profile_end_product(began);
}
