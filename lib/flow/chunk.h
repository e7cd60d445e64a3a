/* Stepping through the lines of a (d, n) tile in pieces that fit the stack, for univariates. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CHUNK_H
#define FLOW_FLOW_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

/* m elements of a line from `at`, of the data rows from `first`. m is a multiple of FLOW_LANES as n and `most` are. */
typedef struct flow_chunk {
    size_t at;
    int first, m;
} flow_chunk;

/* To the next piece of at most `most` elements; starts from {0}, false behind the last one. */
static inline bool flow_chunk_next(flow_chunk *c, int d, int n, int most)
{
    c->at += (size_t)c->m;
    c->first = (int)(c->at % (size_t)n);
    c->m = n - c->first < most ? n - c->first : most;
    return c->at < (size_t)d * (size_t)n;
}

#endif
