/* SPDX-License-Identifier: GPL-3.0-or-later */
#define VECTOR_BYTES 16
#define ROWS_AT_ONCE 4
#ifdef __aarch64__
#define COLUMNS_AT_ONCE 4 /* of 32 registers; four multiply-adds in a cycle need 16 sums */
#else
#define COLUMNS_AT_ONCE 2
#endif
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#define LOW_PAIRS 0, 1, 4, 5
#define HIGH_PAIRS 2, 3, 6, 7
#define KERNEL_TABLE flow_row_products_base
#ifdef __aarch64__
#define KERNEL_NAME "NEON"
#else
#define KERNEL_NAME "baseline"
#endif

#include "num/row_products_kernel.h"
