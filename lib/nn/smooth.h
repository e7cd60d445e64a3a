/* Activations with two derivatives, for networks that are right-hand sides of differential equations: a solver's order
 * counts on a smooth one, and the gradient of its trace has the second derivative in it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_SMOOTH_H
#define FLOW_NN_SMOOTH_H

#include "num/real.h"

/* tanh; softplus log(1 + exp x); silu x * sigmoid(x). */
typedef enum flow_smooth { FLOW_SMOOTH_TANH, FLOW_SMOOTH_SOFTPLUS, FLOW_SMOOTH_SILU } flow_smooth;

/* NULL-terminated, in the order of the enum. */
extern const char *const flow_smooth_names[];

/* y (rows, n), in place: y += bias (rows; NULL: nothing), then first = its derivative there, second (NULL: not wanted)
 * = the next one, and y = the activation. */
void flow_smooth_apply(flow_smooth kind, int rows, int n, const real *bias, real *y, real *first, real *second);

#endif
