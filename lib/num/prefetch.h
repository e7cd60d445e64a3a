/* Fetches matrices into the cache ahead of the product that uses them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PREFETCH_H
#define FLOW_NUM_PREFETCH_H

#include <stddef.h>

#include "num/real.h"

/* A (m, n), with ld values from row to row. */
static inline void flow_prefetch(int m, int n, const real *a, size_t ld)
{
    enum { LINE = 64 / sizeof(real) };
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j += LINE)
            __builtin_prefetch(a + (size_t)i * ld + (size_t)j, 0, 2);
}

/* The same for a matrix that is written. */
static inline void flow_prefetch_to_write(int m, int n, const real *a, size_t ld)
{
    enum { LINE = 64 / sizeof(real) };
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j += LINE)
            __builtin_prefetch(a + (size_t)i * ld + (size_t)j, 1, 2);
}

#endif
