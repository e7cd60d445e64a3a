/* The values of a field: time, layers, gates. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "nn/field_tile.h"
#include "num/gemm.h"
#include "num/reduce.h"
#include "num/simd.h"
#include "num/vecmath.h"
#include "num/vector.h"

/* ------------------------------------------------------------------ features of the time */

void flow_field_fill_times(const flow_field *field, int n_, real *times)
{
    size_t n = (size_t)n_, k = (size_t)(field->n_times - 1) / 2;
    for (size_t row = 0; k > 0 && row < n; row++) {
        double c = cos(FLOW_PI * (double)times[row]), s = sin(FLOW_PI * (double)times[row]), cj = 1, sj = 0;
        for (size_t j = 1; j <= k; j++) {
            double next = cj * c - sj * s;
            sj = sj * c + cj * s;
            cj = next;
            times[j * n + row] = (real)cj;
            times[(k + j) * n + row] = (real)sj;
        }
    }
}

double flow_field_times_backward(const flow_field *field, int n_, const real *times, const real *gtimes)
{
    size_t n = (size_t)n_, k = (size_t)(field->n_times - 1) / 2;
    double sum = (double)flow_dot(n_, gtimes, times);
    for (size_t row = 0; k > 0 && row < n; row++) {
        double slope = 0; /* d/dt, over pi */
        for (size_t j = 1; j <= k; j++) {
            size_t c = j * n + row, s = (k + j) * n + row;
            slope += (double)j * ((double)gtimes[s] * (double)times[c] - (double)gtimes[c] * (double)times[s]);
        }
        sum += FLOW_PI * (double)times[row] * slope;
    }
    return sum;
}

/* ------------------------------------------------------------------ layers */

/* y = gate o linear + shift of layer l, linear = W y + b being in the slot. */
static void apply_gate(const flow_field_tile *tile, flow_field_slot *slot, int l, real *y)
{
    const flow_field *field = tile->field;
    const flow_linear *gate = &field->gates[l], *shift = &field->shifts[l];
    const real *times = slot->input + (size_t)field->dim * (size_t)tile->n;
    size_t count = flow_field_size(tile, l);
    flow_linear_apply(gate, tile->weights, tile->n, times, FLOW_ACTIVATION_NONE, slot->gate[l], slot->gate[l]);
    flow_vec_sigmoid(count, slot->gate[l], slot->gate[l]);
    flow_gemm(false, false, shift->n_out, tile->n, shift->n_in, tile->weights + shift->weight, shift->n_in, times,
              tile->n, 0, y, tile->n);
    flow_vec_multiply_add(count, slot->gate[l], slot->linear[l], y);
}

/* Whether layer l starts from the tile's offset, which contains its bias. */
static bool starts_from_offset(const flow_field *field, int l)
{
    return l == 0 && field->n_context > 0;
}

/* y = the input of the activation of layer l. In an mlp a bias that is not in the offset is missing: it is added with
 * the activation. */
static void apply_layer(const flow_field_tile *tile, flow_field_slot *slot, int l, real *y)
{
    const flow_field *field = tile->field;
    const flow_linear *layer = &field->layers[l];
    int n = tile->n, n_in = l == 0 ? flow_field_n_moving(field) : layer->n_in;
    real *linear = flow_field_has_gates(field) ? slot->linear[l] : y;
    bool offset = starts_from_offset(field, l);
    if (offset)
        memcpy(linear, tile->offset, flow_field_size(tile, 0) * sizeof *linear);
    flow_gemm(false, false, layer->n_out, n, n_in, tile->weights + layer->weight, layer->n_in,
              l == 0 ? slot->input : slot->y[l - 1], n, offset ? 1 : 0, linear, n);
    if (!flow_field_has_gates(field))
        return;
    for (int r = 0; !offset && r < layer->n_out; r++)
        flow_vec_add_value((size_t)n, tile->weights[layer->bias + (size_t)r], linear + (size_t)r * (size_t)n);
    apply_gate(tile, slot, l, y);
}

void flow_field_run(flow_field_tile *tile, flow_field_slot *slot, bool keeps, real *f)
{
    const flow_field *field = tile->field;
    int top = field->n_hidden, n = tile->n;
    bool gated = flow_field_has_gates(field);
    for (int l = 0; l < top; l++) {
        apply_layer(tile, slot, l, slot->y[l]);
        flow_smooth_apply(field->activation, field->layers[l].n_out, n,
                          gated || starts_from_offset(field, l) ? NULL : tile->weights + field->layers[l].bias,
                          slot->y[l], slot->first[l], keeps ? slot->second[l] : NULL);
    }
    if (gated)
        apply_layer(tile, slot, top, f);
    else
        flow_linear_apply(&field->layers[top], tile->weights, n, slot->y[top - 1], FLOW_ACTIVATION_NONE, f, f);
}

/* ------------------------------------------------------------------ gradients */

/* ggate = ggate gate (1 - gate) */
FLOW_MULTIVERSION
static void through_sigmoid(size_t count, const real *gate, real *ggate)
{
    for (size_t k = 0; k < count; k++)
        ggate[k] *= gate[k] * (1 - gate[k]);
}

