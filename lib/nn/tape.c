/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <string.h>

#include "nn/linear.h"
#include "num/gemm.h"
#include "num/parallel.h"
#include "num/reduce.h"

static void record(flow_tape *tape, flow_record entry)
{
    if (tape == NULL)
        return;
    assert(tape->n_records < tape->capacity);
    tape->records[tape->n_records++] = entry;
}

void flow_tape_linear(flow_tape *tape, const flow_linear *linear, const real *x, const real *g)
{
    record(tape, (flow_record){.linear = linear, .x = x, .g = g});
}

void flow_tape_vector(flow_tape *tape, size_t offset, int rows, const real *g)
{
    record(tape, (flow_record){.offset = offset, .rows = rows, .g = g});
}

void flow_tape_sums(flow_tape *tape, size_t offset, int rows, const real *sums)
{
    record(tape, (flow_record){.offset = offset, .rows = rows, .g = sums, .summed = true});
}

static void add_vector(const flow_record *entry, int n, real *out)
{
    if (!entry->summed) {
        flow_add_sums(entry->rows, n, entry->g, out);
        return;
    }
    for (int r = 0; r < entry->rows; r++)
        out[r] += entry->g[r];
}

typedef struct job {
    const flow_tape *tapes;
    int n_tapes;
    real *gradient;
} job;

static int n_strips(const flow_linear *linear)
{
    return (linear->n_in + FLOW_STRIP - 1) / FLOW_STRIP;
}

