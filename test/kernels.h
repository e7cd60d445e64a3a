/* The vector kernels of all instruction sets, for tests. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_KERNELS_H
#define FLOW_TEST_KERNELS_H

#include "num/row_products_table.h"
#include "num/vecmath_table.h"

enum { KERNEL_TABLES = 3 };

/* The tables that this processor can run, the one that the program uses last. Returns how many they are. */
int kernel_tables(const flow_vecmath *out[KERNEL_TABLES]);
int row_product_kernels(const flow_row_products_kernel *out[KERNEL_TABLES]);

#endif
