/* A trainable triangular matrix: products with tiles, and the solution of its equations.
 *
 *     T = A + diag(t)
 *
 * A (d, d) is strictly lower triangular: the weights of a masked layer (linear.h), whose unit r sees r inputs. The
 * caller owns the diagonal t (d); NULL means ones. An upper triangular matrix is the transpose of T. All functions take
 * tiles (d, n), n being a multiple of FLOW_LANES.
 *
 * Equations are solved in panels of rows: a product subtracts what is known, then the rows of the panel are eliminated
 * one after the other.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_TRIANGLE_H
#define FLOW_NN_TRIANGLE_H

#include "nn/tape.h"

typedef struct flow_triangle {
    flow_linear strict; /* A */
} flow_triangle;

/* Declares A as "NAME"; it starts at zero. On failure the caller calls release, too. */
flow_status flow_triangle_configure(flow_triangle *triangle, int dim, flow_params *params, const char *name,
                                    flow_error *err);
void flow_triangle_release(flow_triangle *triangle);

/* y = T x, or with `transpose` T' x. The arrays do not overlap. */
void flow_triangle_multiply(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                            int n, const real *x, real *y);

/* x = T^-1 x, or with `transpose` x = T'^-1 x. No element of the diagonal may be zero. */
void flow_triangle_solve(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                         int n, real *x);

/* Records the gradient at A for y = T x, or with `transpose` y = T' x, with the gradient gy at y (see
 * flow_tape_linear). For a solution x = T^-1 y pass -gy, with gy the gradient at y: d(T^-1) = -T^-1 dT T^-1. */
void flow_triangle_record(const flow_triangle *triangle, bool transpose, const real *x, const real *gy,
                          flow_tape *tape);

#endif
