/* The table of functions behind vecmath.h and mixture.h, of which there is one for each instruction set
 * (vecmath_kernels.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_VECMATH_TABLE_H
#define FLOW_NUM_VECMATH_TABLE_H

#include <stddef.h>

#include "num/mixture.h"
#include "num/real.h"

typedef void flow_vec_function(size_t n, const real *x, real *y);
typedef void flow_vec_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second);

typedef struct flow_vecmath {
    const char *name;
    flow_vec_function *exp, *log, *log1p, *tanh, *sigmoid, *elu, *softplus;
    flow_vec_function *mills, *normal_tail; /* what the mixtures are made of, for tests (vecmath_functions.h) */
    flow_vec_slopes *tanh_slopes, *silu_slopes;
    void (*silu)(int rows, size_t n, const real *bias, real *x, real *y);
    void (*silu_backward)(size_t n, const real *x, const real *y, const real *g, real *out);
    void (*softmax)(int k, size_t n, real *x, size_t stride);
    void (*normals)(size_t n, real *u, real *v);
    void (*mixture_map)(const flow_mixtures *mix, const real *x, real *z, real *log_slope);
    void (*mixture_invert)(const flow_mixtures *mix, const real *z, real *x, real *log_slope);
    void (*mixture_backward)(const flow_mixtures *mix, bool inverse, const real *x, const real *z, const real *g,
                             const real *gl, real *gin, real *gtheta);
} flow_vecmath;

extern const flow_vecmath flow_vecmath_base;
#if defined(__x86_64__)
extern const flow_vecmath flow_vecmath_avx2, flow_vecmath_avx512;
#elif defined(FLOW_SVE)
extern const flow_vecmath flow_vecmath_sve256, flow_vecmath_sve512;
#endif

#endif
