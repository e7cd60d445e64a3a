/* Linear layers over tiles, with masks as structure.
 *
 * Layout. A tile holds n data rows; an activation of width w is stored as (w, n): one row of the tile for each unit, in
 * which the data rows run fastest. Then a panel of units, a prefix of the inputs and a single unit are contiguous,
 * biases and log-determinants need no sums within a vector, and no vector loop has a remainder (n is a multiple of
 * FLOW_LANES).
 *
 * Masks. The masks of flows let unit r see a prefix of the inputs, `extent[r]` of them (the hidden units of a MADE are
 * sorted by degree for this). Masked weights are zero and stay zero. The products go through panels of units and leave
 * out the inputs that no unit of a panel sees (nn/panels.h). Where the extents repeat with a period, as in a last layer
 * that gives one plane of dimensions for each parameter, the units of a panel are that period apart and see the same
 * inputs: then no masked weight is multiplied.
 *
 * The gradients of the weights are formed from a tape (nn/tape.h).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_LINEAR_H
#define FLOW_NN_LINEAR_H

#include <stdbool.h>

#include "core/error.h"
#include "nn/activation.h"
#include "nn/panels.h"
#include "nn/params.h"
#include "num/real.h"

typedef struct flow_linear {
    int n_in, n_out;
    bool has_bias;
    size_t weight, bias; /* offsets in the weights: (n_out, n_in) and (n_out) */
    int *extent;         /* (n_out), owned; NULL: every unit sees every input */
    flow_panels panels;
} flow_linear;

/* Declares "NAME/weight" and "NAME/bias". `extent` (n_out; copied) or NULL. FLOW_INIT_ZERO sets weight and bias to
 * zero. On failure the caller calls release, too. */
flow_status flow_linear_configure(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                  flow_params *params, const char *name, flow_error *err);
/* A matrix without a bias: declares "NAME". It is applied with FLOW_ACTIVATION_NONE, `pre` being y. */
flow_status flow_linear_configure_matrix(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                         flow_params *params, const char *name, flow_error *err);
void flow_linear_release(flow_linear *linear);

/* y (n_out, n) = activation(W x + b) for x (n_in, n). `pre` (n_out, n) receives W x + b and may be y (see
 * activation.h). */
void flow_linear_apply(const flow_linear *linear, const real *weights, int n, const real *x, flow_activation kind,
                       real *pre, real *y);

/* The same for the units [first, last) only. Reads only the inputs that these units see. */
void flow_linear_apply_units(const flow_linear *linear, const real *weights, int n, int first, int last, const real *x,
                             flow_activation kind, real *pre, real *y);

/* gx (n_in, n) = W^T gpre for gpre (n_out, n). */
void flow_linear_backward(const flow_linear *linear, const real *weights, int n, const real *gpre, real *gx);

/* gx += W^T gpre over the units [first, last) only. Writes only the inputs that these units see. */
void flow_linear_backward_units(const flow_linear *linear, const real *weights, int n, int first, int last,
                                const real *gpre, real *gx);

#endif
