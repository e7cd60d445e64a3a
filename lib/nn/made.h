/* A masked network for autoregressive flows: MADE (Germain et al. 2015).
 *
 * The inputs are c features of a context (c may be 0), then dim dimensions. Parameter p of dimension i is output p *
 * dim + i; it depends only on the context and on the dimensions 0 ... i - 1. Each hidden unit has a degree g, the
 * number of leading dimensions that it sees; output i sees the units with g <= i. Units are sorted by degree, so that
 * each mask is a prefix of the inputs (linear.h). The same order makes sampling one pass: when dimension i - 1 becomes
 * known, only the units of degree i are new. flow_made_step computes these, then the parameters of dimension i; all
 * steps together cost one pass of the network instead of dim passes.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_MADE_H
#define FLOW_NN_MADE_H

#include "nn/mlp.h"

typedef struct flow_made {
    flow_mlp mlp;
    int n_context, dim, n_params;
    int *before; /* (dim + 1), owned: inputs of the dimensions before each one; NULL: each has one */
} flow_made;

/* Where dimensions differ from one input and n_params parameters each: arrays (dim), or NULL. */
typedef struct flow_made_shape {
    const int *n_inputs; /* inputs by which the later dimensions see each dimension; NULL: 1 */
    const int *n_used;   /* how many of its parameters depend on the inputs; the rest are constants. NULL: all */
} flow_made_shape;

flow_status flow_made_configure_shaped(flow_made *made, const flow_net_options *options, int n_context, int dim,
                                       int n_params, const flow_made_shape *shape, flow_params *params,
                                       flow_error *err);
flow_status flow_made_configure(flow_made *made, const flow_net_options *options, int n_context, int dim, int n_params,
                                flow_params *params, flow_error *err);
void flow_made_release(flow_made *made);

/* The number of inputs of the dimensions before dimension i; with i = dim of all dimensions. */
int flow_made_before(const flow_made *made, int i);

/* The units of degree g = 0 ... dim - 1 in hidden layer l: [*first, *last). */
void flow_made_units(const flow_made *made, int l, int g, int *first, int *last);

/* Where all inputs are known, made->mlp is an ordinary network: use flow_mlp_scratch_size, flow_mlp_apply and
 * flow_mlp_backward. Its outputs are n_params planes (dim, n). */

/* Step i = 0 ... dim - 1: writes row i of each plane of theta from x (c + inputs, n), of which it reads the context and
 * the dimensions 0 ... i - 1. */
void flow_made_step(const flow_made *made, const real *weights, int n, int i, const real *x, real *theta,
                    void *scratch);

/* The backward of the steps: first flow_made_start_backward; then the steps i = dim - 1 ... 0, each of which adds to gx
 * (c + inputs, n), in the rows that its step read, from row i of each plane of gtheta; last flow_made_record, which
 * puts all layers on the tape. */
void flow_made_start_backward(const flow_made *made, int n, void *scratch);
void flow_made_step_backward(const flow_made *made, const real *weights, int n, int i, const real *gtheta, real *gx,
                             void *scratch);
void flow_made_record(const flow_made *made, int n, const real *x, const real *gtheta, void *scratch, flow_tape *tape);

#endif
