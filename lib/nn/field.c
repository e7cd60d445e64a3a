/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/field.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "num/gemm.h"
#include "num/reduce.h"
#include "num/simd.h"

flow_status flow_field_configure(flow_field *field, const flow_field_options *options, int dim, int n_context,
                                 flow_params *params, flow_error *err)
{
    field->dim = dim;
    field->n_context = n_context;
    field->n_hidden = options->hidden.n;
    field->activation = (flow_smooth)options->activation;
    if (field->n_hidden < 1 || field->n_hidden > FLOW_FIELD_DEPTH)
        return flow_error_set(err, FLOW_SPEC,
                              "hidden: expected one or two hidden layers, for which the trace of the "
                              "Jacobian has a closed form, found %d",
                              field->n_hidden);
    int n_in = dim + 1 + n_context;
    for (int l = 0; l <= field->n_hidden; l++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d", l);
        bool hidden = l < field->n_hidden;
        int width = hidden ? options->hidden.at[l] : dim;
        flow_status status = flow_linear_configure(&field->layers[l], n_in, width, NULL,
                                                   hidden ? FLOW_INIT_FAN_IN : FLOW_INIT_ZERO, params, name, err);
        if (status != FLOW_OK)
            return status;
        n_in = width;
    }
    return FLOW_OK;
}

void flow_field_release(flow_field *field)
{
    for (int l = 0; l <= FLOW_FIELD_DEPTH; l++)
        flow_linear_release(&field->layers[l]);
}

static int width_of(const flow_field *field, int l)
{
    return field->layers[l].n_out;
}

/* Entries of the matrix that makes the trace. */
static size_t cross_size(const flow_field *field)
{
    return (size_t)width_of(field, 0) * (field->n_hidden == 2 ? (size_t)width_of(field, 1) : 1);
}

static void lay_out_slot(const flow_field *field, int n, flow_layout *layout, flow_field_slot *slot)
{
    for (int l = 0; l < field->n_hidden; l++) {
        size_t count = (size_t)width_of(field, l) * (size_t)n;
        slot->y[l] = flow_layout_take(layout, count, sizeof(real));
        slot->first[l] = flow_layout_take(layout, count, sizeof(real));
        slot->second[l] = flow_layout_take(layout, count, sizeof(real));
        if (l == 1)
            slot->mixed = flow_layout_take(layout, count, sizeof(real));
    }
}

size_t flow_field_lay_out(const flow_field *field, int n, int n_slots, void *work, flow_field_tile *tile)
{
    flow_layout layout = {.base = work};
    assert(n_slots <= FLOW_FIELD_SLOTS);
    *tile = (flow_field_tile){.field = field, .n = n};
    size_t first = (size_t)width_of(field, 0) * (size_t)n;
    tile->offset = flow_layout_take(&layout, first, sizeof(real));
    tile->goffset = flow_layout_take(&layout, first, sizeof(real));
    tile->outer = flow_layout_take(&layout, cross_size(field), sizeof(real));
    tile->cross = flow_layout_take(&layout, cross_size(field), sizeof(real));
    tile->gcross = flow_layout_take(&layout, cross_size(field), sizeof(real));
    for (int l = 0; l <= field->n_hidden; l++) {
        const flow_linear *layer = &field->layers[l];
        tile->gweight[l] = flow_layout_take(&layout, (size_t)layer->n_out * (size_t)layer->n_in, sizeof(real));
        tile->gbias[l] = flow_layout_take(&layout, (size_t)layer->n_out, sizeof(real));
    }
    for (int l = 0; l < field->n_hidden; l++) {
        size_t count = (size_t)width_of(field, l) * (size_t)n;
        tile->g[l] = flow_layout_take(&layout, count, sizeof(real));
        tile->gfirst[l] = flow_layout_take(&layout, count, sizeof(real));
    }
    for (int s = 0; s < n_slots; s++)
        lay_out_slot(field, n, &layout, &tile->slots[s]);
    return layout.used;
}

FLOW_MULTIVERSION
static void multiply(size_t count, const real *a, const real *b, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] = a[k] * b[k];
}

