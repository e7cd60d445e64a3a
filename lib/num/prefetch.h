/* Asks for memory before it is needed, so that the next product finds its matrix in the cache. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PREFETCH_H
#define FLOW_NUM_PREFETCH_H

#include <stddef.h>

#include "num/real.h"

/* A (m, n), ld between rows. */
static inline void flow_prefetch(int m, int n, const real *a, size_t ld)
{
    enum { LINE = 64 / sizeof(real) };
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j += LINE)
            __builtin_prefetch(a + (size_t)i * ld + (size_t)j, 0, 2);
}

#endif
