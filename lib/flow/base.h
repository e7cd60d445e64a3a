/* What a base is: the distribution at the latent end of a flow.
 *
 * A base is a const table of functions over tiles (d, n), as a block is (block.h): its state is const after configure,
 * its numbers live in flow_params under "base/...", its intermediate results in the scratch of a pass. It may have
 * trainable weights; they start where the base is near a standard normal in location and spread, as data are that come
 * through `standardize` and blocks that start at the identity.
 *
 * Adding a base: one file base/<type>.c that ends in `const flow_base_type flow_base_<type>`, one line in registry.h,
 * one entry in the contract test.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BASE_H
#define FLOW_FLOW_BASE_H

#include <stdint.h>

#include "flow/block.h"

typedef struct flow_base_type {
    flow_type_info info;
    size_t state_size;

    /* As in flow_block_type. Of the context, the number of dimensions, the seed and the index are set. */
    flow_status (*configure)(void *self, const void *options, const flow_block_context *context, flow_params *params,
                             flow_error *err);
    void (*release)(void *self); /* optional */

    size_t (*scratch_size)(const void *self, int n, bool keep); /* optional: none */

    /* Adds the log-density of each row of z to logp (n). */
    void (*log_density)(const void *self, const flow_pass *pass, const real *z, double *logp);
    /* After log_density, the scratch as that left it: writes gz = glogp * d logp / dz, glogp (n) being the gradient
     * at each row's log-density, and records the gradients of the weights on pass->tape. pass->glogdet is not used. */
    void (*backward)(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz);
    /* Draws for rows first_row, first_row + 1, ...: a pure function of (seed, row). `temperature` scales the spread. */
    void (*sample)(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row, double temperature,
                   real *z);
    /* u (d, n): the distribution function of each latent given those before it, P(Z_i <= z_i | z_1 ... z_(i-1))
     * (Rosenblatt 1952). Of draws of the base they are uniform on (0, 1) and independent of each other. The scratch is
     * as for log_density. */
    void (*to_uniform)(const void *self, const flow_pass *pass, const real *z, double *u);

    /* Optional: initial weights from data, once per model, from n valid rows z (d, n) as they arrive at the base. */
    flow_status (*fit)(const void *self, flow_params *params, real *weights, int n, const real *z, flow_error *err);
} flow_base_type;

/* Of the base that the framework takes where some latents are periodic. */
typedef struct flow_mixed_options {
    flow_choice linear; /* of the bases: that of the linear dimensions */
} flow_mixed_options;

#endif
