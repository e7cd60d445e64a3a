/* A fixed order of the dimensions: what lets every dimension meet every other in a stack of couplings. log|det| = 0. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/block.h"
#include "flow/block/options.h"
#include "flow/block/permutation.h"

static const char *const permute_words[] = {"reverse", "random", NULL};

static const flow_option permute_table[] = {
    {FLOW_KEY(flow_permute_options, order, WORD_OR_INTS, "\"reverse\""), .words = permute_words, .most = 65535,
     .help = "the new order of the dimensions: a word, or the list of all of them, counted from 0"},
    FLOW_OPTIONS_END,
};

static flow_status permute_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    const flow_word_or_ints *order = &((const flow_permute_options *)options)->order;
    if (order->word < 0)
        return flow_permutation_configure_list(self, order->n, order->at, context, params, err);
    return flow_permutation_configure(self, order->word == FLOW_PERMUTE_RANDOM ? FLOW_ORDER_RANDOM : FLOW_ORDER_REVERSE,
                                      context, params, err);
}

static void permute_release(void *self)
{
    flow_permutation_release(self);
}

static void permute_flags(const void *self, bool *behind)
{
    const flow_dims dims = flow_permutation_dims(self);
    memcpy(behind, dims.periodic, (size_t)dims.n * sizeof *behind);
}

static void permute_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    (void)logdet;
    bool back = pass->direction == FLOW_TO_DATA;
    (back ? flow_permutation_undo : flow_permutation_apply)(self, pass->fitted, pass->n, in, out);
}

static void permute_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    bool back = pass->direction == FLOW_TO_LATENT;
    (back ? flow_permutation_undo : flow_permutation_apply)(self, pass->fitted, pass->n, gout, gin);
}

static flow_status permute_check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_permutation_check(self, params, err);
}

const flow_block_type flow_block_permute = {
    .info = {FLOW_INFO("permute", "a fixed order of the dimensions", permute_table, flow_permute_options),
             .repeats = true}, .state_size = sizeof(flow_permutation), .configure = permute_configure,
    .release = permute_release, .keeps_periodic = true, .pixelwise = true, .permute_flags = permute_flags,
    .map = {permute_map, permute_map}, .backward = {permute_backward, permute_backward}, .check = permute_check,
};
