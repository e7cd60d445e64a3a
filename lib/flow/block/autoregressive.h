/* What the two autoregressive blocks share: a map in which dimension i goes through a univariate whose parameters a
 * masked conditioner computes from the dimensions before it, on one of the two sides.
 *
 *     maf  theta_i from x_1 ... x_i-1, the data side    (Papamakarios et al. 2017, eq. 3-5)
 *     iaf  theta_i from z_1 ... z_i-1, the latent side  (Kingma et al. 2016, eq. 10-11)
 *
 * From the side the network looks at, all parameters are known at once and the map is one network pass. From the
 * other side it is a walk over the dimensions that computes in each step only the hidden units that became known
 * (nn/made.h), which together is one network pass as well. The two blocks differ in which direction is the pass and
 * which the walk. The features of a context stand before all dimensions, so that every theta may depend on them.
 *
 * Periodic dimensions go through a periodic spline of their own, and enter the network by cosine and sine (periodic.h).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_AUTOREGRESSIVE_H
#define FLOW_FLOW_BLOCK_AUTOREGRESSIVE_H

#include "core/direction.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "flow/block/permutation.h"
#include "flow/conditioner.h"
#include "flow/univariate.h"

typedef struct flow_autoregressive {
    int n_context;
    int n_params; /* of a dimension, the most of both univariates */
    flow_permutation permutation;
    flow_dims dims;             /* in the block's own order */
    flow_univariate univariate; /* of linear dimensions */
    flow_univariate periodic;   /* of periodic ones */
    flow_masked_conditioner conditioner;
} flow_autoregressive;

/* The parts of a block type that do not depend on the side. */
flow_status flow_autoregressive_configure(void *self, const void *options, const flow_block_context *context,
                                          flow_params *params, flow_error *err);
void flow_autoregressive_release(void *self);
size_t flow_autoregressive_scratch_size(const void *self, int n, bool keep);
flow_status flow_autoregressive_check(const void *self, const flow_params *params, flow_error *err);

/* The map that starts from the side the network looks at, and its backward. */
void flow_autoregressive_pass(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet);
void flow_autoregressive_pass_backward(const void *self, const flow_pass *pass, const real *gout, real *gin);

/* The map that ends on that side, and its backward. */
void flow_autoregressive_walk(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet);
void flow_autoregressive_walk_backward(const void *self, const flow_pass *pass, const real *gout, real *gin);

#endif
