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
    return entry->linear == NULL ? 1 : entry->linear->n_panels;
}

/* A product behind a mask fills the whole panel; what is masked must be zero again. */
static void clear_masked(const flow_linear *linear, const flow_panel *panel, real *gradient)
{
    if (linear->extent == NULL)
        return;
    for (int unit = panel->first; unit < panel->last; unit++) {
        real *row = gradient + linear->weight + (size_t)unit * (size_t)linear->n_in;
        int live = linear->extent[unit];
        memset(row + live, 0, (size_t)(panel->depth - live) * sizeof *row);
    }
}

/* Of few inputs: the result is flat, and libraries are several times as fast when its longer dimension lies across. So
 * its transposed is formed first, of all tiles together. */
enum { FEW_INPUTS = 15, TRANSPOSED_SIZE = 1 << 12 };

static void add_flat_products(const job *j, int k, const flow_panel *panel, real *gw, int ld)
{
    real transposed[TRANSPOSED_SIZE]; /* (depth, units) */
    int units = panel->last - panel->first;
    for (int t = 0; t < j->n_tapes; t++) {
        const flow_record *entry = &j->tapes[t].records[k];
        int n = j->tapes[t].n;
        flow_gemm(false, true, panel->depth, units, n, entry->x, n, entry->g + (size_t)panel->first * (size_t)n, n,
                  t > 0, transposed, units);
    }
    for (int unit = 0; unit < units; unit++)
        for (int i = 0; i < panel->depth; i++)
            gw[unit * ld + i] += transposed[i * units + unit];
}

static void add_products(const job *j, int k, const flow_panel *panel, real *gw, int ld)
{
    int units = panel->last - panel->first;
    if (panel->depth <= FEW_INPUTS && units > FEW_INPUTS && units * panel->depth <= TRANSPOSED_SIZE) {
        add_flat_products(j, k, panel, gw, ld);
        return;
    }
    for (int t = 0; t < j->n_tapes; t++) {
        const flow_record *entry = &j->tapes[t].records[k];
        int n = j->tapes[t].n;
        flow_gemm(false, true, units, panel->depth, n, entry->g + (size_t)panel->first * (size_t)n, n, entry->x, n, 1,
                  gw, ld);
    }
}

static void add_panel(const job *j, int k, const flow_linear *linear, const flow_panel *panel)
{
    real *gradient = j->gradient;
    add_products(j, k, panel, gradient + linear->weight + (size_t)panel->first * (size_t)linear->n_in, linear->n_in);
    for (int t = 0; t < j->n_tapes && linear->has_bias; t++) {
        int n = j->tapes[t].n;
        add_sums(panel->last - panel->first, n, j->tapes[t].records[k].g + (size_t)panel->first * (size_t)n,
                 gradient + linear->bias + panel->first);
    }
    clear_masked(linear, panel, gradient);
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
        add_panel(j, k, first->linear, &first->linear->panels[item]);
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
