/* A trainable triangular matrix, its products with tiles and the solution of its equations.
 *
 *     T = A + diag(t)
 *
 * A (d, d) is strictly lower: its weights lie in a masked layer (linear.h: row r sees r inputs), so that it
 * multiplies and gathers gradients as every layer does. The diagonal belongs to the caller; NULL is a diagonal of
 * ones. An upper triangular matrix is the transpose of one of these. All functions take tiles (d, n) with any n that
 * is a multiple of FLOW_LANES.
 *
 * Solving goes in blocks of lines: a product brings in what is known, then the lines of the block eliminate one
 * another.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_TRIANGLE_H
#define FLOW_NN_TRIANGLE_H

#include "nn/tape.h"

typedef struct flow_triangle {
    flow_linear strict; /* A */
} flow_triangle;

/* Declares A as "NAME", zero at first. */
flow_status flow_triangle_configure(flow_triangle *triangle, int dim, flow_params *params, const char *name,
                                    flow_error *err);
void flow_triangle_release(flow_triangle *triangle);

/* y = T x, or with `transpose` T' x. The arrays do not overlap. */
void flow_triangle_multiply(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                            int n, const real *x, real *y);

/* x = T^-1 y, or with `transpose` T'^-1 y; y arrives in x. No element of the diagonal may be zero. */
void flow_triangle_solve(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                         int n, real *x);

/* Puts the gradient at A on the tape, for y = T x or y = T' x with the gradient gy (see flow_tape_linear). For a
 * solution x = T^-1 y give -gy, where gy is the gradient at y: d(T^-1) = -T^-1 dT T^-1. */
void flow_triangle_record(const flow_triangle *triangle, bool transpose, const real *x, const real *gy,
                          flow_tape *tape);

#endif
