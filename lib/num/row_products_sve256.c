/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS == 256
#define VECTOR_BYTES 32
#define ROWS_AT_ONCE 6
#define COLUMNS_AT_ONCE 4
#define KERNEL_TABLE flow_row_products_sve256
#define KERNEL_NAME "SVE of 256 bits"

#include "num/row_products_kernel.h"
#else
typedef int flow_row_products_sve256_needs_its_compiler_flags; /* C does not allow an empty file */
#endif
