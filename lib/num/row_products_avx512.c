/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS_AT_ONCE 6
#define COLUMNS_AT_ONCE 4
#define LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LOW_PAIRS 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_PAIRS 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define KERNEL_TABLE flow_row_products_avx512
#define KERNEL_NAME "AVX-512"

#include "num/row_products_kernel.h"
#else
typedef int flow_row_products_avx512_needs_its_compiler_flags; /* C does not allow an empty file */
#endif
