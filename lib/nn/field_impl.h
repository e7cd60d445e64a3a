/* What the files of nn/field.h share. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_FIELD_IMPL_H
#define FLOW_NN_FIELD_IMPL_H

#include "nn/field.h"

static inline int flow_field_width(const flow_field *field, int l)
{
    return field->layers[l].n_out;
}

/* Values in a (w[l], n) array. */
static inline size_t flow_field_size(const flow_field_tile *tile, int l)
{
    return (size_t)flow_field_width(tile->field, l) * (size_t)tile->n;
}

static inline bool flow_field_has_gates(const flow_field *field)
{
    return field->network == FLOW_FIELD_CONCATSQUASH;
}

/* Inputs of the first layer that change within a solve: x, and of an mlp the features of the time. */
static inline int flow_field_n_moving(const flow_field *field)
{
    return field->dim + (flow_field_has_gates(field) ? 0 : field->n_times);
}

bool flow_field_has_tangents(const flow_field_plan *plan);

/* The lines behind x in an input (d + n_times, n), from the first of them, t. */
void flow_field_fill_times(const flow_field *field, int n, real *times);
/* The sum over rows of gtimes . d times / dt, times t: the gradient at the logarithm of a factor of all t. */
double flow_field_times_backward(const flow_field *field, int n, const real *times, const real *gtimes);

/* Values: f before the factor T, and what a backward and tangents need, into the slot. */
void flow_field_run(flow_field_tile *tile, flow_field_slot *slot, bool keeps, real *f);
/* From tile->g of the last layer, tile->gfirst and tile->ggate. */
void flow_field_run_backward(flow_field_tile *tile, const flow_field_slot *slot, bool second_order, bool sums,
                             real *gx);

/* The closed form: adds the trace. The backward writes gfirst from gtrace. */
void flow_field_closed_start(flow_field_tile *tile);
void flow_field_closed_apply(flow_field_tile *tile, const flow_field_slot *slot, real *trace);
void flow_field_closed_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gtrace, bool sums);
void flow_field_closed_finish(flow_field_tile *tile);

/* Tangents: add to the integrands. The backward adds to gfirst and ggate, and to the integrands. */
void flow_field_tangents_start(flow_field_tile *tile);
void flow_field_tangents_apply(flow_field_tile *tile, const flow_field_slot *slot, real *integrands);
void flow_field_tangents_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gintegrands,
                                  bool sums);
void flow_field_tangents_finish(flow_field_tile *tile);

#endif
