/* Tangents J e: forward along with the values, and their backward. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "nn/field_tile.h"
#include "num/gemm.h"
#include "num/reduce.h"
#include "num/vector.h"

/* Tangents [first, first + count), which go through the layers together: arrays (w, count, n). */
typedef struct tangents {
    int first, count;
    bool unit;         /* along unit vectors; else along probes */
    size_t n, columns; /* count n */
    real *probes, *start, *gstart;
} tangents;

static int n_directions(const flow_field_tile *tile)
{
    return tile->plan.n_probes > 0 ? tile->plan.n_probes : tile->field->dim;
}

static tangents tangents_at(const flow_field_tile *tile, int first)
{
    int left = n_directions(tile) - first;
    tangents b = {.first = first, .count = left < tile->n_together ? left : tile->n_together, .n = (size_t)tile->n};
    b.unit = tile->plan.n_probes == 0;
    b.columns = (size_t)b.count * b.n;
    size_t before = b.unit ? 0 : (size_t)first * b.n, width = (size_t)flow_field_width(tile->field, 0);
    b.probes = tile->probes + before * (size_t)tile->field->dim;
    b.start = tile->start + before * width;
    b.gstart = tile->gstart + before * width;
    return b;
}

real *flow_field_probe(const flow_field_tile *tile, int p, size_t *stride)
{
    tangents b = tangents_at(tile, p / tile->n_together * tile->n_together);
    *stride = b.columns;
    return b.probes + (size_t)(p - b.first) * b.n;
}

void flow_field_tangents_start(flow_field_tile *tile)
{
    const flow_linear *layer = &tile->field->layers[0];
    for (int first = 0; first < tile->plan.n_probes; first += tile->n_together) {
        tangents b = tangents_at(tile, first);
        flow_gemm(false, false, layer->n_out, (int)b.columns, tile->field->dim, tile->weights + layer->weight,
                  layer->n_in, b.probes, (int)b.columns, 0, b.start, (int)b.columns);
    }
}

static bool has_norm(const flow_field_tile *tile)
{
    return tile->plan.penalises && tile->field->jacobian > 0;
}

/* The weight of one tangent in the trace. */
static real tangent_weight(const flow_field_tile *tile)
{
    return tile->plan.n_probes > 0 ? 1 / (real)tile->plan.n_probes : 1;
}

/* ------------------------------------------------------------------ forward */

static void make_slopes(flow_field_tile *tile, const flow_field_slot *slot)
{
    for (int l = 0; flow_field_has_gates(tile->field) && l < tile->field->n_hidden; l++)
        flow_vec_multiply(flow_field_size(tile, l), slot->gate[l], slot->first[l], tile->slope[l]);
}

static const real *slope_of(const flow_field_tile *tile, const flow_field_slot *slot, int l)
{
    return flow_field_has_gates(tile->field) ? tile->slope[l] : slot->first[l];
}

/* v = slope o W1x e of the first layer, e a unit vector: the column of W1 is the same in all rows. */
static void start_unit(const flow_field_tile *tile, const tangents *b, const real *slope)
{
    const flow_linear *layer = &tile->field->layers[0];
    for (size_t r = 0; r < (size_t)layer->n_out; r++) {
        const real *weight = tile->weights + layer->weight + r * (size_t)layer->n_in + (size_t)b->first;
        for (size_t c = 0; c < (size_t)b->count; c++)
            flow_vec_scale(b->n, weight[c], slope + r * b->n, tile->v[0] + r * b->columns + c * b->n);
    }
}

static void tangents_multiply(const flow_field_tile *tile, int l, const tangents *b, const real *v, real *out)
{
    const flow_linear *layer = &tile->field->layers[l];
    flow_gemm(false, false, layer->n_out, (int)b->columns, layer->n_in, tile->weights + layer->weight, layer->n_in, v,
              (int)b->columns, 0, out, (int)b->columns);
}

static void tangents_run(flow_field_tile *tile, const flow_field_slot *slot, const tangents *b)
{
    const flow_field *field = tile->field;
    for (int l = 0; l < field->n_hidden; l++) {
        const real *slope = slope_of(tile, slot, l), *t = l == 0 ? b->start : tile->t[l];
        if (l == 0 && b->unit) {
            start_unit(tile, b, slope);
            continue;
        }
        if (l > 0)
            tangents_multiply(tile, l, b, tile->v[l - 1], tile->t[l]);
        for (size_t r = 0; r < (size_t)flow_field_width(field, l); r++)
            flow_rows_multiply(b->count, tile->n, slope + r * b->n, t + r * b->columns, tile->v[l] + r * b->columns);
    }
    tangents_multiply(tile, field->n_hidden, b, tile->v[field->n_hidden - 1], tile->out);
}

