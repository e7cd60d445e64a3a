/* A fixed order of the dimensions: what lets every dimension meet every other in a stack of couplings. log|det| = 0. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/block.h"
#include "flow/block/permutation.h"

typedef struct permute {
    flow_json order;
    flow_permutation permutation;
} permute;

static const flow_option options[] = {
    {.key = "order",
     .kind = FLOW_OPTION_JSON,
     .offset = offsetof(permute, order),
     .fallback = "\"reverse\"",
     .refers = "order",
     .help = "the new order of the dimensions"},
    FLOW_OPTIONS_END,
};

static flow_status configure(void *self, const flow_site *site, flow_params *params, flow_error *err)
{
    permute *block = self;
    return flow_permutation_read(&block->permutation, &block->order, site, params, err);
}

static void permute_release(void *self)
{
    flow_permutation_release(&((permute *)self)->permutation);
}

static void carry(const void *self, bool *circular)
{
    const permute *block = self;
    const bool *behind = flow_permutation_circular(&block->permutation);
    if (behind != NULL)
        memcpy(circular, behind, (size_t)block->permutation.dim * sizeof *circular);
}

static void permute_to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    (void)logdet;
    flow_permutation_apply(&((const permute *)self)->permutation, pass->fitted, pass->n, x, z);
}

static void permute_to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    (void)logdet;
    flow_permutation_undo(&((const permute *)self)->permutation, pass->fitted, pass->n, z, x);
}

static void permute_to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    flow_permutation_undo(&((const permute *)self)->permutation, pass->fitted, pass->n, gz, gx);
}

static void permute_to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    flow_permutation_apply(&((const permute *)self)->permutation, pass->fitted, pass->n, gx, gz);
}

static flow_status permute_check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_permutation_check(&((const permute *)self)->permutation, params, err);
}

const flow_block_type flow_block_permute = {
    .type = "permute",
    .help = "a fixed order of the dimensions",
    .state_size = sizeof(permute),
    .options = options,
    .configure = configure,
    .release = permute_release,
    .keeps_circles = true,
    .carry = carry,
    .map = {permute_to_latent, permute_to_data},
    .backward = {permute_to_latent_backward, permute_to_data_backward},
    .check = permute_check,
};
