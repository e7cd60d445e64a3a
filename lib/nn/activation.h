/* Activation functions of the networks, fused with the bias that precedes them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_ACTIVATION_H
#define FLOW_NN_ACTIVATION_H

#include <stdbool.h>

#include "num/real.h"

/* relu; tanh; elu (Clevert et al. 2016, alpha = 1); silu x * sigmoid(x) (Hendrycks and Gimpel 2016); none. */
typedef enum flow_activation {
    FLOW_ACTIVATION_RELU,
    FLOW_ACTIVATION_TANH,
    FLOW_ACTIVATION_ELU,
    FLOW_ACTIVATION_SILU,
    FLOW_ACTIVATION_NONE
} flow_activation;

/* The names of the first four, NULL-terminated, in the order of the enum. */
extern const char *const flow_activation_names[];

/* Whether the derivative needs the input; otherwise it follows from the output. */
bool flow_activation_keeps_input(flow_activation kind);

/* pre (rows, n) += bias (rows), then y (rows, n) = activation(pre). `y` may be `pre` unless the input is kept. */
void flow_activation_apply(flow_activation kind, int rows, int n, const real *bias, real *pre, real *y);

/* gpre (rows, n) = gy * derivative. `pre` is read only if the input is kept. gpre may be gy. */
void flow_activation_backward(flow_activation kind, int rows, int n, const real *pre, const real *y, const real *gy,
                              real *gpre);

#endif
