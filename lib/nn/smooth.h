/* Activations with two derivatives, for networks that are the right-hand side of a differential equation: the order of
 * a solver needs a smooth function, and the gradient of the trace contains the second derivative. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_SMOOTH_H
#define FLOW_NN_SMOOTH_H

#include "num/real.h"

/* tanh; softplus log(1 + exp x); silu x * sigmoid(x). */
typedef enum flow_smooth { FLOW_SMOOTH_TANH, FLOW_SMOOTH_SOFTPLUS, FLOW_SMOOTH_SILU } flow_smooth;

/* NULL-terminated, in the order of the enum. */
extern const char *const flow_smooth_names[];

/* For y (rows, n), in place: y += bias (rows; NULL: none); then first = the derivative of the activation at y, second
 * (NULL: not requested) = its second derivative, and y = the activation. */
void flow_smooth_apply(flow_smooth kind, int rows, int n, const real *bias, real *y, real *first, real *second);

#endif
