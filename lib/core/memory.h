/* Aligned memory, and sizes that cannot wrap around. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_MEMORY_H
#define FLOW_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum { FLOW_ALIGNMENT = 64 }; /* bytes: one cache line, one AVX-512 register */

/* Zeroed memory of n items of `size` bytes, 64-byte aligned; NULL when memory is out or n * size does not fit.
 * Freed with flow_free_aligned, which accepts NULL. */
void *flow_alloc_aligned(size_t n, size_t size);
void flow_free_aligned(void *memory);

/* Adds or multiplies into *total; false when the result does not fit a size_t. */
bool flow_size_mul(size_t *total, size_t factor);
bool flow_size_add(size_t *total, size_t term);

/* `bytes` rounded up to the alignment. */
size_t flow_align(size_t bytes);

/* Lays out pieces of one block of memory: call flow_layout_take for each piece in turn, with base NULL to learn the
 * size (`used`) and with the block itself to get the pointers. The same code does both, so they cannot differ. */
typedef struct flow_layout {
    char *base;
    size_t used;
} flow_layout;

void *flow_layout_take(flow_layout *layout, size_t n, size_t size);

#endif
