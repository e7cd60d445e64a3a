/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/field.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "num/gemm.h"
#include "num/reduce.h"
#include "num/vector.h"

const char *const flow_field_network_names[] = {"mlp", "concatsquash", NULL};

static flow_status field_configure_layer(flow_field *field, int l, int n_in, int n_out, flow_params *params,
                                         flow_error *err)
{
    flow_init init = l < field->n_hidden ? FLOW_INIT_FAN_IN : FLOW_INIT_ZERO;
    char name[32];
    snprintf(name, sizeof name, "layer%d", l);
    flow_status status = flow_linear_configure(&field->layers[l], n_in, n_out, NULL, init, params, name, err);
    if (status != FLOW_OK || !flow_field_has_gates(field))
        return status;
    snprintf(name, sizeof name, "layer%d/gate", l);
    status = flow_linear_configure(&field->gates[l], field->n_times, n_out, NULL, FLOW_INIT_FAN_IN, params, name, err);
    if (status != FLOW_OK)
        return status;
    snprintf(name, sizeof name, "layer%d/shift", l);
    return flow_linear_configure_matrix(&field->shifts[l], field->n_times, n_out, NULL, init, params, name, err);
}

flow_status flow_field_configure(flow_field *field, const flow_field_options *options, int dim, int n_context,
                                 flow_params *params, flow_error *err)
{
    *field = (flow_field){.dim = dim,
                          .n_context = n_context,
                          .n_hidden = options->hidden.n,
                          .n_times = 1 + 2 * (int)options->time_features,
                          .network = (flow_field_network)options->network,
                          .activation = (flow_smooth)options->activation,
                          .trains_time = options->trains_time,
                          .time = options->time,
                          .kinetic = (real)options->kinetic,
                          .jacobian = (real)options->jacobian};
    if (field->n_hidden < 1 || field->n_hidden > FLOW_FIELD_DEPTH)
        return flow_error_set(err, FLOW_SPEC, "hidden: expected one to %d hidden layers, found %d", FLOW_FIELD_DEPTH,
                              field->n_hidden);
    int n_in = flow_field_n_moving(field) + n_context;
    flow_status status = FLOW_OK;
    for (int l = 0; l <= field->n_hidden && status == FLOW_OK; l++) {
        int n_out = l < field->n_hidden ? options->hidden.at[l] : dim;
        status = field_configure_layer(field, l, n_in, n_out, params, err);
        n_in = n_out;
    }
    if (status == FLOW_OK && field->trains_time)
        status = flow_params_add_weights(params, &field->time_weight, "time", 1, 1, FLOW_INIT_ZERO, 1, NULL, err);
    return status;
}

void flow_field_release(flow_field *field)
{
    for (int l = 0; l < FLOW_FIELD_LAYERS; l++) {
        flow_linear_release(&field->layers[l]);
        flow_linear_release(&field->gates[l]);
        flow_linear_release(&field->shifts[l]);
    }
}

bool flow_field_has_closed_trace(const flow_field *field)
{
    return field->network == FLOW_FIELD_MLP && field->n_hidden <= 2;
}

/* ------------------------------------------------------------------ the scratch */

static int field_widest(const flow_field *field)
{
    int most = 1;
    for (int l = 0; l <= field->n_hidden; l++)
        most = flow_field_width(field, l) > most ? flow_field_width(field, l) : most;
    return most;
}

/* The number of tangents that go through the layers together: enough for matrix products with long rows, few enough to
 * stay in the cache. It depends only on the widths, so that sums have the same order in every tile. */
static int tangents_together(const flow_field *field, const flow_field_plan *plan)
{
    enum { MOST_VALUES = 1 << 16 };
    int wanted = plan->n_probes > 0 ? plan->n_probes : field->dim;
    int room = MOST_VALUES / (field_widest(field) * FLOW_TILE);
    return room < 1 ? 1 : room < wanted ? room : wanted;
}

