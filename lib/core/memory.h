/* Aligned memory, and sizes checked for overflow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_MEMORY_H
#define FLOW_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum { FLOW_ALIGNMENT = 64 }; /* bytes: one cache line, one AVX-512 register */

/* Memory for n items of `size` bytes, zeroed and 64-byte aligned; NULL when memory is out or n * size overflows. To be
 * freed by flow_free_aligned, which accepts NULL. */
void *flow_alloc_aligned(size_t n, size_t size);
void flow_free_aligned(void *memory);

/* Multiplies or adds to *total; false, and *total unchanged, if the result does not fit a size_t. */
bool flow_size_mul(size_t *total, size_t factor);
bool flow_size_add(size_t *total, size_t term);

/* Makes room for `needed` items of `size` bytes in a growing array of *capacity items; `array` is the address of the
 * pointer to it. False, and nothing is changed, when memory is out. */
bool flow_grow(void *array, size_t *capacity, size_t needed, size_t size);

/* Divides one block of memory among arrays: flow_layout_take returns the place of the next array, n items of `size`
 * bytes. With `base` NULL it returns NULL and only adds to `used`, the total size. The same code computes size and
 * pointers, so that they agree. Start from {.base = BLOCK or NULL}. */
typedef struct flow_layout {
    char *base;
    size_t used;
} flow_layout;

void *flow_layout_take(flow_layout *layout, size_t n, size_t size);

#endif
