/* Memory that lives and ends together: the option structs of a spec with their texts, the arrays of a trainer.
 *
 * Nothing in an arena is freed alone; flow_arena_release frees all of it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_ARENA_H
#define FLOW_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* Starts from {0}. */
typedef struct flow_arena {
    struct flow_arena_piece *pieces; /* owned */
    bool failed; /* memory was out: one check behind several calls is enough */
} flow_arena;

/* n items of `size` bytes, as flow_alloc_aligned gives them; NULL when memory is out. n may be 0. */
void *flow_arena_take(flow_arena *arena, size_t n, size_t size);
/* A copy of a text; NULL when memory is out. */
const char *flow_arena_text(flow_arena *arena, const char *text);
void flow_arena_release(flow_arena *arena);

#endif
