/* The caches of the processor. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_CACHE_H
#define FLOW_NUM_CACHE_H

#include <stddef.h>

/* Bytes of the second-level cache, which a core has for itself; 1 MiB where the system does not say. */
size_t flow_cache_size(void);

#endif
