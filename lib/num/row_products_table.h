/* What row_products.h adds, and the kernels behind it, of which there is one for each instruction set
 * (row_products_kernel.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_ROW_PRODUCTS_TABLE_H
#define FLOW_NUM_ROW_PRODUCTS_TABLE_H

#include <stddef.h>

#include "num/real.h"

/* The sum over `count` pairs of matrices a[p] and b[p], whose rows have n numbers (a multiple of FLOW_LANES) and lie
 * behind each other. */
typedef struct flow_row_products {
    int count, n;
    const real *const *a, *const *b;
    int m;           /* rows of the product */
    const int *rows; /* (m): which rows of a[p] and of C they are; NULL: 0 ... m - 1 */
    const int *live; /* (m), ascending: row i of the product has the columns [0, live[i]); NULL: all of them */
    int from, to;    /* the columns, rows of b[p], that are computed: [from, to) */
    real *c;         /* row r of C begins at r * ldc */
    size_t ldc;
} flow_row_products;

typedef struct flow_row_products_kernel {
    const char *name;
    void (*add)(const flow_row_products *products);
} flow_row_products_kernel;

extern const flow_row_products_kernel flow_row_products_base;
#if defined(__x86_64__)
extern const flow_row_products_kernel flow_row_products_avx2, flow_row_products_avx512;
#elif defined(FLOW_SVE)
extern const flow_row_products_kernel flow_row_products_sve256, flow_row_products_sve512;
#endif

#endif
