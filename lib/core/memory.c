/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

bool flow_grow(void *array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    void *grown;
    size_t more = needed, bytes = size;
    memcpy(&grown, array, sizeof grown);
    if (!flow_size_mul(&more, 2) || !flow_size_mul(&bytes, more) || (grown = realloc(grown, bytes)) == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = more;
    return true;
}

/* `bytes` rounded up to the alignment. */
static size_t memory_align(size_t bytes)
{
    return (bytes + FLOW_ALIGNMENT - 1) / FLOW_ALIGNMENT * FLOW_ALIGNMENT;
}

/* A training step reads all activations of a batch, tens of megabytes with wide layers. With pages of 4 KiB most
 * accesses would miss the processor's table of page addresses. */
static void *allocate(size_t bytes)
{
    enum { HUGE_PAGE = 1 << 21 };
    if (bytes < HUGE_PAGE)
        return aligned_alloc(FLOW_ALIGNMENT, bytes);
    void *memory = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
#ifdef MADV_HUGEPAGE
    if (memory != NULL)
        madvise(memory, bytes, MADV_HUGEPAGE); /* a hint; failure is harmless */
#endif
    return memory;
}

void *flow_alloc_aligned(size_t n, size_t size)
{
    enum { MOST_PADDING = 1 << 22 };
    size_t bytes = n;
    if (!flow_size_mul(&bytes, size) || bytes > SIZE_MAX - MOST_PADDING)
        return NULL;
    bytes = memory_align(bytes == 0 ? 1 : bytes);
    void *memory = allocate(bytes);
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
    char *array = layout->base == NULL ? NULL : layout->base + layout->used;
    layout->used += memory_align(n * size);
    return array;
}
