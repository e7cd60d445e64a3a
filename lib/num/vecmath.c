/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/vecmath.h"

#include <assert.h>

#include "num/simd.h"
#include "num/vecmath_table.h"

static const flow_vecmath *kernels(void)
{
#if defined(__x86_64__)
    const flow_simd best = flow_simd_best();
    if (best == FLOW_SIMD_AVX512)
        return &flow_vecmath_avx512;
    if (best == FLOW_SIMD_AVX2)
        return &flow_vecmath_avx2;
#elif defined(FLOW_SVE)
    const flow_simd best = flow_simd_best();
    if (best == FLOW_SIMD_SVE512)
        return &flow_vecmath_sve512;
    if (best == FLOW_SIMD_SVE256)
        return &flow_vecmath_sve256;
#endif
    return &flow_vecmath_base;
}

const char *flow_vec_name(void)
{
    return kernels()->name;
}

int flow_vec_list(const char *names[4])
{
    int n = 0;
#if defined(__x86_64__)
    names[n++] = flow_vecmath_avx512.name;
    names[n++] = flow_vecmath_avx2.name;
#elif defined(FLOW_SVE)
    names[n++] = flow_vecmath_sve512.name;
    names[n++] = flow_vecmath_sve256.name;
#endif
    names[n++] = flow_vecmath_base.name;
    return n;
}

/* The functions of one argument. */
#define DEFINE_FUNCTION(name)                               \
    void flow_vec_##name(size_t n, const real *x, real *y)  \
    {                                                       \
        assert(n % FLOW_LANES == 0);                        \
        kernels()->name(n, x, y);                           \
    }
DEFINE_FUNCTION(exp)
DEFINE_FUNCTION(log)
DEFINE_FUNCTION(log1p)
DEFINE_FUNCTION(tanh)
DEFINE_FUNCTION(sigmoid)
DEFINE_FUNCTION(elu)
DEFINE_FUNCTION(softplus)

void flow_vec_tanh_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second)
{
    assert(n % FLOW_LANES == 0);
    kernels()->tanh_slopes(rows, n, bias, y, first, second);
}

void flow_vec_silu(int rows, size_t n, const real *bias, real *x, real *y)
{
    assert(n % FLOW_LANES == 0);
    kernels()->silu(rows, n, bias, x, y);
}

void flow_vec_silu_backward(size_t n, const real *x, const real *y, const real *g, real *out)
{
    assert(n % FLOW_LANES == 0);
    kernels()->silu_backward(n, x, y, g, out);
}

void flow_vec_silu_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second)
{
    assert(n % FLOW_LANES == 0);
    kernels()->silu_slopes(rows, n, bias, y, first, second);
}

void flow_vec_softmax(int k, size_t n, real *x, size_t stride)
{
    assert(n % FLOW_LANES == 0);
    kernels()->softmax(k, n, x, stride);
}

void flow_vec_normals(size_t n, real *u, real *v)
{
    assert(n % FLOW_LANES == 0);
    kernels()->normals(n, u, v);
}

/* ---- num/mixture.h ---- */

void flow_mixtures_map(const flow_mixtures *mix, const real *x, real *z, real *log_slope)
{
    kernels()->mixture_map(mix, x, z, log_slope);
}

void flow_mixtures_invert(const flow_mixtures *mix, const real *z, real *x, real *log_slope)
{
    kernels()->mixture_invert(mix, z, x, log_slope);
}

void flow_mixtures_map_backward(const flow_mixtures *mix, const real *x, const real *z, const real *gz, const real *gl,
                                real *gx, real *gtheta)
{
    kernels()->mixture_backward(mix, false, x, z, gz, gl, gx, gtheta);
}

void flow_mixtures_invert_backward(const flow_mixtures *mix, const real *x, const real *z, const real *gx,
                                   const real *gl, real *gz, real *gtheta)
{
    kernels()->mixture_backward(mix, true, x, z, gx, gl, gz, gtheta);
}