/* A layer without inputs has biases still. */
static int items_of(const flow_record *entry)
{
    return entry->linear == NULL || entry->linear->n_in == 0 ? 1 : n_strips(entry->linear);
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* A product behind a mask fills the whole panel; what is masked must be zero again. */
static void clear_masked(const flow_linear *linear, const flow_panel *panel, int from, int to, real *gradient)
{
    for (int k = 0; linear->extent != NULL && k < panel->count; k++) {
        int unit = panel->first + k * panel->stride, live = linear->extent[unit] > from ? linear->extent[unit] : from;
        if (live < to)
            memset(gradient + linear->weight + (size_t)unit * (size_t)linear->n_in + (size_t)live, 0,
                   (size_t)(to - live) * sizeof *gradient);
    }
}

/* Tiles whose products are one sum. */
enum { TILES = 2 };

/* How many of the tiles from t on are summed together: all but the last one have the same number of rows. */
static int tiles_together(const job *j, int t)
{
    int count = 1;
    while (count < TILES && t + count < j->n_tapes && j->tapes[t + count].n == j->tapes[t].n)
        count++;
    return count;
}

/* The inputs [from, from + width) of record k: the sum of g x' over `count` tiles from t on. */
static void add_strip(const job *j, int k, int from, int width, int t, int count)
{
    const flow_linear *linear = j->tapes[0].records[k].linear;
    int n = j->tapes[t].n;
    real turned[TILES * FLOW_STRIP * FLOW_TILE]; /* (count, n, width) */
    const real *x[TILES], *g[TILES];
    for (int i = 0; i < count; i++) {
        x[i] = turned + i * n * width;
        flow_transpose(width, n, j->tapes[t + i].records[k].x + (size_t)from * (size_t)n, n, turned + i * n * width,
                       width);
    }
    for (int p = 0; p < linear->n_panels; p++) {
        const flow_panel *panel = &linear->panels[p];
        if (panel->depth <= from)
            continue;
        for (int i = 0; i < count; i++)
            g[i] = j->tapes[t + i].records[k].g + (size_t)panel->first * (size_t)n;
        size_t at = linear->weight + (size_t)panel->first * (size_t)linear->n_in + (size_t)from;
        flow_gemm_sum(false, count, panel->count, min(panel->depth - from, width), n, g, panel->stride * n, x, width, 1,
                      j->gradient + at, panel->stride * linear->n_in);
    }
}

static void add_wide(const job *j, int k, int strip)
{
    const flow_linear *linear = j->tapes[0].records[k].linear;
    int from = strip * FLOW_STRIP, width = min(linear->n_in - from, FLOW_STRIP);
    for (int t = 0, count; t < j->n_tapes; t += count) {
        count = tiles_together(j, t);
        add_strip(j, k, from, width, t, count);
    }
    for (int p = 0; p < linear->n_panels; p++)
        clear_masked(linear, &linear->panels[p], from, min(linear->panels[p].depth, from + width), j->gradient);
}

/* With few inputs their products are narrower than the vectors of the processor. Then it is x g' that is formed, whose
 * lines are as long as there are units, and g that is turned: FEW_UNITS at a time, which see about the same. */
enum { FEW_INPUTS = 12, FEW_UNITS = 64 };

static int live_inputs(const flow_linear *linear, int unit)
{
    return linear->extent != NULL ? linear->extent[unit] : linear->n_in;
}

static void add_narrow_units(const job *j, int k, int first, int units)
{
    const flow_linear *linear = j->tapes[0].records[k].linear;
    real turned[FEW_UNITS * FLOW_TILE], sums[FEW_INPUTS * FEW_UNITS]; /* (n, units); (depth, units) */
    int depth = 0;
    for (int unit = first; unit < first + units; unit++)
        depth = live_inputs(linear, unit) > depth ? live_inputs(linear, unit) : depth;
    assert(j->n_tapes > 0); /* which the analyzer cannot know */
    for (int t = 0; t < j->n_tapes; t++) {
        const flow_record *entry = &j->tapes[t].records[k];
        int n = j->tapes[t].n;
        flow_transpose(units, n, entry->g + (size_t)first * (size_t)n, n, turned, units);
        flow_gemm(false, false, depth, units, n, entry->x, n, turned, units, t > 0, sums, units);
    }
    real *gw = j->gradient + linear->weight + (size_t)first * (size_t)linear->n_in;
    for (int p = 0; p < units; p++, gw += linear->n_in)
        for (int i = 0; i < live_inputs(linear, first + p); i++)
            gw[i] += sums[i * units + p];
}

static void add_products(const job *j, int k, int strip)
{
    const flow_linear *linear = j->tapes[0].records[k].linear;
    if (linear->n_in > FEW_INPUTS) {
        add_wide(j, k, strip);
        return;
    }
    for (int first = 0; first < linear->n_out; first += FEW_UNITS)
        add_narrow_units(j, k, first, min(linear->n_out - first, FEW_UNITS));
}

static void add_biases(const job *j, int k)
{
    const flow_linear *linear = j->tapes[0].records[k].linear;
    for (int t = 0; t < j->n_tapes; t++)
        flow_add_sums(linear->n_out, j->tapes[t].n, j->tapes[t].records[k].g, j->gradient + linear->bias);
}

void flow_tapes_products(const flow_tape *tapes, int n_tapes, int k, real *gradient)
{
    job j = {tapes, n_tapes, gradient};
    for (int strip = 0; strip < n_strips(tapes[0].records[k].linear); strip++)
        add_products(&j, k, strip);
}

static void add_item(void *context, int item, int thread)
{
    (void)thread;
    const job *j = context;
    int k = j->tapes[0].n_records - 1; /* from what was recorded last, which may be in the cache still */
    while (item >= items_of(&j->tapes[0].records[k]))
        item -= items_of(&j->tapes[0].records[k--]);
    const flow_record *first = &j->tapes[0].records[k];
    if (first->linear != NULL) {
        if (first->linear->n_in > 0)
            add_products(j, k, item);
        if (first->linear->has_bias && item == 0)
            add_biases(j, k);
        return;
    }
    for (int t = 0; t < j->n_tapes; t++)
        add_vector(&j->tapes[t].records[k], j->tapes[t].n, j->gradient + first->offset);
}

void flow_tapes_gradient(const flow_tape *tapes, int n_tapes, int n_threads, size_t n_weights, real *gradient)
{
    memset(gradient, 0, n_weights * sizeof *gradient);
    if (n_tapes == 0)
        return;
    int n_items = 0;
    for (int k = 0; k < tapes[0].n_records; k++)
        n_items += items_of(&tapes[0].records[k]);
    job j = {tapes, n_tapes, gradient};
    flow_parallel_for(n_items, n_threads, add_item, &j);
}
