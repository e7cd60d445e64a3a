/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/tape.h"

#include <assert.h>
#include <string.h>

#include "core/memory.h"
#include "num/gemm.h"
#include "num/parallel.h"
#include "num/reduce.h"
#include "num/row_products.h"
#include "num/transpose.h"

/* ------------------------------------------------------------------ terms of a sum */

typedef struct tape_job {
    const flow_tape *tapes;
    int n_tapes;
    real *gradient;
} tape_job;

/* A layer at one place of one tile. */
typedef struct tape_term {
    int n;
    const real *x, *g;
} tape_term;

static int n_terms(const tape_job *job, int k)
{
    return job->n_tapes * job->tapes[0].records[k].n_places;
}

/* Term i of record k: the places of the first tile come first. */
static tape_term term_at(const tape_job *job, int k, int i)
{
    int n_places = job->tapes[0].records[k].n_places, place = i % n_places;
    const flow_tape *tape = &job->tapes[i / n_places];
    const flow_record *record = &tape->records[k];
    assert(record->n_places == n_places);
    if (n_places == 1)
        return (tape_term){tape->n, record->x, record->g};
    return (tape_term){tape->n, record->xs[place], record->gs[place]};
}

/* What one sum has at most: inner products of rows round differently for another number of terms or, of layers that
 * are used at several places, of rows. Sums by panels do not; there these numbers keep the operands in the cache. */
enum {
    SUM_TERMS = 16,
    SUM_ROWS = SUM_TERMS * FLOW_LANES,
    PANEL_TILES = 4,
    PANEL_ROWS = PANEL_TILES * FLOW_TILE,
    PANEL_TERMS = PANEL_ROWS / FLOW_LANES
};

/* Finds the terms from term i on that one product sums: all have the same number of rows, and places share `rows` data
 * rows. A layer of one place sums n_single terms. Returns their number. */
static int terms_together(const tape_job *job, int k, int i, int n_single, int rows, tape_term *terms)
{
    terms[0] = term_at(job, k, i);
    int n = terms[0].n, count = 1, most = job->tapes[0].records[k].n_places == 1 ? n_single : rows / n;
    for (; count < most && i + count < n_terms(job, k); count++) {
        terms[count] = term_at(job, k, i + count);
        if (terms[count].n != n)
            break;
    }
    return count;
}

/* ------------------------------------------------------------------ products */

/* Sets to zero what the product of a panel has added behind the mask, among the inputs [from, to). */
static void clear_masked(const flow_linear *linear, const flow_panel *panel, int from, int to, real *gradient)
{
    for (int k = 0; linear->extent != NULL && k < panel->count; k++) {
        int unit = panel->first + k * panel->stride, live = linear->extent[unit] > from ? linear->extent[unit] : from;
        if (live < to)
            memset(gradient + linear->weight + (size_t)unit * (size_t)linear->n_in + (size_t)live, 0,
                   (size_t)(to - live) * sizeof *gradient);
    }
}

/* The inputs [from, from + width) of a layer: adds the sum of g x' over `count` terms. */
static void add_span(const flow_linear *linear, int from, int width, int count, const tape_term *terms, real *gradient)
{
    int n = terms[0].n;
    _Alignas(FLOW_ALIGNMENT) real transposed[FLOW_SPAN * PANEL_ROWS]; /* (count, n, width) */
    const real *x[PANEL_TERMS], *g[PANEL_TERMS];
    for (int i = 0; i < count; i++) {
        x[i] = transposed + i * n * width;
        flow_transpose(width, n, terms[i].x + (size_t)from * (size_t)n, n, transposed + i * n * width, width);
    }
    for (int p = 0; p < linear->panels.n_forward; p++) {
        const flow_panel *panel = &linear->panels.forward[p];
        if (panel->depth <= from)
            continue;
        for (int i = 0; i < count; i++)
            g[i] = terms[i].g + (size_t)panel->first * (size_t)n;
        size_t at = linear->weight + (size_t)panel->first * (size_t)linear->n_in + (size_t)from;
        int depth = flow_min(panel->depth - from, width);
        flow_gemm_sum(false, count, panel->count, depth, n, g, panel->stride * n, x, width, 1, gradient + at,
                      panel->stride * linear->n_in);
    }
}

static void add_by_panels(const tape_job *job, int k, int span)
{
    const flow_linear *linear = job->tapes[0].records[k].linear;
    int from = span * FLOW_SPAN, width = flow_min(linear->n_in - from, FLOW_SPAN);
    tape_term terms[PANEL_TERMS];
    for (int i = 0, count; i < n_terms(job, k); i += count) {
        count = terms_together(job, k, i, PANEL_TILES, PANEL_ROWS, terms);
        add_span(linear, from, width, count, terms, job->gradient);
    }
    for (int p = 0; p < linear->panels.n_forward; p++) {
        const flow_panel *panel = &linear->panels.forward[p];
        clear_masked(linear, panel, from, flow_min(panel->depth, from + width), job->gradient);
    }
}

