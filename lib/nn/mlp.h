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

/* Part of the options of every block that has a conditioner. */
typedef struct flow_net_options {
    flow_int_list hidden; /* widths of the hidden layers */
    int activation;       /* flow_activation */
    bool residual;
} flow_net_options;

/* The rows of such a block's option table, for a struct `type` with a flow_net_options `member`. */
#define FLOW_NET_OPTIONS(type, member)                                                                             \
    {.key = "hidden",                                                                                              \
     .kind = FLOW_OPTION_INTS,                                                                                     \
     .offset = offsetof(type, member.hidden),                                                                      \
     .fallback = "[128, 128]",                                                                                     \
     .least = 1,                                                                                                   \
     .most = FLOW_WIDTH_MAX,                                                                                       \
     .help = "widths of the hidden layers of the network"},                                                        \
        {.key = "activation",                                                                                      \
         .kind = FLOW_OPTION_WORD,                                                                               \
         .offset = offsetof(type, member.activation),                                                              \
         .fallback = "\"relu\"",                                                                                   \
         .words = flow_activation_names,                                                                         \
         .help = "activation of the hidden layers"},                                                               \
    {                                                                                                              \
        .key = "residual", .kind = FLOW_OPTION_FLAG, .offset = offsetof(type, member.residual), .fallback = "false", \
        .help = "add each hidden layer's input to its output; needs equal widths"                                  \
    }

typedef struct flow_mlp {
    flow_activation activation;
    bool residual;
    int n_layers;                           /* hidden layers and the last one */
    flow_linear layers[FLOW_LIST_MAX + 1];
} flow_mlp;

/* Declares "PREFIXlayer0/weight", ... `extents`, one per layer, or NULL: masks (see linear.h). `last` is how the
 * last layer starts. FLOW_SPEC when residual does not go with the widths. On failure the caller still calls release. */
flow_status flow_mlp_configure(flow_mlp *mlp, const flow_net_options *options, int n_in, int n_out,
                               int *const *extents, flow_init last, flow_params *params, flow_error *err);
void flow_mlp_release(flow_mlp *mlp);

/* Bytes of scratch for n rows of data; with `keep` for the backward and for what is recorded on the tape, too. */
size_t flow_mlp_scratch_size(const flow_mlp *mlp, int n, bool keep);

/* y (n_out, n) from x (n_in, n). x must stay until the backward and the tape are done with. */
void flow_mlp_apply(const flow_mlp *mlp, const real *weights, int n, const real *x, real *y, void *scratch);

/* gx (n_in, n) from gy (n_out, n), which must stay until the tape is done with. */
void flow_mlp_backward(const flow_mlp *mlp, const real *weights, int n, const real *x, const real *gy, real *gx,
                       void *scratch, flow_tape *tape);

/* The pieces of the scratch, for networks that walk (made.h). Hidden layer l has width layers[l].n_out:
 * a: activations, h: outputs (a itself without residual), pre: inputs of the activation (a itself where it is not
 * kept); with `keep`, behind these, gh: gradients at h, gpre: at pre (gh itself without residual). */
typedef struct flow_mlp_scratch {
    real *a[FLOW_LIST_MAX], *h[FLOW_LIST_MAX], *pre[FLOW_LIST_MAX], *gh[FLOW_LIST_MAX], *gpre[FLOW_LIST_MAX];
} flow_mlp_scratch;

/* Returns the size in bytes; with `scratch` NULL only that. */
size_t flow_mlp_lay_out(const flow_mlp *mlp, int n, bool keep, void *scratch, flow_mlp_scratch *pieces);

/* Whether hidden layer l adds its input to its output. */
bool flow_mlp_adds_input(const flow_mlp *mlp, int l);

#endif