FLOW_MULTIVERSION
static void multiply_add(size_t count, const real *a, const real *b, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += a[k] * b[k];
}

FLOW_MULTIVERSION
static void add(size_t count, const real *a, real *out)
{
    for (size_t k = 0; k < count; k++)
        out[k] += a[k];
}

FLOW_MULTIVERSION
static void add_multiple(int n, real factor, const real *a, real *out)
{
    for (int j = 0; j < n; j++)
        out[j] += factor * a[j];
}

/* ------------------------------------------------------------------ once per tile */

static void make_offset(flow_field_tile *tile)
{
    const flow_linear *layer = &tile->field->layers[0];
    int n = tile->n, skipped = tile->field->dim + 1;
    const real *bias = tile->weights + layer->bias;
    for (int r = 0; r < layer->n_out; r++)
        for (int j = 0; j < n; j++)
            tile->offset[(size_t)r * (size_t)n + (size_t)j] = bias[r];
    if (tile->field->n_context > 0)
        flow_gemm(false, false, layer->n_out, n, tile->field->n_context, tile->weights + layer->weight + skipped,
                  layer->n_in, tile->context, n, 1, tile->offset, n);
}

static void make_cross(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    const flow_linear *first = &field->layers[0], *last = &field->layers[field->n_hidden];
    const real *w_first = tile->weights + first->weight, *w_last = tile->weights + last->weight;
    if (field->n_hidden == 2) {
        flow_gemm(true, true, last->n_in, first->n_out, field->dim, w_last, last->n_in, w_first, first->n_in, 0,
                  tile->outer, first->n_out);
        multiply(cross_size(field), tile->weights + field->layers[1].weight, tile->outer, tile->cross);
        return;
    }
    for (int r = 0; r < first->n_out; r++) {
        real sum = 0;
        for (int k = 0; k < field->dim; k++)
            sum += w_last[(size_t)k * (size_t)last->n_in + (size_t)r] *
                   w_first[(size_t)r * (size_t)first->n_in + (size_t)k];
        tile->cross[r] = sum;
    }
}

void flow_field_start(flow_field_tile *tile)
{
    make_offset(tile);
    make_cross(tile);
}

/* ------------------------------------------------------------------ one evaluation */

static void add_trace(const flow_field_tile *tile, const flow_field_slot *slot, real *trace)
{
    int n = tile->n, widths[] = {width_of(tile->field, 0), width_of(tile->field, 1)};
    memset(trace, 0, (size_t)n * sizeof *trace);
    if (tile->field->n_hidden == 1) {
        for (int r = 0; r < widths[0]; r++)
            add_multiple(n, tile->cross[r], slot->first[0] + (size_t)r * (size_t)n, trace);
        return;
    }
    flow_gemm(false, false, widths[1], n, widths[0], tile->cross, widths[0], slot->first[0], n, 0, slot->mixed, n);
    for (int r = 0; r < widths[1]; r++)
        multiply_add((size_t)n, slot->mixed + (size_t)r * (size_t)n, slot->first[1] + (size_t)r * (size_t)n, trace);
}

void flow_field_apply(flow_field_tile *tile, int slot_at, bool keeps, const real *at, real *f, real *trace)
{
    const flow_field *field = tile->field;
    flow_field_slot *slot = &tile->slots[slot_at];
    const flow_linear *layer = &field->layers[0];
    int n = tile->n;
    memcpy(slot->y[0], tile->offset, (size_t)layer->n_out * (size_t)n * sizeof(real));
    flow_gemm(false, false, layer->n_out, n, field->dim + 1, tile->weights + layer->weight, layer->n_in, at, n, 1,
              slot->y[0], n);
    flow_smooth_apply(field->activation, layer->n_out, n, NULL, slot->y[0], slot->first[0],
                      keeps ? slot->second[0] : NULL);
    if (field->n_hidden == 2) {
        layer = &field->layers[1];
        flow_gemm(false, false, layer->n_out, n, layer->n_in, tile->weights + layer->weight, layer->n_in, slot->y[0], n,
                  0, slot->y[1], n);
        flow_smooth_apply(field->activation, layer->n_out, n, tile->weights + layer->bias, slot->y[1], slot->first[1],
                          keeps ? slot->second[1] : NULL);
    }
    flow_linear_apply(&field->layers[field->n_hidden], tile->weights, n, slot->y[field->n_hidden - 1],
                      FLOW_ACTIVATION_NONE, f, f);
    if (trace != NULL)
        add_trace(tile, slot, trace);
}

