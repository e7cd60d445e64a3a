/* Linear layers over tiles, with masks as structure.
 *
 * Layout. A tile holds n rows of data; an activation of width w is stored (w, n): one line per unit, the data rows
 * running fastest. Then a panel of units, a prefix of the inputs and a single unit are all contiguous, biases and
 * log-determinants add without horizontal sums, and no vector loop has a tail (n is a multiple of FLOW_LANES).
 *
 * Masks. The only masks a flow needs let unit r see a prefix of the inputs: `extent[r]` of them (the hidden units of a
 * MADE are sorted by degree for this). The products walk panels of units and skip what is behind the longest prefix in
 * a panel; masked weights are zero and stay zero. Where the prefixes repeat with a period, as in a last layer that
 * returns a plane of many dimensions for each of many parameters, the units of a panel are that period apart and all
 * see the same inputs: then nothing that is computed is behind the mask.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_LINEAR_H
#define FLOW_NN_LINEAR_H

#include <stdbool.h>

#include "core/error.h"
#include "nn/activation.h"
#include "nn/params.h"
#include "num/real.h"

enum { FLOW_PANEL = 128 }; /* the most units in a panel: the activation finds in the cache what the product wrote */

/* Units first, first + stride, ..., `count` of them, and the inputs [0, depth) the widest of them sees. */
typedef struct flow_panel {
    int first, count, stride, depth;
} flow_panel;

/* A part of the weights that is not behind the mask: in each of `planes` planes, `plane` units apart, the units [first,
 * first + count), and of all of them the inputs [from, to). It `adds` to a patch before it that has the same inputs. */
typedef struct flow_patch {
    int first, count, planes, plane, from, to;
    bool adds;
} flow_patch;

typedef struct flow_linear {
    int n_in, n_out;
    bool has_bias;
    size_t weight, bias; /* offsets in the weights: (n_out, n_in) and (n_out) */
    int *extent;         /* (n_out), owned; NULL: every unit sees every input */
    int period;          /* the distance between units that see the same inputs; 1: no such pattern */
    int n_panels;
    flow_panel *panels; /* owned; cover the units: the products of the pass and of the gradient at the weights */
    int n_patches;
    flow_patch *patches; /* owned; cover the live weights and all inputs: the products of the gradient at the input */
} flow_linear;

/* Declares "NAME/weight" and "NAME/bias". extent (n_out) or NULL. init FLOW_INIT_ZERO zeroes weight and bias. */
flow_status flow_linear_configure(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                  flow_params *params, const char *name, flow_error *err);
/* A plain matrix: declares "NAME" alone, there is no bias, and it is applied without an activation (`pre` is y). */
flow_status flow_linear_configure_matrix(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                         flow_params *params, const char *name, flow_error *err);
void flow_linear_release(flow_linear *linear);

/* y (n_out, n) = activation(W x + b) for x (n_in, n). `pre` receives W x + b and may be y (see activation.h). */
void flow_linear_apply(const flow_linear *linear, const real *weights, int n, const real *x, flow_activation kind,
                       real *pre, real *y);

/* The same for the units [first, last) alone, which may see only inputs that are known already. */
void flow_linear_apply_units(const flow_linear *linear, const real *weights, int n, int first, int last, const real *x,
                             flow_activation kind, real *pre, real *y);

/* gx (n_in, n) = W^T gpre for gpre (n_out, n). */
void flow_linear_backward(const flow_linear *linear, const real *weights, int n, const real *gpre, real *gx);

/* gx += W^T gpre over the units [first, last) alone; touches only inputs these units see. */
void flow_linear_backward_units(const flow_linear *linear, const real *weights, int n, int first, int last,
                                const real *gpre, real *gx);

#endif
