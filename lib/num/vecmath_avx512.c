/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#ifdef FLOW_DOUBLE
#define V(name, ulp) Sleef_##name##d8_##ulp##avx512f
#define I(name) _mm512_##name##_pd
#else
#define V(name, ulp) Sleef_##name##f16_##ulp##avx512f
#define I(name) _mm512_##name##_ps
#endif
#define VECMATH_TABLE flow_vecmath_avx512
#define VECMATH_NAME "AVX-512"

#include "num/vecmath_kernels.h"
#else
typedef int flow_vecmath_avx512_needs_its_compiler_flags; /* C does not allow an empty file */
#endif
