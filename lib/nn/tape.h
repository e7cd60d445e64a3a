/* The tape of a tile, and the gradients of the weights formed from the tapes of a batch.
 *
 * A backward pass only computes gradients at activations. For each layer it records the input and the gradient at the
 * output on the tape of its tile. When all tiles of a batch are done, flow_tapes_gradient forms the matrix products: a
 * task is a span of FLOW_SPAN inputs of one layer, and adds the products of all tiles in the order of the tapes. So the
 * result does not depend on the number of threads, and no thread needs a copy of the gradient.
 *
 * A layer may be used at several places of a pass, as the weights of a convolution are at every pixel. Such a layer is
 * recorded once, with the inputs and output gradients of all places; its gradient is the sum over the places of the
 * first tile, then those of the second tile, and so on.
 *
 * A tape with a gradient of its own records nothing: each call adds its products to that gradient at once. The arrays
 * may then change after the call, which saves memory where activations are large. The caller clears the gradient of a
 * tile and adds those of the tiles in a fixed order.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_TAPE_H
#define FLOW_NN_TAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/linear.h"

/* What a layer or a vector of weights leaves on one tile. All arrays are borrowed. */
typedef struct flow_record {
    const flow_linear *linear; /* NULL: a vector of weights */
    int n_places;              /* of a layer */
    const real *x, *g;         /* one place: (n_in, n) the input, (n_out, n) the gradient at W x + b; of a vector: g is
                                  (rows, n), or (rows) if summed */
    const real *const *xs, *const *gs; /* several places: (n_places) of each */
    size_t offset;                     /* of a vector in the weights */
    int rows;                          /* its length */
    bool summed;                       /* its gradient is already the sum over the data rows */
} flow_record;

typedef struct flow_tape {
    int n; /* data rows in the tile, padding included; a multiple of FLOW_LANES. At most FLOW_TILE, but for a layer of
              one place on a tape with a gradient of its own */
    int n_records, capacity;
    flow_record *records; /* owned by the maker of the tape */
    real *gradient;       /* (n_weights), borrowed: the sums are added to it at once, and nothing is recorded. NULL: the
                             calls record */
} flow_tape;

/* Records a layer: x (n_in, n) is its input, g (n_out, n) the gradient at W x + b. The arrays must stay unchanged until
 * flow_tapes_gradient, if the tape records. Each layer is recorded at most once in a pass. With a NULL tape nothing is
 * recorded. */
void flow_tape_linear(flow_tape *tape, const flow_linear *linear, const real *x, const real *g);

/* Records a layer that the pass uses at n_places places (0 or more): xs[p] and gs[p] as above. The lists, too, must
 * stay until flow_tapes_gradient. */
void flow_tape_linear_places(flow_tape *tape, const flow_linear *linear, int n_places, const real *const *xs,
                             const real *const *gs);

/* Records the gradient g (rows, n) at a vector of weights, repeated for each data row. */
void flow_tape_vector(flow_tape *tape, size_t offset, int rows, const real *g);

/* Records the gradient (rows) at a vector of weights, already summed over the data rows. */
void flow_tape_sums(flow_tape *tape, size_t offset, int rows, const real *sums);

/* gradient (n_weights) = the sum over all tapes, places and data rows. All tapes hold the same layers in the same order
 * with the same numbers of places: each went through the same flow. */
void flow_tapes_gradient(const flow_tape *tapes, int n_tapes, int n_threads, size_t n_weights, real *gradient);

/* Adds the matrix products of record k, which is a layer, to the gradient: the part of flow_tapes_gradient that the
 * benchmarks measure. */
void flow_tapes_products(const flow_tape *tapes, int n_tapes, int k, real *gradient);

#endif
