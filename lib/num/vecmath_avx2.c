/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__AVX2__) && defined(__FMA__)
#define VECTOR_BYTES 32
#ifdef FLOW_DOUBLE
#define V(name, ulp) Sleef_##name##d4_##ulp##avx2
#define I(name) _mm256_##name##_pd
#else
#define V(name, ulp) Sleef_##name##f8_##ulp##avx2
#define I(name) _mm256_##name##_ps
#endif
#define VECMATH_TABLE flow_vecmath_avx2
#define VECMATH_NAME "AVX2"

#include "num/vecmath_kernels.h"
#else
typedef int flow_vecmath_avx2_needs_its_compiler_flags; /* C does not allow an empty file */
#endif
