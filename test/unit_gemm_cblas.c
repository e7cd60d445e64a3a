/* The products of unit_gemm.c where there is no libxsmm: this program has its own num/gemm.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NO_XSMM
#define FLOW_NO_XSMM
#endif

#include "../lib/num/gemm.c"

#include "unit_gemm.c"