/* ------------------------------------------------------------------ gradients */

void flow_field_begin_backward(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    memset(tile->goffset, 0, (size_t)width_of(field, 0) * (size_t)tile->n * sizeof(real));
    memset(tile->gcross, 0, cross_size(field) * sizeof(real));
    for (int l = 0; l <= field->n_hidden; l++) {
        const flow_linear *layer = &field->layers[l];
        memset(tile->gweight[l], 0, (size_t)layer->n_out * (size_t)layer->n_in * sizeof(real));
        memset(tile->gbias[l], 0, (size_t)layer->n_out * sizeof(real));
    }
}

/* g = g first + gfirst second */
FLOW_MULTIVERSION
static void multiply_both(size_t count, const real *first, const real *second, const real *gfirst, real *g)
{
    for (size_t k = 0; k < count; k++)
        g[k] = g[k] * first[k] + gfirst[k] * second[k];
}

/* The gradient at the input of activation l from those at its value and, with a trace, at its derivative. */
static void through_activation(flow_field_tile *tile, const flow_field_slot *slot, int l, bool has_trace)
{
    size_t count = (size_t)width_of(tile->field, l) * (size_t)tile->n;
    if (has_trace)
        multiply_both(count, slot->first[l], slot->second[l], tile->gfirst[l], tile->g[l]);
    else
        multiply(count, tile->g[l], slot->first[l], tile->g[l]);
}

/* Of the layer's first n_in inputs alone. */
static void sum_weights(flow_field_tile *tile, int l, int n_in, const real *x, const real *g)
{
    const flow_linear *layer = &tile->field->layers[l];
    flow_gemm(false, true, layer->n_out, n_in, tile->n, g, tile->n, x, tile->n, 1, tile->gweight[l], layer->n_in);
    for (int r = 0; r < layer->n_out && l > 0; r++) /* that of the first layer is part of goffset */
        tile->gbias[l][r] += flow_sum(tile->n, g + (size_t)r * (size_t)tile->n);
}

/* From the trace to the derivatives of the first activation; gfirst of the second layer is made beforehand. */
static void cross_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gtrace, bool sums)
{
    int n = tile->n, widths[] = {width_of(tile->field, 0), width_of(tile->field, 1)};
    if (tile->field->n_hidden == 1) {
        for (int r = 0; r < widths[0]; r++) {
            size_t line = (size_t)r * (size_t)n;
            tile->gcross[r] += sums ? flow_dot(n, gtrace, slot->first[0] + line) : 0;
            for (int j = 0; j < n; j++)
                tile->gfirst[0][line + (size_t)j] = tile->cross[r] * gtrace[j];
        }
        return;
    }
    real *gmixed = tile->gfirst[1]; /* which is used up */
    for (int r = 0; r < widths[1]; r++)
        multiply((size_t)n, gtrace, slot->first[1] + (size_t)r * (size_t)n, gmixed + (size_t)r * (size_t)n);
    if (sums)
        flow_gemm(false, true, widths[1], widths[0], n, gmixed, n, slot->first[0], n, 1, tile->gcross, widths[0]);
    flow_gemm(true, false, widths[0], n, widths[1], tile->cross, widths[0], gmixed, n, 0, tile->gfirst[0], n);
}

