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

/* 32 terms of the sum: term 0 of A and B, its number in A, and how many there are. */
typedef struct bf16x3_step {
    const float *a, *b;
    int term, terms;
} bf16x3_step;

/* A product on its way. top[g] is the largest extent in the rows 32 g to 32 g + 31, if there is a mask. */
typedef struct bf16x3_run {
    const flow_bf16x3_kernels *kernels;
    const flow_bf16x3_product *p;
    const bf16x3_scratch *scratch;
    const int *top;
} bf16x3_run;

static int steps_of(int k)
{
    return (k + STEP - 1) / STEP;
}

/* Whether the 32 rows from i on and the 32 columns from j on have something to add in a step. */
static bool is_live(const bf16x3_run *run, const bf16x3_step *step, int i, int j)
{
    if (run->top == NULL)
        return true;
    if (run->p->masks_c)
        return run->top[i / STEP] > j + run->p->from;
    return run->p->transpose_a ? run->top[step->term / STEP] > i : run->top[i / STEP] > step->term;
}

/* Packs the rows [from, from + width) of op(A), or the columns of op(B): the tiles of the first 16 come first, one for
 * each of `count` steps. */
static void pack(const bf16x3_run *run, bool is_b, const bf16x3_step *steps, int count, int from, int width,
                 uint16_t *out)
{
    const flow_bf16x3_product *p = run->p;
    const bool along = is_b ? p->transpose_b : !p->transpose_a, masked = !is_b && !p->masks_c;
    const size_t ld = (size_t)(is_b ? p->ldb : p->lda);
    for (int i = 0; i < width; i += SIDE)
        for (int s = 0; s < count; s++, out += TILE) {
            const float *at = is_b ? steps[s].b : steps[s].a;
            const flow_bf16x3_part part = {.at = at + (size_t)(from + i) * (along ? ld : 1),
                                           .ld = ld,
                                           .along = along,
                                           .is_b = is_b,
                                           .last = steps[s].terms,
                                           .count = flow_min(width - i, SIDE)};
            if (!masked || is_live(run, &steps[s], (from + i) / PANEL * PANEL, 0))
                run->kernels->pack(&part, out);
        }
}

/* Forms the block of C at (i, j), in runs of steps that have something to add. */
static void multiply(const bf16x3_run *run, const bf16x3_step *steps, int count, int i, int j, flow_bf16x3_block *block)
{
    const uint16_t *a = block->a, *b = block->b;
    block->c = run->p->c + (size_t)i * (size_t)run->p->ldc + (size_t)j;
    block->ldc = (size_t)run->p->ldc;
    for (int s = 0, end; s < count; s = end) {
        for (end = s; end < count && is_live(run, &steps[end], i, j);)
            end++;
        block->steps = end - s;
        block->a = a + (size_t)s * TILE;
        block->b = b + (size_t)s * TILE;
        if (end > s) {
            run->kernels->multiply(block);
            block->adds = true;
        } else {
            end++;
        }
    }
    block->steps = 0;
    if (!block->adds && !run->p->masks_c)
        run->kernels->multiply(block); /* zeros */
}

/* Adds the products of `count` steps. The smaller operand is packed first, as wide as there is room for it, and the
 * other one in panels, which the kernels then find in the L1 cache. */
static void add_steps(const bf16x3_run *run, const bf16x3_step *steps, int count, bool adds)
{
    const flow_bf16x3_product *p = run->p;
    const bf16x3_scratch *scratch = run->scratch;
    const bool wide_b = p->n <= p->m;
    const int all_wide = wide_b ? p->n : p->m, all_panels = wide_b ? p->m : p->n;
    const size_t next = (size_t)count * TILE;
    for (int from = 0; from < all_wide; from += scratch->wide) {
        const int wide = flow_min(all_wide - from, scratch->wide);
        pack(run, wide_b, steps, count, from, wide, scratch->packed);
        for (int at = 0; at < all_panels; at += PANEL) {
            const int panel = flow_min(all_panels - at, PANEL);
            pack(run, !wide_b, steps, count, at, panel, scratch->panel);
            for (int k = 0; k < wide; k += PANEL) {
                const uint16_t *packed = scratch->packed + (size_t)(k / SIDE) * next;
                const int width = flow_min(wide - k, PANEL);
                flow_bf16x3_block block = {.m = wide_b ? panel : width,
                                           .n = wide_b ? width : panel,
                                           .a = wide_b ? scratch->panel : packed,
                                           .b = wide_b ? packed : scratch->panel,
                                           .next_a = next,
                                           .next_b = next,
                                           .adds = adds};
                multiply(run, steps, count, wide_b ? at : from + k, wide_b ? from + k : at, &block);
            }
        }
    }
}

static void add_all(const bf16x3_run *run)
{
    const flow_bf16x3_product *p = run->p;
    bf16x3_step steps[MOST_STEPS];
    int ready = 0;
    bool adds = p->adds;
    for (int pair = 0; pair < p->count; pair++)
        for (int s = 0; s < steps_of(p->k); s++) {
            const int term = s * STEP;
            steps[ready++] = (bf16x3_step){p->a[pair] + (size_t)term * (p->transpose_a ? (size_t)p->lda : 1),
                                           p->b[pair] + (size_t)term * (p->transpose_b ? 1 : (size_t)p->ldb), term,
                                           flow_min(p->k - term, STEP)};
            if (ready < run->scratch->steps && (pair < p->count - 1 || s < steps_of(p->k) - 1))
                continue;
            add_steps(run, steps, ready, adds);
            adds = true;
            ready = 0;
        }
}

/* With more rows the mask is not used: it only saves time. */
enum { MOST_TOPS = 512 };

/* Fills `tops`, which are zeros, with the largest extents of 32 rows of the mask each; NULL without a mask. */
static const int *find_tops(const flow_bf16x3_product *p, int tops[MOST_TOPS])
{
    const int rows = !p->masks_c && p->transpose_a ? p->k : p->m;
    if (p->extent == NULL || rows > MOST_TOPS * STEP)
        return NULL;
    for (int r = 0; r < rows; r++)
        if (p->extent[r] > tops[r / STEP])
            tops[r / STEP] = p->extent[r];
    return tops;
}

void flow_bf16x3_gemm(const flow_bf16x3_kernels *kernels, const flow_bf16x3_product *p)
{
    int tops[MOST_TOPS] = {0};
    uint16_t *memory = scratch_of_thread();
    bf16x3_run run = {.kernels = kernels, .p = p, .top = find_tops(p, tops)};
    kernels->begin();
    if (memory != NULL) {
        const bf16x3_scratch scratch = {MOST_WIDE, MOST_STEPS, memory, memory + MOST_PACKED};
        run.scratch = &scratch;
        add_all(&run);
    } else { /* the same sums in smaller parts */
        _Alignas(FLOW_ALIGNMENT) uint16_t few[2 * FEW];
        const bf16x3_scratch scratch = {PANEL, FEW_STEPS, few, few + FEW};
        run.scratch = &scratch;
        add_all(&run);
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

/* By test/bench/bench_bf16x3.c: packing takes the gain of less than 48 rows, and padding to tiles that of odd sizes. */
bool flow_bf16x3_pays(int m, int n, int k)
{
    enum { FEW_ROWS = 48 };
    const int64_t padded = (int64_t)((m + PANEL - 1) / PANEL * PANEL) * (int64_t)((k + STEP - 1) / STEP * STEP);
    return m >= FEW_ROWS && k >= STEP && n >= SIDE && 4 * padded <= 5 * (int64_t)m * k;
}
