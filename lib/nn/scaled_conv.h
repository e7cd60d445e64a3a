/* A convolution whose outputs may have factors of their own: y[o] = activation(exp(s[o]) (W x)[o] + b[o]).
 *
 * With the bias this is an actnorm behind the convolution, a scale and a shift for each channel (Kingma and Dhariwal
 * 2018, sec. 3.1), at the cost of a plain one: the factors are multiplied into a copy of the weights, once per tile.
 * They start at one.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_SCALED_CONV_H
#define FLOW_NN_SCALED_CONV_H

#include "core/memory.h"
#include "nn/conv.h"

typedef struct flow_scaled_conv {
    flow_conv conv;
    bool scaled;  /* false: a plain convolution */
    size_t scale; /* offset of s (n_out) in the weights */
} flow_scaled_conv;

/* As flow_conv_configure; declares "NAME/scale", too. */
flow_status flow_scaled_conv_configure(flow_scaled_conv *layer, bool scaled, flow_shape shape, int kernel, int n_out,
                                       flow_init init, flow_params *params, const char *name, flow_error *err);
void flow_scaled_conv_release(flow_scaled_conv *layer);

/* The numbers that belong to one layer in a pass; all but gadded exist for scaled layers only. */
typedef struct flow_scaled_conv_scratch {
    real *factor, *weights; /* (n_out): exp(s); those of the copy, and behind them its biases */
    real *gweights, *gs;    /* gradients of `weights` and of s */
    real *gadded;           /* (n_out, n): see flow_conv_backward */
} flow_scaled_conv_scratch;

/* Takes them from a layout; those for gradients with `keep` only. What a tape records must stay. */
void flow_scaled_conv_lay_out(const flow_scaled_conv *layer, int n, bool keep, flow_layout *layout,
                              flow_scaled_conv_scratch *own);

/* Multiplies the factors into *own, before the functions below. */
void flow_scaled_conv_prepare(const flow_scaled_conv *layer, const real *weights, const flow_scaled_conv_scratch *own);

/* As the functions of nn/conv.h; `scratch` is that of flow_conv_scratch_size. */
void flow_scaled_conv_apply(const flow_scaled_conv *layer, const real *weights, int n, const real *x,
                            flow_conv_term added, flow_activation kind, real *pre, real *y,
                            const flow_scaled_conv_scratch *own, void *scratch);
void flow_scaled_conv_backward(const flow_scaled_conv *layer, const real *weights, int n, const real *x_pre,
                               const real *x, flow_activation kind, const real *gpre, real *gx,
                               const flow_scaled_conv_scratch *own, void *scratch, flow_tape *tape);

#endif