static real *take_rows(flow_layout *layout, size_t rows, size_t columns)
{
    return flow_layout_take(layout, rows * columns, sizeof(real));
}

static flow_field_sums take_sums(flow_layout *layout, const flow_linear *linear)
{
    return (flow_field_sums){.weight = take_rows(layout, (size_t)linear->n_out, (size_t)linear->n_in),
                             .bias = take_rows(layout, (size_t)linear->n_out, linear->has_bias)};
}

static void lay_out_slot(const flow_field *field, size_t n, bool keep, flow_layout *layout, flow_field_slot *slot)
{
    slot->input = take_rows(layout, (size_t)field->dim + (size_t)field->n_times, n);
    slot->f = take_rows(layout, (size_t)field->dim, n);
    for (int l = 0; l <= field->n_hidden; l++) {
        size_t width = (size_t)flow_field_width(field, l);
        if (l < field->n_hidden) {
            slot->y[l] = take_rows(layout, width, n);
            slot->first[l] = take_rows(layout, width, n);
            slot->second[l] = take_rows(layout, keep ? width : 0, n);
        }
        if (flow_field_has_gates(field)) {
            slot->linear[l] = take_rows(layout, width, n);
            slot->gate[l] = take_rows(layout, width, n);
        }
    }
}

static void lay_out_closed(const flow_field *field, size_t n, bool keep, flow_layout *layout, flow_field_tile *tile)
{
    size_t first = (size_t)flow_field_width(field, 0);
    size_t second = field->n_hidden == 2 ? (size_t)flow_field_width(field, 1) : 1;
    tile->outer = take_rows(layout, second, first);
    tile->cross = take_rows(layout, second, first);
    tile->gcross = take_rows(layout, keep ? second : 0, first);
    tile->mixed = take_rows(layout, second, n);
}

static void lay_out_tangents(const flow_field *field, size_t n, bool keep, flow_layout *layout, flow_field_tile *tile)
{
    size_t first = (size_t)flow_field_width(field, 0), d = (size_t)field->dim;
    size_t probes = (size_t)tile->plan.n_probes * n, columns = (size_t)tile->n_together * n;
    tile->probes = take_rows(layout, d, probes);
    tile->start = take_rows(layout, first, probes);
    tile->gstart = take_rows(layout, keep ? first : 0, probes);
    for (int l = 0; l < field->n_hidden; l++) {
        size_t width = (size_t)flow_field_width(field, l);
        tile->slope[l] = take_rows(layout, width, n);
        tile->t[l] = take_rows(layout, width, columns);
        tile->v[l] = take_rows(layout, width, columns);
    }
    tile->out = take_rows(layout, d, columns);
    tile->gout = take_rows(layout, keep || flow_field_has_gates(field) ? d : 0, columns);
    for (int k = 0; k < 2; k++)
        tile->gt[k] = take_rows(layout, keep ? (size_t)field_widest(field) : 0, columns);
}

static void lay_out_layers(const flow_field *field, size_t n, flow_layout *layout, flow_field_tile *tile)
{
    for (int l = 0; l <= field->n_hidden; l++) {
        size_t width = (size_t)flow_field_width(field, l);
        tile->layers[l] = take_sums(layout, &field->layers[l]);
        tile->gates[l] = take_sums(layout, &field->gates[l]);
        tile->shifts[l] = take_sums(layout, &field->shifts[l]);
        tile->g[l] = take_rows(layout, width, n);
        if (l < field->n_hidden)
            tile->gfirst[l] = take_rows(layout, width, n);
        if (flow_field_has_gates(field))
            tile->ggate[l] = take_rows(layout, width, n);
    }
}

