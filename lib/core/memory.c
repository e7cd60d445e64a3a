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
    void *old;
    size_t more = needed, bytes = size;
    memcpy(&old, array, sizeof old);
    if (!flow_size_mul(&more, 2) || !flow_size_mul(&bytes, more))
        return false;
    void *grown = realloc(old, bytes);
    if (grown == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = more;
    return true; /* cppcheck-suppress memleak ; *array has it */
}

static size_t memory_round_up(size_t bytes, size_t alignment)
{
    return (bytes + alignment - 1) / alignment * alignment;
}

/* The speed of products depends by some per cent on the place of their matrices within a page. Arrays of some size
 * begin at a page, so that the place does not depend on what was allocated before.
 *
 * A training step reads all activations of a batch, tens of megabytes with wide layers. With pages of 4 KiB most
 * accesses would miss the processor's table of page addresses. */
static void *allocate(size_t bytes)
{
    enum { PAGE = 1 << 12, MANY_PAGES = 1 << 16, HUGE_PAGE = 1 << 21 };
    size_t alignment = bytes < MANY_PAGES ? FLOW_ALIGNMENT : bytes < HUGE_PAGE ? PAGE : HUGE_PAGE;
    void *memory = aligned_alloc(alignment, memory_round_up(bytes, alignment));
#ifdef MADV_HUGEPAGE
    if (memory != NULL && bytes >= HUGE_PAGE)
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
    bytes = memory_round_up(bytes == 0 ? 1 : bytes, FLOW_ALIGNMENT);
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
    layout->used += memory_round_up(n * size, FLOW_ALIGNMENT);
    return array;
}
