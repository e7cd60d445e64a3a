/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <string.h>

#include "nn/linear.h"
#include "nn/panels.h"
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

static void add_sums(int rows, int n, const real *g, real *out)
{
    for (int r = 0; r < rows; r++)
        out[r] += flow_sum(n, g + (size_t)r * (size_t)n);
}

static void add_vector(const flow_record *entry, int n, real *out)
{
    if (!entry->summed) {
        add_sums(entry->rows, n, entry->g, out);
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

static int items_of(const flow_record *entry)
{
    return entry->linear == NULL ? 1 : entry->linear->n_groups;
}

/* A product behind a mask fills the whole panel; what is masked must be zero again. */
static void clear_masked(const flow_linear *linear, const flow_panel *panel, real *gradient)
{
    if (linear->extent == NULL || panel->stride > 1)
        return;
    for (int unit = panel->first; unit < panel->first + panel->count; unit++) {
        real *row = gradient + linear->weight + (size_t)unit * (size_t)linear->n_in;
        int live = linear->extent[unit];
        memset(row + live, 0, (size_t)(panel->depth - live) * sizeof *row);
    }
}

/* Of all tiles together, then transposed once. */
static void add_transposed_products(const job *j, int k, const flow_panel *panel, real *gw, size_t ld)
{
    real transposed[FLOW_TRANSPOSED_SIZE]; /* (depth, units) */
    int units = panel->count;
    assert(j->n_tapes > 0); /* which the analyzer cannot know */
    for (int t = 0; t < j->n_tapes; t++) {
        const flow_record *entry = &j->tapes[t].records[k];
        int n = j->tapes[t].n;
        flow_gemm(false, true, panel->depth, units, n, entry->x, n, entry->g + (size_t)panel->first * (size_t)n,
                  panel->stride * n, t > 0, transposed, units);
    }
    for (int unit = 0; unit < units; unit++)
        for (int i = 0; i < panel->depth; i++)
            gw[(size_t)unit * ld + (size_t)i] += transposed[i * units + unit];
}

static void add_products(const job *j, int k, const flow_linear *linear, const flow_unit_group *group)
{
    const flow_panel *panel = &group->panel;
    real *gw = j->gradient + linear->weight + (size_t)panel->first * (size_t)linear->n_in;
    int ld = panel->stride * linear->n_in;
    if (group->transposed) {
        add_transposed_products(j, k, panel, gw, (size_t)ld);
        return;
    }
    for (int t = 0; t < j->n_tapes; t++) {
        const flow_record *entry = &j->tapes[t].records[k];
        int n = j->tapes[t].n;
        flow_gemm(false, true, panel->count, panel->depth, n, entry->g + (size_t)panel->first * (size_t)n,
                  panel->stride * n, entry->x, n, 1, gw, ld);
    }
}

static void add_biases(const job *j, int k, const flow_panel *panel, real *out)
{
    for (int t = 0; t < j->n_tapes; t++) {
        size_t n = (size_t)j->tapes[t].n;
        const real *g = j->tapes[t].records[k].g;
        for (int p = 0; p < panel->count; p++) {
            size_t unit = (size_t)panel->first + (size_t)p * (size_t)panel->stride;
            add_sums(1, (int)n, g + unit * n, out + unit);
        }
    }
}

static void add_group(const job *j, int k, const flow_linear *linear, const flow_unit_group *group)
{
    add_products(j, k, linear, group);
    if (linear->has_bias)
        add_biases(j, k, &group->panel, j->gradient + linear->bias);
    clear_masked(linear, &group->panel, j->gradient);
}

void flow_tapes_products(const flow_tape *tapes, int n_tapes, int k, real *gradient)
{
    const flow_linear *linear = tapes[0].records[k].linear;
    job j = {tapes, n_tapes, gradient};
    for (int q = 0; q < linear->n_groups; q++)
        add_products(&j, k, linear, &linear->groups[q]);
}

static void add_item(void *context, int item, int thread)
{
    (void)thread;
    const job *j = context;
    int k = 0;
    while (item >= items_of(&j->tapes[0].records[k]))
        item -= items_of(&j->tapes[0].records[k++]);
    const flow_record *first = &j->tapes[0].records[k];
    if (first->linear != NULL) {
        add_group(j, k, first->linear, &first->linear->groups[item]);
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