size_t flow_field_lay_out(const flow_field *field, const flow_field_plan *plan, int n_, int n_slots, bool keep,
                          void *scratch, flow_field_tile *tile)
{
    flow_layout layout = {.base = scratch};
    size_t n = (size_t)n_, integrands = (size_t)flow_field_n_integrands(plan);
    assert(n_slots <= FLOW_FIELD_SLOTS);
    *tile = (flow_field_tile){
        .field = field, .plan = *plan, .n = n_, .n_all = n_, .n_together = tangents_together(field, plan)};
    tile->offset = tile->all_offset = take_rows(&layout, (size_t)flow_field_width(field, 0), n);
    tile->some_offset = take_rows(&layout, (size_t)flow_field_width(field, 0), n);
    if (keep) {
        tile->goffset = take_rows(&layout, (size_t)flow_field_width(field, 0), n);
        tile->integrands = take_rows(&layout, integrands, n);
        tile->gintegrands = take_rows(&layout, integrands, n);
        tile->gtimes = take_rows(&layout, (size_t)field->n_times, n);
        tile->gend = take_rows(&layout, 1, 1);
        lay_out_layers(field, n, &layout, tile);
    }
    if (!plan->values_only && plan->closed)
        lay_out_closed(field, n, keep, &layout, tile);
    if (flow_field_has_tangents(plan))
        lay_out_tangents(field, n, keep, &layout, tile);
    for (int s = 0; s < n_slots; s++)
        lay_out_slot(field, n, keep, &layout, &tile->slots[s]);
    return layout.used;
}

/* ------------------------------------------------------------------ once per tile */

static void find_end(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    double factor = field->trains_time ? exp((double)tile->weights[field->time_weight]) : 1;
    tile->end = (real)(field->time * factor);
}

static void make_offset(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    const flow_linear *layer = &field->layers[0];
    int n = tile->n;
    const real *bias = tile->weights + layer->bias, *weight = tile->weights + layer->weight;
    for (int r = 0; r < layer->n_out; r++)
        for (int j = 0; j < n; j++)
            tile->offset[(size_t)r * (size_t)n + (size_t)j] = bias[r];
    if (field->n_context > 0)
        flow_gemm(false, false, layer->n_out, n, field->n_context, weight + flow_field_n_moving(field), layer->n_in,
                  tile->context, n, 1, tile->offset, n);
}

void flow_field_start(flow_field_tile *tile)
{
    find_end(tile);
    make_offset(tile);
    if (!tile->plan.values_only && tile->plan.closed)
        flow_field_closed_start(tile);
    if (flow_field_has_tangents(&tile->plan))
        flow_field_tangents_start(tile);
}

void flow_field_select(flow_field_tile *tile, int n, const int *columns)
{
    tile->n = n;
    tile->columns = columns;
    tile->offset = columns == NULL ? tile->all_offset : tile->some_offset;
    for (int r = 0; r < flow_field_width(tile->field, 0) && columns != NULL; r++)
        for (int j = 0; j < n; j++)
            tile->some_offset[(size_t)r * (size_t)n + (size_t)j] =
                tile->all_offset[(size_t)r * (size_t)tile->n_all + (size_t)columns[j]];
}

bool flow_field_selects(const flow_field *field, const flow_field_plan *plan)
{
    enum { LONGEST = 256 };
    bool selects = plan->n_probes == 0;
    for (int l = 0; l <= field->n_hidden; l++)
        selects = selects && field->layers[l].n_in <= LONGEST;
    return selects;
}

/* ------------------------------------------------------------------ one evaluation */

static void make_input(const flow_field_tile *tile, const real *x_and_s, real *input)
{
    size_t n = (size_t)tile->n, moved = (size_t)tile->field->dim * n;
    memcpy(input, x_and_s, moved * sizeof *input);
    flow_vec_scale(n, tile->end, x_and_s + moved, input + moved);
    flow_field_fill_times(tile->field, tile->n, input + moved);
}

