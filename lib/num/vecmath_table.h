/* The table of functions behind vecmath.h, of which there is one for each instruction set (vecmath_kernels.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_VECMATH_TABLE_H
#define FLOW_NUM_VECMATH_TABLE_H

#include <stddef.h>

#include "num/real.h"

typedef struct flow_vecmath {
    const char *name;
    void (*exp)(size_t n, const real *x, real *y);
    void (*log)(size_t n, const real *x, real *y);
    void (*log1p)(size_t n, const real *x, real *y);
    void (*tanh)(size_t n, const real *x, real *y);
    void (*sigmoid)(size_t n, const real *x, real *y);
    void (*elu)(size_t n, const real *x, real *y);
    void (*softplus)(size_t n, const real *x, real *y);
    void (*softmax)(int k, size_t n, real *x, size_t stride);
    void (*mills)(size_t n, const real *x, real *y);
    void (*normal_tail)(size_t n, const real *x, real *y);
    void (*normals)(size_t n, real *u, real *v);
} flow_vecmath;

extern const flow_vecmath flow_vecmath_base;
#if defined(__x86_64__)
extern const flow_vecmath flow_vecmath_avx2, flow_vecmath_avx512;
#endif

#endif
