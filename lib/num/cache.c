/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/cache.h"

#include <stdatomic.h>
#include <unistd.h>

size_t flow_cache_size(void)
{
    enum { USUAL = 1 << 20 };
    static atomic_long known; /* 0: not asked yet; threads that ask at the same time get the same answer */
    long size = atomic_load_explicit(&known, memory_order_relaxed);
    if (size == 0) {
#ifdef _SC_LEVEL2_CACHE_SIZE
        size = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
        if (size <= 0)
            size = USUAL;
        atomic_store_explicit(&known, size, memory_order_relaxed);
    }
    return (size_t)size;
}