/* Adds inner products of all terms: with the inputs of the layer, or with `ones` (FLOW_TILE) in place of each. */
static void add_row_products(const tape_job *job, int k, flow_row_products *products, const real *ones)
{
    tape_term terms[SUM_TERMS];
    const real *x[SUM_TERMS], *g[SUM_TERMS];
    products->a = g;
    products->b = x;
    for (int i = 0; i < n_terms(job, k); i += products->count) {
        products->count = terms_together(job, k, i, SUM_TERMS, SUM_ROWS, terms);
        products->n = terms[0].n;
        for (int c = 0; c < products->count; c++) {
            x[c] = ones != NULL ? ones : terms[c].x;
            g[c] = terms[c].g;
        }
        flow_add_row_products(products);
    }
}

/* The span of inputs of a layer for which this is faster: one that is narrow or has a mask. */
static void add_by_rows(const tape_job *job, int k, int span)
{
    const flow_linear *linear = job->tapes[0].records[k].linear;
    const flow_row_order *order = &linear->panels.by_rows;
    flow_row_products products = {.m = linear->n_out,
                                  .rows = order->units,
                                  .live = order->live != NULL ? order->live : linear->extent,
                                  .from = span * FLOW_SPAN,
                                  .to = flow_min(linear->n_in, (span + 1) * FLOW_SPAN),
                                  .c = job->gradient + linear->weight,
                                  .ldc = (size_t)linear->n_in};
    add_row_products(job, k, &products, NULL);
}

/* Spans that one task forms where operands are packed: of a span alone, packing would take as long as the product. */
enum { SPANS_AT_ONCE = 4 };

/* The inputs from span `span` on. */
static int width_at_once(const flow_linear *linear, int span)
{
    return flow_min(linear->n_in - span * FLOW_SPAN, SPANS_AT_ONCE * FLOW_SPAN);
}

static bool is_at_once(const tape_job *job, int k, int span)
{
    const flow_linear *linear = job->tapes[0].records[k].linear;
    return flow_gemm_is_packed(linear->n_out, width_at_once(linear, span - span % SPANS_AT_ONCE),
                               job->tapes[0].n * n_terms(job, k));
}

/* Adds the products of the spans from `span` on. */
static void add_at_once(const tape_job *job, int k, int span)
{
    const flow_linear *linear = job->tapes[0].records[k].linear;
    const int from = span * FLOW_SPAN, width = width_at_once(linear, span);
    real *gw = job->gradient + linear->weight + (size_t)from;
    tape_term terms[SUM_TERMS];
    const real *x[SUM_TERMS], *g[SUM_TERMS];
    for (int i = 0, count; i < n_terms(job, k); i += count) {
        count = terms_together(job, k, i, SUM_TERMS, SUM_ROWS, terms);
        const int n = terms[0].n;
        for (int c = 0; c < count; c++) {
            x[c] = terms[c].x + (size_t)from * (size_t)n;
            g[c] = terms[c].g;
        }
        flow_gemm_add_outer(count, linear->n_out, width, n, g, n, x, n, linear->extent, from, gw, linear->n_in);
    }
    for (int unit = 0; linear->extent != NULL && unit < linear->n_out; unit++) {
        const int live = linear->extent[unit] > from ? linear->extent[unit] - from : 0;
        if (live < width)
            memset(gw + (size_t)unit * (size_t)linear->n_in + (size_t)live, 0, (size_t)(width - live) * sizeof *gw);
    }
}

/* More rows than a tile has: of an image, pixels may count as rows. */
static void add_long(const tape_job *job, int k)
{
    const flow_record *record = &job->tapes[0].records[k];
    const flow_linear *linear = record->linear;
    const int n = job->tapes[0].n;
    real *gw = job->gradient + linear->weight;
    flow_gemm(false, true, linear->n_out, linear->n_in, n, record->g, n, record->x, n, 1, gw, linear->n_in);
    for (int unit = 0; linear->extent != NULL && unit < linear->n_out; unit++)
        memset(gw + (size_t)unit * (size_t)linear->n_in + (size_t)linear->extent[unit], 0,
               (size_t)(linear->n_in - linear->extent[unit]) * sizeof *gw);
}

static void add_products(const tape_job *job, int k, int span)
{
    const flow_linear *linear = job->tapes[0].records[k].linear;
    if (n_terms(job, k) == 0)
        return;
    if (job->tapes[0].n > FLOW_TILE) {
        if (span == 0)
            add_long(job, k);
        return;
    }
    if (is_at_once(job, k, span)) {
        if (span % SPANS_AT_ONCE == 0)
            add_at_once(job, k, span);
        return;
    }
    if (linear->panels.by_rows.faster)
        add_by_rows(job, k, span);
    else
        add_by_panels(job, k, span);
}