/* J e: `out` times its gate, in the place of gout. */
static const real *tangents_end(flow_field_tile *tile, const flow_field_slot *slot, const tangents *b)
{
    int top = tile->field->n_hidden;
    if (!flow_field_has_gates(tile->field))
        return tile->out;
    for (size_t i = 0; i < (size_t)tile->field->dim; i++)
        flow_rows_multiply(b->count, tile->n, slot->gate[top] + i * b->n, tile->out + i * b->columns,
                           tile->gout + i * b->columns);
    return tile->gout;
}

/* e . J e of tangent c */
static void add_trace(const flow_field_tile *tile, const tangents *b, const real *ends, size_t c, real factor,
                      real *trace)
{
    if (b->unit) {
        flow_vec_add(b->n, ends + (size_t)(b->first + (int)c) * b->columns + c * b->n, trace);
        return;
    }
    for (size_t i = 0; i < (size_t)tile->field->dim; i++) {
        size_t at = i * b->columns + c * b->n;
        flow_vec_add_product(b->n, factor, b->probes + at, ends + at, trace);
    }
}

static void add_integrands(const flow_field_tile *tile, const tangents *b, const real *ends, real *integrands)
{
    real weight = tangent_weight(tile), *apart = integrands + (size_t)(1 + tile->plan.penalises) * b->n;
    for (size_t c = 0; !tile->plan.closed && c < (size_t)b->count; c++) {
        if (tile->plan.apart)
            add_trace(tile, b, ends, c, 1, apart + ((size_t)b->first + c) * b->n);
        add_trace(tile, b, ends, c, weight, integrands);
    }
    for (size_t k = 0; has_norm(tile) && k < (size_t)tile->field->dim * (size_t)b->count; k++)
        flow_vec_add_product(b->n, weight * tile->field->jacobian, ends + k * b->n, ends + k * b->n, integrands + b->n);
}

void flow_field_tangents_apply(flow_field_tile *tile, const flow_field_slot *slot, real *integrands)
{
    make_slopes(tile, slot);
    for (int first = 0; first < n_directions(tile); first += tile->n_together) {
        tangents b = tangents_at(tile, first);
        tangents_run(tile, slot, &b);
        add_integrands(tile, &b, tangents_end(tile, slot, &b), integrands);
    }
}

/* ------------------------------------------------------------------ gradients */

/* gout, the gradient at J e, from the gradients at the trace and the penalty. */
static void make_gout(flow_field_tile *tile, const tangents *b, const real *ends, const real *gintegrands)
{
    real weight = tangent_weight(tile);
    size_t rows = (size_t)tile->field->dim * (size_t)b->count;
    for (size_t k = 0; has_norm(tile) && k < rows; k++) {
        flow_vec_multiply(b->n, ends + k * b->n, gintegrands + b->n, tile->gout + k * b->n);
        flow_vec_scale(b->n, 2 * weight * tile->field->jacobian, tile->gout + k * b->n, tile->gout + k * b->n);
    }
    if (!has_norm(tile))
        memset(tile->gout, 0, rows * b->n * sizeof *tile->gout);
    for (size_t k = 0; !tile->plan.closed && !b->unit && k < rows; k++)
        flow_vec_add_product(b->n, weight, b->probes + k * b->n, gintegrands, tile->gout + k * b->n);
    for (size_t c = 0; !tile->plan.closed && b->unit && c < (size_t)b->count; c++)
        flow_vec_add(b->n, gintegrands, tile->gout + ((size_t)b->first + c) * b->columns + c * b->n);
}

static void last_gate_backward(flow_field_tile *tile, const flow_field_slot *slot, const tangents *b)
{
    int top = tile->field->n_hidden;
    for (size_t i = 0; flow_field_has_gates(tile->field) && i < (size_t)tile->field->dim; i++) {
        real *gout = tile->gout + i * b->columns;
        flow_rows_add_products(b->count, tile->n, gout, tile->out + i * b->columns, tile->ggate[top] + i * b->n);
        flow_rows_multiply(b->count, tile->n, slot->gate[top] + i * b->n, gout, gout);
    }
}

