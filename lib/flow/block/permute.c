/* A fixed order of the dimensions: what lets every dimension meet every other in a stack of couplings. log|det| = 0. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/block.h"
#include "flow/block/options.h"
#include "flow/block/permutation.h"

typedef struct permute {
    flow_permutation permutation;
} permute;

static const char *const permute_words[] = {"reverse", "random", NULL};

static const flow_option permute_table[] = {
    {.key = "order",
     .kind = FLOW_OPTION_WORD_OR_INTS,
     .offset = offsetof(flow_permute_options, order),
     .fallback = "\"reverse\"",
     .words = permute_words,
     .least = 0,
     .most = 65535,
     .help = "the new order of the dimensions: a word, or the list of all of them, counted from 0"},
    FLOW_OPTIONS_END,
};

static flow_status permute_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    permute *block = self;
    const flow_word_or_ints *order = &((const flow_permute_options *)options)->order;
    if (order->word < 0)
        return flow_permutation_configure_list(&block->permutation, order->n, order->at, context, params, err);
    return flow_permutation_configure(&block->permutation,
                                      order->word == FLOW_PERMUTE_RANDOM ? FLOW_ORDER_RANDOM : FLOW_ORDER_REVERSE,
                                      context, params, err);
}

static void permute_release(void *self)
{
    flow_permutation_release(&((permute *)self)->permutation);
}

static void permute_flags(const void *self, bool *behind)
{
    const flow_dims dims = flow_permutation_dims(&((const permute *)self)->permutation);
    memcpy(behind, dims.periodic, (size_t)dims.n * sizeof *behind);
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
    .info = {FLOW_INFO("permute", "a fixed order of the dimensions", permute_table, flow_permute_options),
             .repeats = true}, .state_size = sizeof(permute), .configure = permute_configure,
    .release = permute_release, .keeps_periodic = true, .permute_flags = permute_flags,
    .map = {permute_to_latent, permute_to_data}, .backward = {permute_to_latent_backward, permute_to_data_backward},
    .check = permute_check,
};
