/* A masked network for autoregressive flows: MADE (Germain et al. 2015), with its masks as structure.
 *
 * The inputs are c features of a context (c may be 0), then dim dimensions. Parameter p of dimension i, output p * dim
 * + i, may depend on the context and on the dimensions 0 ... i - 1 only. Every hidden unit has a degree g, the number
 * of leading dimensions it sees; output i sees units with g <= i. Units are sorted by degree, so every mask is "a
 * prefix of the inputs" (linear.h), and the same sorting makes sampling one pass: when dimension i - 1 becomes known,
 * only the units of degree i are new. flow_made_step computes these and then the parameters of dimension i; all steps
 * together are one network pass instead of dim of them.
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

/* What a dimension may have other than one input and n_params parameters; (dim) each, NULL: as usual. */
typedef struct flow_made_shape {
    const int *n_inputs; /* lines that it enters as, all of which the later dimensions see */
    const int *n_used;   /* of its parameters: the rest exists, and is not computed from anything */
} flow_made_shape;

flow_status flow_made_configure_shaped(flow_made *made, const flow_net_options *options, int n_context, int dim,
                                       int n_params, const flow_made_shape *shape, flow_params *params,
                                       flow_error *err);
flow_status flow_made_configure(flow_made *made, const flow_net_options *options, int n_context, int dim, int n_params,
                                flow_params *params, flow_error *err);
void flow_made_release(flow_made *made);

/* Inputs of the dimensions before dimension i; i = dim: of all. */
int flow_made_before(const flow_made *made, int i);

/* The units of degree g = 0 ... dim - 1 in hidden layer l: [*first, *last). */
void flow_made_units(const flow_made *made, int l, int g, int *first, int *last);

/* Where all inputs are known the network is an ordinary one: use flow_mlp_scratch_size, flow_mlp_apply and
 * flow_mlp_backward on made->mlp. Outputs are n_params planes (dim, n). */

/* Step i = 0 ... dim - 1 of the walk: from x (c + inputs, n), of which the context and the dimensions 0 ... i - 1 are
 * read, row i of each plane of theta. */
void flow_made_step(const flow_made *made, const real *weights, int n, int i, const real *x, real *theta, void *scratch);

/* The same walk in reverse: before step dim - 1, flow_made_start_backward; then for i = dim - 1 ... 0, from row i of
 * each plane of gtheta, adds to gx (c + inputs, n) in the lines that step read. After step 0, flow_made_record puts all
 * layers on the tape. */
void flow_made_start_backward(const flow_made *made, int n, void *scratch);
void flow_made_step_backward(const flow_made *made, const real *weights, int n, int i, const real *gtheta, real *gx,
                             void *scratch);
void flow_made_record(const flow_made *made, int n, const real *x, const real *gtheta, void *scratch, flow_tape *tape);

#endif
