/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/arena.h"

#include <stdalign.h>
#include <string.h>

#include "core/memory.h"

typedef struct flow_arena_piece {
    struct flow_arena_piece *next;
    alignas(FLOW_ALIGNMENT) char data[];
} flow_arena_piece;

void *flow_arena_take(flow_arena *arena, size_t n, size_t size)
{
    size_t bytes = n;
    bool fits = flow_size_mul(&bytes, size) && flow_size_add(&bytes, sizeof(flow_arena_piece));
    flow_arena_piece *piece = fits ? flow_alloc_aligned(bytes, 1) : NULL;
    arena->failed = arena->failed || piece == NULL;
    if (piece == NULL)
        return NULL;
    piece->next = arena->pieces;
    arena->pieces = piece;
    return piece->data;
}

const char *flow_arena_text(flow_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = flow_arena_take(arena, size, 1);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

void flow_arena_release(flow_arena *arena)
{
    while (arena->pieces != NULL) {
        flow_arena_piece *piece = arena->pieces;
        arena->pieces = piece->next;
        flow_free_aligned(piece);
    }
    arena->failed = false;
}
