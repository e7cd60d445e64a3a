/* An invertible matrix with a cheap determinant, for linear maps of dimensions and of the channels of images:
 *
 *     W = P L (U + diag(s))        log|det W| = sum log|s|        (Kingma and Dhariwal 2018, sec. 3.2)
 *
 * L is lower triangular with ones on its diagonal, U strictly upper; both and log|s| are trained. The permutation P
 * and the signs of s are fixed and kept among the fitted values. W starts as a random rotation. Maps take tiles (d,
 * n) with any n that is a multiple of FLOW_LANES; whatever n is, log|det W| counts once per column.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_LU_H
#define FLOW_FLOW_BLOCK_LU_H

#include "flow/block/permutation.h"
#include "nn/triangle.h"

enum { FLOW_LU_DIM_MAX = 4096 }; /* the factors of its first rotation take O(d^3): a minute or two */

typedef struct flow_lu {
    int dim;
    flow_permutation rows; /* P: dimension order[i] of W x is dimension i of L (U + diag s) x */
    size_t sign;           /* in the fitted values: (1, dim), 1 or -1 */
    size_t log_scale;      /* in the weights: log|s|, (dim, 1) */
    flow_triangle lower, upper; /* L; the transpose of U + diag s */
} flow_lu;

/* Declares "order", "sign", "log_scale", "lower" and "upper", at first the identity. FLOW_SPEC beyond
 * FLOW_LU_DIM_MAX. */
flow_status flow_lu_configure(flow_lu *lu, const flow_block_context *context, flow_params *params, flow_error *err);
void flow_lu_release(flow_lu *lu);

/* Makes W a random rotation, uniform over all of them, a function of (seed, index). */
flow_status flow_lu_init(const flow_lu *lu, uint64_t seed, uint64_t index, double *fitted, real *weights,
                         flow_error *err);

/* FLOW_FORMAT when the stored order is not a permutation or a sign is none. */
flow_status flow_lu_check(const flow_lu *lu, const flow_params *params, flow_error *err);

double flow_lu_log_det(const flow_lu *lu, const real *weights);

size_t flow_lu_scratch_size(const flow_lu *lu, int n, bool keep);

/* y = W x and x = W^-1 y, over the n columns of a pass. */
void flow_lu_multiply(const flow_lu *lu, const flow_pass *pass, int n, const real *x, real *y);
void flow_lu_solve(const flow_lu *lu, const flow_pass *pass, int n, const real *y, real *x);

/* Their backwards; the scratch is as the map left it. `glogdet` is the sum over all columns of the gradients at
 * +log|det W| (after multiply) or at -log|det W| (after solve). */
void flow_lu_multiply_backward(const flow_lu *lu, const flow_pass *pass, int n, const real *gy, real glogdet, real *gx);
void flow_lu_solve_backward(const flow_lu *lu, const flow_pass *pass, int n, const real *gx, real glogdet, real *gy);

#endif
