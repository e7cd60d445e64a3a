/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/vecmath.h"

#include <assert.h>

#include "num/vecmath_table.h"

static const flow_vecmath *kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return &flow_vecmath_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &flow_vecmath_avx2;
#endif
    return &flow_vecmath_base;
}

const char *flow_vec_name(void)
{
    return kernels()->name;
}

void flow_vec_exp(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->exp(n, x, y);
}

void flow_vec_log(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->log(n, x, y);
}

void flow_vec_log1p(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->log1p(n, x, y);
}

void flow_vec_tanh(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->tanh(n, x, y);
}

void flow_vec_sigmoid(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->sigmoid(n, x, y);
}

void flow_vec_elu(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->elu(n, x, y);
}

void flow_vec_softplus(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->softplus(n, x, y);
}

void flow_vec_softmax(int k, size_t n, real *x, size_t stride)
{
    assert(n % FLOW_LANES == 0);
    kernels()->softmax(k, n, x, stride);
}

void flow_vec_mills(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->mills(n, x, y);
}

void flow_vec_normal_tail(size_t n, const real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->normal_tail(n, x, y);
}

void flow_vec_normals(size_t n, real *u, real *v)
{
    assert(n % FLOW_LANES == 0);
    kernels()->normals(n, u, v);
}
