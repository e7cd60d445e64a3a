/* The trace of networks with one or two hidden layers, in closed form. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/field_tile.h"
#include "num/gemm.h"
#include "num/reduce.h"
#include "num/vector.h"

/* The first and the last layer, of which M is made, and the widths of M. */
typedef struct closed_ends {
    const flow_linear *first, *last;
    const real *w_first, *w_last;
    int w0, w1;
} closed_ends;

static closed_ends closed_ends_of(const flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    const flow_linear *first = &field->layers[0], *last = &field->layers[field->n_hidden];
    return (closed_ends){first,
                         last,
                         tile->weights + first->weight,
                         tile->weights + last->weight,
                         flow_field_width(field, 0),
                         field->n_hidden == 2 ? flow_field_width(field, 1) : 1};
}

void flow_field_closed_start(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    closed_ends e = closed_ends_of(tile);
    if (field->n_hidden == 2) {
        flow_gemm(true, true, e.w1, e.w0, field->dim, e.w_last, e.last->n_in, e.w_first, e.first->n_in, 0, tile->outer,
                  e.w0);
        flow_vec_multiply((size_t)e.w1 * (size_t)e.w0, tile->weights + field->layers[1].weight, tile->outer,
                          tile->cross);
        return;
    }
    for (int r = 0; r < e.w0; r++) {
        real sum = 0;
        for (int k = 0; k < field->dim; k++)
            sum += e.w_last[(size_t)k * (size_t)e.last->n_in + (size_t)r] *
                   e.w_first[(size_t)r * (size_t)e.first->n_in + (size_t)k];
        tile->cross[r] = sum;
    }
}

/* mixed = M a1' */
static void mix(flow_field_tile *tile, const flow_field_slot *slot, const closed_ends *e)
{
    flow_gemm(false, false, e->w1, tile->n, e->w0, tile->cross, e->w0, slot->first[0], tile->n, 0, tile->mixed,
              tile->n);
}

/* With one hidden layer `mixed` is the trace. */
static void add_mixed(const flow_field_tile *tile, const flow_field_slot *slot, real *trace)
{
    if (tile->field->n_hidden == 1)
        flow_vec_add((size_t)tile->n, tile->mixed, trace);
    else
        flow_rows_add_products(flow_field_width(tile->field, 1), tile->n, tile->mixed, slot->first[1], trace);
}

void flow_field_closed_apply(flow_field_tile *tile, const flow_field_slot *slot, real *trace)
{
    closed_ends e = closed_ends_of(tile);
    mix(tile, slot, &e);
    add_mixed(tile, slot, trace);
}

void flow_field_closed_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gtrace, bool sums)
{
    closed_ends e = closed_ends_of(tile);
    int n = tile->n;
    const real *gmixed = gtrace;
    if (tile->field->n_hidden == 2 || tile->field->trains_time)
        mix(tile, slot, &e);
    if (tile->field->trains_time)
        add_mixed(tile, slot, tile->integrands);
    if (tile->field->n_hidden == 2) {
        flow_rows_multiply(e.w1, n, gtrace, tile->mixed, tile->gfirst[1]);
        flow_rows_multiply(e.w1, n, gtrace, slot->first[1], tile->mixed);
        gmixed = tile->mixed;
    }
    if (sums)
        flow_gemm(false, true, e.w1, e.w0, n, gmixed, n, slot->first[0], n, 1, tile->gcross, e.w0);
    flow_gemm(true, false, e.w0, n, e.w1, tile->cross, e.w0, gmixed, n, 0, tile->gfirst[0], n);
}

/* From the gradient at M (or m) to the weights. */
void flow_field_closed_finish(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    closed_ends e = closed_ends_of(tile);
    real *g_first = tile->layers[0].weight, *g_last = tile->layers[field->n_hidden].weight;
    if (field->n_hidden == 2) {
        size_t count = (size_t)e.w1 * (size_t)e.w0;
        flow_vec_multiply_add(count, tile->gcross, tile->outer, tile->layers[1].weight);
        flow_vec_multiply(count, tile->gcross, tile->weights + field->layers[1].weight, tile->gcross);
        flow_gemm(true, true, field->dim, e.w1, e.w0, e.w_first, e.first->n_in, tile->gcross, e.w0, 1, g_last,
                  e.last->n_in);
        flow_gemm(true, true, e.w0, field->dim, e.w1, tile->gcross, e.w0, e.w_last, e.last->n_in, 1, g_first,
                  e.first->n_in);
        return;
    }
    for (int r = 0; r < e.w0; r++) {
        for (int k = 0; k < field->dim; k++) {
            size_t in_last = (size_t)k * (size_t)e.last->n_in + (size_t)r;
            size_t in_first = (size_t)r * (size_t)e.first->n_in + (size_t)k;
            g_last[in_last] += tile->gcross[r] * e.w_first[in_first];
            g_first[in_first] += tile->gcross[r] * e.w_last[in_last];
        }
    }
}