static void add_weight_sums(const flow_linear *linear, int n, int n_in, const real *g, const real *x,
                            const flow_field_sums *sums)
{
    flow_gemm(false, true, linear->n_out, n_in, n, g, n, x, n, 1, sums->weight, linear->n_in);
}

static void add_bias_sums(const flow_linear *linear, int n, const real *g, const flow_field_sums *sums)
{
    for (int r = 0; r < linear->n_out; r++)
        sums->bias[r] += flow_sum(n, g + (size_t)r * (size_t)n);
}

/* gtimes += W^T g, with the columns of W that multiply the features of the time. */
static void add_gtimes(const flow_field_tile *tile, const flow_linear *linear, int first_column, const real *g)
{
    flow_gemm(true, false, tile->field->n_times, tile->n, linear->n_out, tile->weights + linear->weight + first_column,
              linear->n_in, g, tile->n, 1, tile->gtimes, tile->n);
}

/* g = gate o g, and the gradients of the weights of gate and shift. The tangents have added to ggate before. */
static void gate_backward(flow_field_tile *tile, const flow_field_slot *slot, int l, bool sums)
{
    const flow_field *field = tile->field;
    const real *times = slot->input + (size_t)field->dim * (size_t)tile->n;
    size_t count = flow_field_size(tile, l);
    real *g = tile->g[l], *ggate = tile->ggate[l];
    if (sums) {
        flow_vec_multiply_add(count, g, slot->linear[l], ggate);
        through_sigmoid(count, slot->gate[l], ggate);
        add_weight_sums(&field->shifts[l], tile->n, field->n_times, g, times, &tile->shifts[l]);
        add_weight_sums(&field->gates[l], tile->n, field->n_times, ggate, times, &tile->gates[l]);
        add_bias_sums(&field->gates[l], tile->n, ggate, &tile->gates[l]);
        if (field->trains_time) {
            add_gtimes(tile, &field->shifts[l], 0, g);
            add_gtimes(tile, &field->gates[l], 0, ggate);
        }
    }
    flow_vec_multiply(count, g, slot->gate[l], g);
}

/* g = g first + gfirst second: back through the activation and through its derivative. */
FLOW_MULTIVERSION
static void through_derivatives(size_t count, const real *first, const real *second, const real *gfirst, real *g)
{
    FLOW_INDEPENDENT
    for (size_t k = 0; k < count; k++)
        g[k] = g[k] * first[k] + gfirst[k] * second[k];
}

static void through_activation(flow_field_tile *tile, const flow_field_slot *slot, int l, bool second_order)
{
    size_t count = flow_field_size(tile, l);
    if (second_order)
        through_derivatives(count, slot->first[l], slot->second[l], tile->gfirst[l], tile->g[l]);
    else
        flow_vec_multiply(count, tile->g[l], slot->first[l], tile->g[l]);
}

static void add_to_offset(flow_field_tile *tile, const real *g)
{
    size_t n = (size_t)tile->n, n_all = (size_t)tile->n_all, rows = (size_t)flow_field_width(tile->field, 0);
    if (tile->columns == NULL) {
        flow_vec_add(rows * n, g, tile->goffset);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++)
            tile->goffset[r * n_all + (size_t)tile->columns[j]] += g[r * n + j];
}

static void first_layer_backward(flow_field_tile *tile, const flow_field_slot *slot, bool sums, real *gx)
{
    const flow_field *field = tile->field;
    const flow_linear *first = &field->layers[0];
    int n = tile->n;
    const real *g = tile->g[0];
    if (sums) {
        add_weight_sums(first, n, flow_field_n_moving(field), g, slot->input, &tile->layers[0]);
        add_to_offset(tile, g);
        if (field->trains_time && !flow_field_has_gates(field))
            add_gtimes(tile, first, field->dim, g);
    }
    flow_gemm(true, false, field->dim, n, first->n_out, tile->weights + first->weight, first->n_in, g, n, 0, gx, n);
}

void flow_field_run_backward(flow_field_tile *tile, const flow_field_slot *slot, bool second_order, bool sums, real *gx)
{
    const flow_field *field = tile->field;
    int n = tile->n;
    memset(tile->gtimes, 0, (size_t)field->n_times * (size_t)n * sizeof *tile->gtimes);
    for (int l = field->n_hidden; l >= 0; l--) {
        const flow_linear *layer = &field->layers[l];
        if (l < field->n_hidden)
            through_activation(tile, slot, l, second_order);
        if (flow_field_has_gates(field))
            gate_backward(tile, slot, l, sums);
        if (l == 0)
            break;
        if (sums) {
            add_weight_sums(layer, n, layer->n_in, tile->g[l], slot->y[l - 1], &tile->layers[l]);
            add_bias_sums(layer, n, tile->g[l], &tile->layers[l]);
        }
        flow_linear_backward(layer, tile->weights, n, tile->g[l], tile->g[l - 1]);
    }
    first_layer_backward(tile, slot, sums, gx);
}
