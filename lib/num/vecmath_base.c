/* SPDX-License-Identifier: GPL-3.0-or-later */
/* 128-bit vectors: every x86-64 (SLEEF itself uses SSE4 where there is SSE4) and every 64-bit ARM. */
#define VECTOR_BYTES 16
#ifdef FLOW_DOUBLE
#define V(name, ulp) Sleef_##name##d2_##ulp
#else
#define V(name, ulp) Sleef_##name##f4_##ulp
#endif
#if defined(__SSE2__)
#ifdef FLOW_DOUBLE
#define I(name) _mm_##name##_pd
#else
#define I(name) _mm_##name##_ps
#endif
#endif
#define VECMATH_TABLE flow_vecmath_base
#ifdef __aarch64__
#define VECMATH_NAME "NEON"
#else
#define VECMATH_NAME "baseline"
#endif

#include "num/vecmath_kernels.h"