void flow_field_backward(flow_field_tile *tile, int slot_at, const real *at, const real *gf, const real *gtrace,
                         bool sums, real *gx)
{
    const flow_field *field = tile->field;
    const flow_field_slot *slot = &tile->slots[slot_at];
    const flow_linear *first = &field->layers[0], *last = &field->layers[field->n_hidden];
    int n = tile->n, top = field->n_hidden - 1;
    if (sums)
        sum_weights(tile, field->n_hidden, last->n_in, slot->y[top], gf);
    flow_linear_backward(last, tile->weights, n, gf, tile->g[top]);
    if (top == 1) {
        const flow_linear *layer = &field->layers[1];
        for (int r = 0; r < layer->n_out && gtrace != NULL; r++)
            multiply((size_t)n, gtrace, slot->mixed + (size_t)r * (size_t)n, tile->gfirst[1] + (size_t)r * (size_t)n);
        through_activation(tile, slot, 1, gtrace != NULL);
        if (sums)
            sum_weights(tile, 1, layer->n_in, slot->y[0], tile->g[1]);
        flow_linear_backward(layer, tile->weights, n, tile->g[1], tile->g[0]);
    }
    if (gtrace != NULL)
        cross_backward(tile, slot, gtrace, sums);
    through_activation(tile, slot, 0, gtrace != NULL);
    if (sums) {
        sum_weights(tile, 0, field->dim + 1, at, tile->g[0]);
        add((size_t)first->n_out * (size_t)n, tile->g[0], tile->goffset);
    }
    flow_gemm(true, false, field->dim, n, first->n_out, tile->weights + first->weight, first->n_in, tile->g[0], n, 0,
              gx, n);
}

/* From M (or m) to the weights that it is made of. */
static void finish_cross(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    const flow_linear *first = &field->layers[0], *last = &field->layers[field->n_hidden];
    const real *w_first = tile->weights + first->weight, *w_last = tile->weights + last->weight;
    real *g_first = tile->gweight[0], *g_last = tile->gweight[field->n_hidden];
    if (field->n_hidden == 2) {
        multiply_add(cross_size(field), tile->gcross, tile->outer, tile->gweight[1]);
        multiply(cross_size(field), tile->gcross, tile->weights + field->layers[1].weight, tile->gcross);
        flow_gemm(true, true, field->dim, last->n_in, first->n_out, w_first, first->n_in, tile->gcross, first->n_out, 1,
                  g_last, last->n_in);
        flow_gemm(true, true, first->n_out, field->dim, last->n_in, tile->gcross, first->n_out, w_last, last->n_in, 1,
                  g_first, first->n_in);
        return;
    }
    for (int r = 0; r < first->n_out; r++) {
        for (int k = 0; k < field->dim; k++) {
            size_t in_last = (size_t)k * (size_t)last->n_in + (size_t)r;
            size_t in_first = (size_t)r * (size_t)first->n_in + (size_t)k;
            g_last[in_last] += tile->gcross[r] * w_first[in_first];
            g_first[in_first] += tile->gcross[r] * w_last[in_last];
        }
    }
}

static void finish_offset(flow_field_tile *tile, real *gcontext)
{
    const flow_field *field = tile->field;
    const flow_linear *first = &field->layers[0];
    int n = tile->n, skipped = field->dim + 1, c = field->n_context;
    for (int r = 0; r < first->n_out; r++)
        tile->gbias[0][r] = flow_sum(n, tile->goffset + (size_t)r * (size_t)n);
    if (c > 0)
        flow_gemm(false, true, first->n_out, c, n, tile->goffset, n, tile->context, n, 0, tile->gweight[0] + skipped,
                  first->n_in);
    if (c > 0 && gcontext != NULL)
        flow_gemm(true, false, c, n, first->n_out, tile->weights + first->weight + skipped, first->n_in, tile->goffset,
                  n, 1, gcontext, n);
}

void flow_field_finish_backward(flow_field_tile *tile, real *gcontext, flow_tape *tape)
{
    finish_cross(tile);
    finish_offset(tile, gcontext);
    for (int l = 0; l <= tile->field->n_hidden; l++) {
        const flow_linear *layer = &tile->field->layers[l];
        flow_tape_sums(tape, layer->weight, layer->n_out * layer->n_in, tile->gweight[l]);
        flow_tape_sums(tape, layer->bias, layer->n_out, tile->gbias[l]);
    }
}
