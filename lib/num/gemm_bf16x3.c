/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/gemm_bf16x3.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/real.h"

enum { SIDE = FLOW_BF16X3_SIDE, STEP = FLOW_BF16X3_STEP, TILE = FLOW_BF16X3_TILE };

/* ------------------------------------------------------------------ scratch */

/* What is packed at a time, of up to `steps` steps: of A or B `wide` rows or columns, of the other one a panel of 32.
 * It takes a quarter of an L2 cache of 2 MB, so that the operands themselves have room beside it. */
typedef struct bf16x3_scratch {
    int wide, steps;
    uint16_t *packed, *panel;
} bf16x3_scratch;

enum { PANEL = 2 * SIDE, MOST_WIDE = 256, MOST_STEPS = 16, FEW_STEPS = 4 };
enum { MOST_PACKED = MOST_WIDE / SIDE * MOST_STEPS * TILE, MOST_PANEL = 2 * MOST_STEPS * TILE };
enum { FEW = 2 * FEW_STEPS * TILE };

static pthread_key_t scratch_key;
static bool scratch_has_key;

static void scratch_make_key(void)
{
    scratch_has_key = pthread_key_create(&scratch_key, flow_free_aligned) == 0;
}

/* The scratch of the calling thread, freed when the thread ends; NULL when memory is out. */
static uint16_t *scratch_of_thread(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, scratch_make_key);
    if (!scratch_has_key)
        return NULL;
    uint16_t *memory = pthread_getspecific(scratch_key);
    if (memory != NULL)
        return memory;
    memory = flow_alloc_aligned(MOST_PACKED + MOST_PANEL, sizeof *memory);
    if (memory != NULL && pthread_setspecific(scratch_key, memory) != 0) {
        flow_free_aligned(memory);
        return NULL;
    }
    return memory;
}

/* ------------------------------------------------------------------ products */

/* 32 terms of the sum: term 0 of A and B, and how many there are. */
typedef struct bf16x3_step {
    const float *a, *b;
    int terms;
} bf16x3_step;

typedef struct bf16x3_product {
    const flow_bf16x3_kernels *kernels;
    bool transpose_a, transpose_b;
    int m, n, lda, ldb, ldc;
    float *c;
} bf16x3_product;

static int steps_of(int k)
{
    return (k + STEP - 1) / STEP;
}

/* Packs the rows [from, from + width) of op(A), or the columns of op(B): the tiles of the first 16 come first, one for
 * each of `count` steps. */
static void pack(const bf16x3_product *p, bool is_b, const bf16x3_step *steps, int count, int from, int width,
                 uint16_t *out)
{
    const bool along = is_b ? p->transpose_b : !p->transpose_a;
    const size_t ld = (size_t)(is_b ? p->ldb : p->lda);
    for (int i = 0; i < width; i += SIDE)
        for (int s = 0; s < count; s++, out += TILE) {
            const flow_bf16x3_part part = {.at =
                                               (is_b ? steps[s].b : steps[s].a) + (size_t)(from + i) * (along ? ld : 1),
                                           .ld = ld,
                                           .along = along,
                                           .is_b = is_b,
                                           .last = steps[s].terms,
                                           .count = flow_min(width - i, SIDE)};
            p->kernels->pack(&part, out);
        }
}

/* Adds the products of `count` steps. The smaller operand is packed first, as wide as there is room for it, and the
 * other one in panels, which the kernels then find in the L1 cache. */
static void add_steps(const bf16x3_product *p, const bf16x3_step *steps, int count, bool adds,
                      const bf16x3_scratch *scratch)
{
    const bool wide_b = p->n <= p->m;
    const int all_wide = wide_b ? p->n : p->m, all_panels = wide_b ? p->m : p->n;
    const size_t next = (size_t)count * TILE;
    for (int from = 0; from < all_wide; from += scratch->wide) {
        const int wide = flow_min(all_wide - from, scratch->wide);
        pack(p, wide_b, steps, count, from, wide, scratch->packed);
        for (int at = 0; at < all_panels; at += PANEL) {
            const int panel = flow_min(all_panels - at, PANEL);
            pack(p, !wide_b, steps, count, at, panel, scratch->panel);
            for (int k = 0; k < wide; k += PANEL) {
                const uint16_t *packed = scratch->packed + (size_t)(k / SIDE) * next;
                const int width = flow_min(wide - k, PANEL);
                const flow_bf16x3_block block = {.m = wide_b ? panel : width,
                                                 .n = wide_b ? width : panel,
                                                 .steps = count,
                                                 .a = wide_b ? scratch->panel : packed,
                                                 .b = wide_b ? packed : scratch->panel,
                                                 .next_a = next,
                                                 .next_b = next,
                                                 .c = p->c + (size_t)(wide_b ? at : from + k) * (size_t)p->ldc +
                                                      (size_t)(wide_b ? from + k : at),
                                                 .ldc = (size_t)p->ldc,
                                                 .adds = adds};
                p->kernels->multiply(&block);
            }
        }
    }
}

static void add_all(const bf16x3_product *p, int count, int k, const float *const *a, const float *const *b, bool adds,
                    const bf16x3_scratch *scratch)
{
    bf16x3_step steps[MOST_STEPS];
    int ready = 0;
    for (int pair = 0; pair < count; pair++)
        for (int s = 0; s < steps_of(k); s++) {
            const size_t term = (size_t)s * STEP;
            steps[ready++] =
                (bf16x3_step){a[pair] + term * (p->transpose_a ? (size_t)p->lda : 1),
                              b[pair] + term * (p->transpose_b ? 1 : (size_t)p->ldb), flow_min(k - s * STEP, STEP)};
            if (ready < scratch->steps && (pair < count - 1 || s < steps_of(k) - 1))
                continue;
            add_steps(p, steps, ready, adds, scratch);
            adds = true;
            ready = 0;
        }
}

void flow_bf16x3_gemm(const flow_bf16x3_kernels *kernels, bool transpose_a, bool transpose_b, int count, int m, int n,
                      int k, const float *const *a, int lda, const float *const *b, int ldb, bool adds, float *c,
                      int ldc)
{
    const bf16x3_product p = {kernels, transpose_a, transpose_b, m, n, lda, ldb, ldc, c};
    uint16_t *memory = scratch_of_thread();
    kernels->begin();
    if (memory != NULL) {
        const bf16x3_scratch scratch = {MOST_WIDE, MOST_STEPS, memory, memory + MOST_PACKED};
        add_all(&p, count, k, a, b, adds, &scratch);
    } else { /* the same sums in smaller parts */
        _Alignas(FLOW_ALIGNMENT) uint16_t few[2 * FEW];
        const bf16x3_scratch scratch = {PANEL, FEW_STEPS, few, few + FEW};
        add_all(&p, count, k, a, b, adds, &scratch);
    }
    kernels->end();
}

/* ------------------------------------------------------------------ choice */

static const flow_bf16x3_kernels *chosen;

static void choose(void)
{
    const char *wish = getenv("FLOWCTL_AMX"); /* NOLINT(concurrency-mt-unsafe): once */
    if (wish == NULL)
        chosen = flow_bf16x3_amx();
    else if (strcmp(wish, "emulate") == 0)
        chosen = &flow_bf16x3_plain;
}

const flow_bf16x3_kernels *flow_bf16x3_find(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose);
    return chosen;
}

bool flow_bf16x3_pays(int m, int n, int k)
{
    return m >= 32 && n >= SIDE && k >= 48;
}