/* penalty += kinetic |f|^2 */
static void add_kinetic(const flow_field_tile *tile, const flow_field_slot *slot, real *penalty)
{
    size_t n = (size_t)tile->n;
    for (size_t i = 0; i < (size_t)tile->field->dim; i++)
        flow_vec_add_product(n, tile->field->kinetic, slot->f + i * n, slot->f + i * n, penalty);
}

static bool has_kinetic(const flow_field_tile *tile)
{
    return tile->plan.penalises && tile->field->kinetic > 0;
}

void flow_field_apply(flow_field_tile *tile, int slot_index, bool keeps, const real *x_and_s, real *f, real *integrands)
{
    flow_field_slot *slot = &tile->slots[slot_index];
    size_t n = (size_t)tile->n, count = (size_t)tile->field->dim * n;
    size_t wanted = (size_t)flow_field_n_integrands(&tile->plan) * n;
    make_input(tile, x_and_s, slot->input);
    flow_field_run(tile, slot, keeps, slot->f);
    if (integrands != NULL) {
        memset(integrands, 0, wanted * sizeof *integrands);
        if (tile->plan.closed)
            flow_field_closed_apply(tile, slot, integrands);
        if (flow_field_has_tangents(&tile->plan))
            flow_field_tangents_apply(tile, slot, integrands);
        if (has_kinetic(tile))
            add_kinetic(tile, slot, integrands + n);
        flow_vec_scale(wanted, tile->end, integrands, integrands);
    }
    flow_vec_scale(count, tile->end, slot->f, f);
}

/* ------------------------------------------------------------------ gradients */

static void field_clear_sums(const flow_field_sums *sums, const flow_linear *linear)
{
    memset(sums->weight, 0, (size_t)linear->n_out * (size_t)linear->n_in * sizeof(real));
    if (linear->has_bias)
        memset(sums->bias, 0, (size_t)linear->n_out * sizeof(real));
}

void flow_field_begin_backward(flow_field_tile *tile)
{
    const flow_field *field = tile->field;
    size_t first = (size_t)flow_field_width(field, 0);
    find_end(tile);
    *tile->gend = 0;
    memset(tile->goffset, 0, first * (size_t)tile->n * sizeof(real));
    for (int l = 0; l <= field->n_hidden; l++) {
        field_clear_sums(&tile->layers[l], &field->layers[l]);
        field_clear_sums(&tile->gates[l], &field->gates[l]);
        field_clear_sums(&tile->shifts[l], &field->shifts[l]);
    }
    if (!tile->plan.values_only && tile->plan.closed)
        memset(tile->gcross, 0, first * (field->n_hidden == 2 ? (size_t)flow_field_width(field, 1) : 1) * sizeof(real));
    if (flow_field_has_tangents(&tile->plan))
        memset(tile->gstart, 0, first * (size_t)tile->plan.n_probes * (size_t)tile->n * sizeof(real));
}

/* From the gradients at the integrands to those at the derivatives of the activations and at the gates. */
static void integrands_backward(flow_field_tile *tile, const flow_field_slot *slot, bool sums)
{
    const flow_field *field = tile->field;
    size_t n = (size_t)tile->n;
    memset(tile->integrands, 0, (size_t)flow_field_n_integrands(&tile->plan) * n * sizeof(real));
    if (tile->plan.closed) {
        flow_field_closed_backward(tile, slot, tile->gintegrands, sums);
    } else {
        for (int l = 0; l < field->n_hidden; l++)
            memset(tile->gfirst[l], 0, flow_field_size(tile, l) * sizeof(real));
    }
    if (flow_field_has_tangents(&tile->plan))
        flow_field_tangents_backward(tile, slot, tile->gintegrands, sums);
}

