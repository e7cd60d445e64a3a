/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__AVX2__)
#define VECTOR_BYTES 32
#define ROWS_AT_ONCE 4
#define COLUMNS_AT_ONCE 3
#define LOW 0, 8, 1, 9, 4, 12, 5, 13
#define HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define LOW_PAIRS 0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_PAIRS 2, 3, 10, 11, 6, 7, 14, 15
#define KERNEL_TABLE flow_row_products_avx2
#define KERNEL_NAME "AVX2"

#include "num/row_products_kernel.h"
#else
typedef int flow_row_products_avx2_needs_its_compiler_flags; /* C does not allow an empty file */
#endif
