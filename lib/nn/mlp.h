/* The network of a conditioner: a multilayer perceptron over tiles, with any number of hidden layers.
 *
 *     h_0 = x,   a_l = activation(W_l h_{l-1} + b_l),   h_l = a_l, or h_{l-1} + a_l with `residual` and equal widths,
 *     y = W h_L + b
 *
 * The last layer of a conditioner starts at zero, so that every flow starts at its identity (Kingma and Dhariwal 2018,
 * sec. 3.3).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_MLP_H
#define FLOW_NN_MLP_H

#include <stdbool.h>

#include "core/option.h"
#include "nn/tape.h"

enum { FLOW_WIDTH_MAX = 65536 };

/* The options of a network; part of the options of each block that has a conditioner. */
typedef struct flow_net_options {
    flow_int_list hidden; /* widths of the hidden layers */
    int activation;       /* flow_activation */
    bool residual;
} flow_net_options;

/* Their rows in the option table of a struct `type` with a flow_net_options `member`. */
#define FLOW_NET_OPTIONS(type, member)                                                                             \
    {.key = "hidden", .kind = FLOW_OPTION_INTS, .offset = offsetof(type, member.hidden), .fallback = "[128, 128]", \
     .least = 1, .most = FLOW_WIDTH_MAX, .help = "widths of the hidden layers of the network"},                    \
    {.key = "activation", .kind = FLOW_OPTION_WORD, .offset = offsetof(type, member.activation),                   \
     .fallback = "\"relu\"", .words = flow_activation_names, .help = "activation of the hidden layers"},           \
    {.key = "residual", .kind = FLOW_OPTION_FLAG, .offset = offsetof(type, member.residual), .fallback = "false",  \
     .help = "add each hidden layer's input to its output; needs equal widths"}

typedef struct flow_mlp {
    flow_activation activation;
    bool residual;
    int n_layers; /* the hidden layers and the last one */
    flow_linear layers[FLOW_LIST_MAX + 1];
} flow_mlp;

/* Declares "PREFIXlayer0/weight", ... `extents` has the mask of each layer (see linear.h), or is NULL. `last` says how
 * the last layer starts. FLOW_SPEC if `residual` does not fit the widths. On failure the caller calls release, too. */
flow_status flow_mlp_configure(flow_mlp *mlp, const flow_net_options *options, int n_in, int n_out,
                               int *const *extents, flow_init last, flow_params *params, flow_error *err);
void flow_mlp_release(flow_mlp *mlp);

/* Bytes of scratch for n data rows; with `keep` also for the backward, and for what is recorded on the tape. */
size_t flow_mlp_scratch_size(const flow_mlp *mlp, int n, bool keep);

/* y (n_out, n) from x (n_in, n). x must stay unchanged until the backward, and then until the gradients of the weights
 * are formed. */
void flow_mlp_apply(const flow_mlp *mlp, const real *weights, int n, const real *x, real *y, void *scratch);

/* gx (n_in, n) from gy (n_out, n), which must stay unchanged until the gradients of the weights are formed. */
void flow_mlp_backward(const flow_mlp *mlp, const real *weights, int n, const real *x, const real *gy, real *gx,
                       void *scratch, flow_tape *tape);

/* The arrays in the scratch, for networks that go unit by unit (made.h). Hidden layer l has width layers[l].n_out.
 * a: activations; h: outputs (the same array as a without residual); pre: inputs of the activation (the same as a where
 * they are not kept). With `keep` also gh: gradients at h, and gpre: at pre (the same as gh without residual). */
typedef struct flow_mlp_scratch {
    real *a[FLOW_LIST_MAX], *h[FLOW_LIST_MAX], *pre[FLOW_LIST_MAX], *gh[FLOW_LIST_MAX], *gpre[FLOW_LIST_MAX];
} flow_mlp_scratch;

/* Returns the size in bytes and sets *arrays; with `scratch` NULL it only returns the size. */
size_t flow_mlp_lay_out(const flow_mlp *mlp, int n, bool keep, void *scratch, flow_mlp_scratch *arrays);

/* Whether hidden layer l adds its input to its output. */
bool flow_mlp_adds_input(const flow_mlp *mlp, int l);

#endif
