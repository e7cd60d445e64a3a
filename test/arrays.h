/* Arrays of tests, 64-byte aligned as those of the library, freed by flow_free_aligned; include after cmocka.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_ARRAYS_H
#define FLOW_TEST_ARRAYS_H

#include "core/memory.h"
#include "num/real.h"
#include "num/rng.h"

static inline real *new_array(size_t n)
{
    real *x = flow_alloc_aligned(n + FLOW_LANES, sizeof *x);
    assert_non_null(x);
    return x;
}

/* Uniform in (-1, 1), a function of (column, place). */
static inline real *new_random(size_t n, uint32_t column)
{
    real *x = new_array(n);
    for (size_t k = 0; k < n; k++)
        x[k] = (real)(2 * flow_rng_uniform(13, FLOW_STREAM_OTHER, k, column) - 1);
    return x;
}

#endif
