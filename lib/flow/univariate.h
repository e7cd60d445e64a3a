/* What a univariate is: an elementwise monotone map z = f(x; theta) whose parameters a network computes.
 *
 * Coupling and autoregressive blocks are written once over any univariate: a new univariate file gives both. Functions
 * work on whole tiles: x and z are (d, n), and the P parameters of an element are P planes of that shape, plane p
 * starting at theta + p * stride. theta = 0 must be the identity, or near to it, so that any depth starts finite;
 * whatever theta a network may produce must give a finite, invertible map.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_UNIVARIATE_H
#define FLOW_FLOW_UNIVARIATE_H

#include <stddef.h>

#include "core/direction.h"
#include "core/option.h"
#include "num/real.h"

typedef struct flow_univariate_type {
    flow_type_info info;

    /* `self` are the options, in all of these. */
    int (*n_params)(const void *self); /* P */

    /* The two maps, by direction. Writes out (d, n) from in (d, n) and adds the sum of log|d out/d in| of each row to
     * logdet (n). In place of theta a map may leave what its own backward reads there instead. */
    void (*map[FLOW_N_DIRECTIONS])(const void *self, int d, int n, const real *in, real *theta, size_t stride,
                                   real *out, double *logdet);

    /* Their backwards, by the direction of the map. Writes the gradients at the input and at theta (planes like theta)
     * from those at the output and at the log-determinant (glogdet (n)). in, out and theta are as the map left them. */
    void (*backward[FLOW_N_DIRECTIONS])(const void *self, int d, int n, const real *in, const real *theta,
                                        size_t stride, const real *out, const real *gout, const real *glogdet,
                                        real *gin, real *gtheta);
} flow_univariate_type;

/* A univariate with its options, as a block holds it. */
typedef struct flow_univariate {
    const flow_univariate_type *type;
    void *state; /* its options; owned */
} flow_univariate;

#endif