/* From gt, the gradient at W v of layer l, to the weights and to v. */
static void multiply_backward(flow_field_tile *tile, int l, const tangents *b, const real *gt, bool sums, real *gv)
{
    const flow_linear *layer = &tile->field->layers[l];
    int columns = (int)b->columns;
    if (sums)
        flow_gemm(false, true, layer->n_out, layer->n_in, columns, gt, columns, tile->v[l - 1], columns, 1,
                  tile->layers[l].weight, layer->n_in);
    flow_gemm(true, false, layer->n_in, columns, layer->n_out, tile->weights + layer->weight, layer->n_in, gt, columns,
              0, gv, columns);
}

/* The first layer along unit vectors: from gv, the gradient at v = slope o column of W1. */
static void start_unit_backward(flow_field_tile *tile, const tangents *b, const real *slope, const real *gv, bool sums)
{
    const flow_linear *layer = &tile->field->layers[0];
    for (size_t r = 0; r < (size_t)layer->n_out; r++) {
        size_t column = r * (size_t)layer->n_in + (size_t)b->first;
        for (size_t c = 0; c < (size_t)b->count; c++) {
            const real *row = gv + r * b->columns + c * b->n;
            flow_vec_add_multiple(b->n, tile->weights[layer->weight + column + c], row, tile->gfirst[0] + r * b->n);
            if (sums)
                tile->layers[0].weight[column + c] += flow_dot(tile->n, row, slope + r * b->n);
        }
    }
}

/* Through all hidden layers; gfirst gathers the gradients at the slopes. */
static void tangents_run_backward(flow_field_tile *tile, const flow_field_slot *slot, const tangents *b, bool sums)
{
    real *gv = tile->gt[0], *unused = tile->gt[1];
    multiply_backward(tile, tile->field->n_hidden, b, tile->gout, sums, gv);
    for (int l = tile->field->n_hidden - 1; l >= 0; l--) {
        const real *slope = slope_of(tile, slot, l), *t = l == 0 ? b->start : tile->t[l];
        if (l == 0 && b->unit) {
            start_unit_backward(tile, b, slope, gv, sums);
            return;
        }
        for (size_t r = 0; r < (size_t)flow_field_width(tile->field, l); r++) {
            real *row = gv + r * b->columns;
            flow_rows_add_products(b->count, tile->n, row, t + r * b->columns, tile->gfirst[l] + r * b->n);
            if (l > 0 || sums)
                flow_rows_multiply(b->count, tile->n, slope + r * b->n, row, row);
        }
        if (l == 0)
            break;
        multiply_backward(tile, l, b, gv, sums, unused);
        real *next = gv;
        gv = unused;
        unused = next;
    }
    if (sums)
        flow_vec_add((size_t)flow_field_width(tile->field, 0) * b->columns, gv, b->gstart);
}

void flow_field_tangents_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gintegrands,
                                  bool sums)
{
    const flow_field *field = tile->field;
    make_slopes(tile, slot);
    for (int first = 0; first < n_directions(tile); first += tile->n_together) {
        tangents b = tangents_at(tile, first);
        tangents_run(tile, slot, &b);
        const real *ends = tangents_end(tile, slot, &b);
        if (field->trains_time)
            add_integrands(tile, &b, ends, tile->integrands);
        make_gout(tile, &b, ends, gintegrands);
        last_gate_backward(tile, slot, &b);
        tangents_run_backward(tile, slot, &b, sums);
    }
    for (int l = 0; flow_field_has_gates(field) && l < field->n_hidden; l++) { /* slope = gate o first */
        size_t count = flow_field_size(tile, l);
        flow_vec_multiply_add(count, tile->gfirst[l], slot->first[l], tile->ggate[l]);
        flow_vec_multiply(count, tile->gfirst[l], slot->gate[l], tile->gfirst[l]);
    }
}

/* From W1x e to W1. */
void flow_field_tangents_finish(flow_field_tile *tile)
{
    const flow_linear *layer = &tile->field->layers[0];
    for (int first = 0; first < tile->plan.n_probes; first += tile->n_together) {
        tangents b = tangents_at(tile, first);
        flow_gemm(false, true, layer->n_out, tile->field->dim, (int)b.columns, b.gstart, (int)b.columns, b.probes,
                  (int)b.columns, 1, tile->layers[0].weight, layer->n_in);
    }
}