/* Adds to the gradient at w in T = time exp(w): through the factor T and through the time T s. */
static void end_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gf, bool has_integrands)
{
    const flow_field *field = tile->field;
    size_t n = (size_t)tile->n;
    int n_integrands = has_integrands ? 1 + tile->plan.penalises : 0;
    double sum = flow_field_times_backward(field, tile->n, slot->input + (size_t)field->dim * n, tile->gtimes);
    for (int i = 0; i < n_integrands; i++)
        sum += (double)flow_dot(tile->n, tile->gintegrands + (size_t)i * n, tile->integrands + (size_t)i * n);
    for (size_t i = 0; i < (size_t)field->dim; i++)
        sum += (double)(tile->end * flow_dot(tile->n, gf + i * n, slot->f + i * n));
    *tile->gend += (real)sum;
}

void flow_field_backward(flow_field_tile *tile, int slot_index, const real *gf, const real *gintegrands, bool sums,
                         real *gx)
{
    const flow_field *field = tile->field;
    const flow_field_slot *slot = &tile->slots[slot_index];
    size_t n = (size_t)tile->n;
    real *g = tile->g[field->n_hidden];
    flow_vec_scale((size_t)field->dim * n, tile->end, gf, g);
    for (int l = 0; flow_field_has_gates(field) && l <= field->n_hidden; l++)
        memset(tile->ggate[l], 0, flow_field_size(tile, l) * sizeof(real));
    if (gintegrands != NULL) {
        flow_vec_scale((size_t)(1 + tile->plan.penalises) * n, tile->end, gintegrands, tile->gintegrands);
        integrands_backward(tile, slot, sums);
        for (size_t i = 0; has_kinetic(tile) && i < (size_t)field->dim; i++)
            flow_vec_add_product(n, 2 * field->kinetic, tile->gintegrands + n, slot->f + i * n, g + i * n);
        if (has_kinetic(tile) && field->trains_time)
            add_kinetic(tile, slot, tile->integrands + n);
    }
    flow_field_run_backward(tile, slot, gintegrands != NULL, sums, gx);
    if (sums && field->trains_time)
        end_backward(tile, slot, gf, gintegrands != NULL);
}

static void finish_offset(flow_field_tile *tile, real *gcontext)
{
    const flow_field *field = tile->field;
    const flow_linear *first = &field->layers[0];
    int n = tile->n, skipped = flow_field_n_moving(field), c = field->n_context;
    for (int r = 0; r < first->n_out; r++)
        tile->layers[0].bias[r] = flow_sum(n, tile->goffset + (size_t)r * (size_t)n);
    if (c > 0)
        flow_gemm(false, true, first->n_out, c, n, tile->goffset, n, tile->context, n, 0,
                  tile->layers[0].weight + skipped, first->n_in);
    if (c > 0 && gcontext != NULL)
        flow_gemm(true, false, c, n, first->n_out, tile->weights + first->weight + skipped, first->n_in, tile->goffset,
                  n, 1, gcontext, n);
}

static void field_record_sums(flow_tape *tape, const flow_linear *linear, const flow_field_sums *sums)
{
    if (linear->n_out == 0)
        return;
    flow_tape_sums(tape, linear->weight, linear->n_out * linear->n_in, sums->weight);
    if (linear->has_bias)
        flow_tape_sums(tape, linear->bias, linear->n_out, sums->bias);
}

void flow_field_finish_backward(flow_field_tile *tile, real *gcontext, flow_tape *tape)
{
    const flow_field *field = tile->field;
    if (!tile->plan.values_only && tile->plan.closed)
        flow_field_closed_finish(tile);
    if (flow_field_has_tangents(&tile->plan))
        flow_field_tangents_finish(tile);
    finish_offset(tile, gcontext);
    for (int l = 0; l <= field->n_hidden; l++) {
        field_record_sums(tape, &field->layers[l], &tile->layers[l]);
        field_record_sums(tape, &field->gates[l], &tile->gates[l]);
        field_record_sums(tape, &field->shifts[l], &tile->shifts[l]);
    }
    if (field->trains_time)
        flow_tape_sums(tape, field->time_weight, 1, tile->gend);
}
