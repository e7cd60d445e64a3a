/* A vector field f(x, t, c) with the exact trace of its Jacobian: the right-hand side of a continuous flow.
 *
 * A multilayer perceptron on (x, t, c) with one or two hidden layers. With a' the derivatives of the activations and
 * W1x the columns of the first matrix that x meets, the trace of df/dx is
 *
 *     two hidden layers:  a2'^T M a1',  M = W2 o (W1x W3)^T        one:  m^T a1',  m_r = sum_k W2[k, r] W1[r, k]
 *
 * with o the product of elements: one more matrix product per evaluation, and not one pass per dimension. M is made of
 * weights alone, once per tile, and so is what the context adds to the first layer. The last layer starts at zero: so
 * does the field.
 *
 * A solver evaluates a field many times, where a tape takes a layer once: the gradients of the weights are summed over
 * all evaluations of a tile here, and recorded when the tile is done.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_FIELD_H
#define FLOW_NN_FIELD_H

#include "base/option.h"
#include "nn/linear.h"
#include "nn/smooth.h"

enum { FLOW_FIELD_DEPTH = 2, FLOW_FIELD_WIDTH_MAX = 4096 };

typedef struct flow_field_options {
    flow_int_list hidden;
    int activation; /* flow_smooth */
} flow_field_options;

typedef struct flow_field {
    int dim, n_context;
    int n_hidden;
    flow_smooth activation;
    flow_linear layers[FLOW_FIELD_DEPTH + 1];
} flow_field;

/* Declares "PREFIXlayer0/weight", ... FLOW_SPEC for a number of hidden layers that has no such trace. On failure the
 * caller still calls release. */
flow_status flow_field_configure(flow_field *field, const flow_field_options *options, int dim, int n_context,
                                 flow_params *params, flow_error *err);
void flow_field_release(flow_field *field);

/* What an evaluation leaves for its backward. Hidden layer l has width w[l]. */
typedef struct flow_field_slot {
    real *y[FLOW_FIELD_DEPTH], *first[FLOW_FIELD_DEPTH], *second[FLOW_FIELD_DEPTH]; /* (w[l], n) */
    real *mixed; /* (w[1], n): M a1'; of one hidden layer NULL */
} flow_field_slot;

enum { FLOW_FIELD_SLOTS = 8 };

/* A tile at work. */
typedef struct flow_field_tile {
    const flow_field *field;
    const real *weights;
    const real *context; /* (c, n) or NULL */
    int n;
    real *offset;        /* (w[0], n): what context and bias add to the first layer */
    real *outer, *cross; /* (w[1], w[0]): (W1x W3)^T and M; of one hidden layer cross is m (w[0]) */
    real *goffset, *gcross;
    real *gweight[FLOW_FIELD_DEPTH + 1], *gbias[FLOW_FIELD_DEPTH + 1];
    real *g[FLOW_FIELD_DEPTH], *gfirst[FLOW_FIELD_DEPTH]; /* (w[l], n) */
    flow_field_slot slots[FLOW_FIELD_SLOTS];
} flow_field_tile;

/* Returns the bytes of a work area with n_slots slots; with `work` NULL only that. */
size_t flow_field_lay_out(const flow_field *field, int n, int n_slots, void *work, flow_field_tile *tile);

/* Once per tile, after the layout. The area keeps what it computes for a later backward, which lays out again and need
 * not call it. */
void flow_field_start(flow_field_tile *tile);

/* f (d, n) and trace (n; NULL: not wanted) at `at` (d + 1, n): the d lines of x, then the time of each row. Uses slot
 * number `slot`; `keeps`: its backward follows. */
void flow_field_apply(flow_field_tile *tile, int slot, bool keeps, const real *at, real *f, real *trace);

/* The backward of a tile: begin, then any number of evaluations, each of them from the slot in which it was kept, then
 * finish. Writes gx (d, n) given the gradients at f and at the trace (NULL: 0); with `sums` adds to those of the weights
 * and the context. */
void flow_field_begin_backward(flow_field_tile *tile);
void flow_field_backward(flow_field_tile *tile, int slot, const real *at, const real *gf, const real *gtrace, bool sums,
                         real *gx);
/* Adds to gcontext (c, n; NULL: not wanted) and records the weights. */
void flow_field_finish_backward(flow_field_tile *tile, real *gcontext, flow_tape *tape);

#endif
