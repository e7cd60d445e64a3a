/* An order of the dimensions, as part of a model: natural, reversed, random or given as a list.
 *
 * It is kept among the fitted values, so that a model file holds the very order that was trained, whatever a later
 * version would draw from the same seed.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_PERMUTATION_H
#define FLOW_FLOW_BLOCK_PERMUTATION_H

#include "flow/block.h"

typedef enum flow_order { FLOW_ORDER_NATURAL, FLOW_ORDER_REVERSE, FLOW_ORDER_RANDOM } flow_order;

typedef struct flow_permutation {
    flow_dims dims;
    size_t offset; /* in the fitted values: (1, d), the source of each dimension */
    bool *behind;  /* (d), owned: which dimensions are periodic in the new order; NULL: none */
} flow_permutation;

void flow_permutation_release(flow_permutation *permutation);

/* The dimensions in the new order. */
flow_dims flow_permutation_dims(const flow_permutation *permutation);

/* Declares "order" and fills it in. On failure the caller still calls release. */
flow_status flow_permutation_configure(flow_permutation *permutation, flow_order order,
                                       const flow_block_context *context, flow_params *params, flow_error *err);

/* The same for the list (n) of all dimensions in their new order, counted from 0, which is the option "order" of the
 * block: FLOW_SPEC for a list that is something else. */
flow_status flow_permutation_configure_list(flow_permutation *permutation, int n, const int *list,
                                            const flow_block_context *context, flow_params *params, flow_error *err);

/* FLOW_FORMAT when the stored numbers are not a permutation, or take periodic dimensions elsewhere than configure
 * did. */
flow_status flow_permutation_check(const flow_permutation *permutation, const flow_params *params, flow_error *err);

/* Row i of out = row order[i] of in, for (d, n) tiles; and back. */
void flow_permutation_apply(const flow_permutation *permutation, const double *fitted, int n, const real *in,
                            real *out);
void flow_permutation_undo(const flow_permutation *permutation, const double *fitted, int n, const real *in, real *out);

#endif
