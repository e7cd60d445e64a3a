/* A trainable linear map of the dimensions: z = W x with W = P L (U + diag s), which starts as a random rotation
 * (Kingma and Dhariwal 2018, sec. 3.2: the 1x1 convolution of Glow, here over the columns of a table). A bias is
 * actnorm's. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block.h"
#include "flow/block/lu.h"
#include "num/reduce.h"

typedef struct linear {
    flow_lu lu;
    uint64_t index;
} linear;

static flow_status linear_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)options;
    linear *block = self;
    block->index = context->index;
    return flow_lu_configure(&block->lu, context, params, err);
}

static void linear_release(void *self)
{
    flow_lu_release(&((linear *)self)->lu);
}

static flow_status linear_init(const void *self, uint64_t seed, flow_params *params, real *weights, flow_error *err)
{
    const linear *block = self;
    return flow_lu_init(&block->lu, seed, block->index, params->fitted, weights, err);
}

static size_t linear_scratch_size(const void *self, int n, bool keep)
{
    return flow_lu_scratch_size(&((const linear *)self)->lu, n, keep);
}

static void linear_add_to_all(int n, double term, double *logdet)
{
    for (int j = 0; j < n; j++)
        logdet[j] += term;
}

static void linear_to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    const linear *block = self;
    flow_lu_multiply(&block->lu, pass, pass->n, x, z);
    linear_add_to_all(pass->n, flow_lu_log_det(&block->lu, pass->weights), logdet);
}

static void linear_to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    const linear *block = self;
    flow_lu_solve(&block->lu, pass, pass->n, z, x);
    linear_add_to_all(pass->n, -flow_lu_log_det(&block->lu, pass->weights), logdet);
}

static void linear_to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    const linear *block = self;
    flow_lu_multiply_backward(&block->lu, pass, pass->n, gz, flow_sum(pass->n, pass->glogdet), gx);
}

static void linear_to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    const linear *block = self;
    flow_lu_solve_backward(&block->lu, pass, pass->n, gx, flow_sum(pass->n, pass->glogdet), gz);
}

static flow_status linear_check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_lu_check(&((const linear *)self)->lu, params, err);
}

const flow_block_type flow_block_linear = {
    .info = {FLOW_INFO_BARE("linear", "an invertible matrix that mixes the dimensions, at first a random rotation"),
             .repeats = true}, .state_size = sizeof(linear), .configure = linear_configure, .release = linear_release,
    .init = linear_init, .scratch_size = linear_scratch_size, .map = {linear_to_latent, linear_to_data},
    .backward = {linear_to_latent_backward, linear_to_data_backward}, .check = linear_check,
};