/* The sum of a row is its inner product with ones. */
static void add_biases(const tape_job *job, int k)
{
    const flow_linear *linear = job->tapes[0].records[k].linear;
    if (job->tapes[0].n > FLOW_TILE) {
        const tape_term term = term_at(job, k, 0);
        flow_add_sums(linear->n_out, term.n, term.g, job->gradient + linear->bias);
        return;
    }
    real ones[FLOW_TILE];
    for (int j = 0; j < FLOW_TILE; j++)
        ones[j] = 1;
    flow_row_products products = {.m = linear->n_out, .to = 1, .c = job->gradient + linear->bias, .ldc = 1};
    add_row_products(job, k, &products, ones);
}

static void add_vector(const flow_record *record, int n, real *out)
{
    if (!record->summed) {
        flow_add_sums(record->rows, n, record->g, out);
        return;
    }
    for (int r = 0; r < record->rows; r++)
        out[r] += record->g[r];
}

/* ------------------------------------------------------------------ tasks */

static int n_spans(const flow_linear *linear)
{
    return (linear->n_in + FLOW_SPAN - 1) / FLOW_SPAN;
}

/* A layer without inputs has biases all the same. */
static int n_tasks(const flow_record *record)
{
    return record->linear == NULL || record->linear->n_in == 0 ? 1 : n_spans(record->linear);
}

/* Task i of record k. */
static void add_task(const tape_job *job, int k, int i)
{
    const flow_record *first = &job->tapes[0].records[k];
    if (first->linear != NULL) {
        if (first->linear->n_in > 0)
            add_products(job, k, i);
        if (first->linear->has_bias && i == 0)
            add_biases(job, k);
        return;
    }
    for (int t = 0; t < job->n_tapes; t++)
        add_vector(&job->tapes[t].records[k], job->tapes[t].n, job->gradient + first->offset);
}

static void tape_task(void *context, int item, int thread)
{
    (void)thread;
    const tape_job *job = context;
    int k = job->tapes[0].n_records - 1; /* the last records may still be in the cache */
    while (item >= n_tasks(&job->tapes[0].records[k]))
        item -= n_tasks(&job->tapes[0].records[k--]);
    add_task(job, k, item);
}

void flow_tapes_gradient(const flow_tape *tapes, int n_tapes, int n_threads, size_t n_weights, real *gradient)
{
    memset(gradient, 0, n_weights * sizeof *gradient);
    if (n_tapes == 0)
        return;
    int n_items = 0;
    for (int k = 0; k < tapes[0].n_records; k++)
        n_items += n_tasks(&tapes[0].records[k]);
    tape_job job = {tapes, n_tapes, gradient};
    flow_parallel_for(n_items, n_threads, tape_task, &job);
}

void flow_tapes_products(const flow_tape *tapes, int n_tapes, int k, real *gradient)
{
    tape_job job = {tapes, n_tapes, gradient};
    for (int span = 0; span < n_spans(tapes[0].records[k].linear); span++)
        add_products(&job, k, span);
}

/* ------------------------------------------------------------------ recording */

static void tape_add(flow_tape *tape, flow_record record)
{
    if (tape == NULL)
        return;
    if (tape->gradient != NULL) {
        flow_tape one = {.n = tape->n, .n_records = 1, .records = &record};
        tape_job job = {&one, 1, tape->gradient};
        for (int i = 0; i < n_tasks(&record); i++)
            add_task(&job, 0, i);
        return;
    }
    assert(tape->n_records < tape->capacity);
    tape->records[tape->n_records++] = record;
}

void flow_tape_linear(flow_tape *tape, const flow_linear *linear, const real *x, const real *g)
{
    tape_add(tape, (flow_record){.linear = linear, .n_places = 1, .x = x, .g = g});
}

void flow_tape_linear_places(flow_tape *tape, const flow_linear *linear, int n_places, const real *const *xs,
                             const real *const *gs)
{
    if (n_places == 1)
        flow_tape_linear(tape, linear, xs[0], gs[0]);
    else
        tape_add(tape, (flow_record){.linear = linear, .n_places = n_places, .xs = xs, .gs = gs});
}

void flow_tape_vector(flow_tape *tape, size_t offset, int rows, const real *g)
{
    tape_add(tape, (flow_record){.offset = offset, .rows = rows, .g = g});
}

void flow_tape_sums(flow_tape *tape, size_t offset, int rows, const real *sums)
{
    tape_add(tape, (flow_record){.offset = offset, .rows = rows, .g = sums, .summed = true});
}
