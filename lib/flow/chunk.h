/* Pieces of the rows of a tile, for elementwise kernels that keep intermediate results on the stack. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CHUNK_H
#define FLOW_FLOW_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

/* m elements of a tile from `at`, all of one dimension: of the rows of data from `first`. */
typedef struct flow_chunk {
    size_t at;
    int first, m;
} flow_chunk;

/* Steps through the dimensions of a (d, n) tile in pieces of `most` rows or less; starts from {0}, false behind the
 * last one. With `most` a multiple of FLOW_LANES, so is every m. */
static inline bool flow_chunk_next(flow_chunk *c, int d, int n, int most)
{
    c->at += (size_t)c->m;
    c->first = (int)(c->at % (size_t)n);
    c->m = n - c->first < most ? n - c->first : most;
    return c->at < (size_t)d * (size_t)n;
}

#endif
