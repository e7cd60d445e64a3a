/* Linear layers over tiles, with masks as structure, and the tape that gathers the gradients of their weights.
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
 *
 * Weight gradients. A backward records (input, output gradient) of every layer on the tape of its tile. When all tiles
 * of a batch are done, flow_tapes_gradient forms the products, a strip of FLOW_STRIP inputs of a layer at a time and
 * always adding the tiles in the same order: the result does not depend on the number of threads, and no thread needs a
 * copy of the gradient.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_LINEAR_H
#define FLOW_NN_LINEAR_H

#include <stdbool.h>

#include "core/error.h"
#include "nn/activation.h"
#include "nn/params.h"
#include "num/real.h"

enum {
    FLOW_PANEL = 128, /* the most units in a panel: the activation finds in the cache what the product wrote */
    FLOW_STRIP = 64   /* inputs whose gradients at the weights one thread forms */
};

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

/* What one layer left behind on one tile. */
typedef struct flow_record {
    const flow_linear *linear; /* NULL: a plain vector of weights */
    size_t offset;             /* of that vector */
    int rows;                  /* its length */
    const real *x;             /* (n_in, n), the layer's input */
    const real *g;             /* (n_out, n), the gradient at W x + b; of a vector: (rows, n), or (rows) if summed */
    bool summed;               /* a vector whose rows of data have been added up already */
} flow_record;

typedef struct flow_tape {
    int n;          /* data rows in the tile, padding included */
    int n_records, capacity;
    flow_record *records; /* owned by whoever made the tape */
} flow_tape;

/* The arrays must stay untouched until flow_tapes_gradient; a layer is recorded at most once in a pass. A NULL tape is
 * allowed: nothing is recorded. */
void flow_tape_linear(flow_tape *tape, const flow_linear *linear, const real *x, const real *g);
void flow_tape_vector(flow_tape *tape, size_t offset, int rows, const real *g);
/* The same for gradients (rows) that the caller has summed over the rows of data. */
void flow_tape_sums(flow_tape *tape, size_t offset, int rows, const real *sums);

/* gradient (n_weights) = the sum over all tiles and their rows. The tapes hold the same layers in the same order, as
 * they do when each went through the same flow. */
void flow_tapes_gradient(const flow_tape *tapes, int n_tapes, int n_threads, size_t n_weights, real *gradient);

/* The matrix products in this that record k, a layer's, stands for: adds them to the gradient. To measure them. */
void flow_tapes_products(const flow_tape *tapes, int n_tapes, int k, real *gradient);

#endif
