/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS == 512
#define VECTOR_BYTES 64
#ifdef FLOW_DOUBLE
#define V(name, ulp) Sleef_##name##dx_##ulp##sve
#else
#define V(name, ulp) Sleef_##name##fx_##ulp##sve
#endif
#define VECMATH_TABLE flow_vecmath_sve512
#define VECMATH_NAME "SVE of 512 bits"

#include "num/vecmath_kernels.h"
#else
typedef int flow_vecmath_sve512_needs_its_compiler_flags; /* C does not allow an empty file */
#endif
