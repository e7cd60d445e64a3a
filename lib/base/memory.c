/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool flow_size_mul(size_t *total, size_t factor)
{
    if (factor != 0 && *total > SIZE_MAX / factor)
        return false;
    *total *= factor;
    return true;
}

bool flow_size_add(size_t *total, size_t term)
{
    if (*total > SIZE_MAX - term)
        return false;
    *total += term;
    return true;
}

size_t flow_align(size_t bytes)
{
    return (bytes + FLOW_ALIGNMENT - 1) / FLOW_ALIGNMENT * FLOW_ALIGNMENT;
}

void *flow_alloc_aligned(size_t n, size_t size)
{
    size_t bytes = n;
    if (!flow_size_mul(&bytes, size) || bytes > SIZE_MAX - FLOW_ALIGNMENT)
        return NULL;
    bytes = flow_align(bytes == 0 ? 1 : bytes);
    void *memory = aligned_alloc(FLOW_ALIGNMENT, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

void flow_free_aligned(void *memory)
{
    free(memory);
}

void *flow_layout_take(flow_layout *layout, size_t n, size_t size)
{
    char *piece = layout->base == NULL ? NULL : layout->base + layout->used;
    layout->used += flow_align(n * size);
    return piece;
}
