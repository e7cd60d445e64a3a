/* The first dimensions go on through a flow of their own, the others are finished: {"type": "split", "keep": 4, "flow":
 * [...]}. It is the multi-scale architecture (Dinh et al. 2017, sec. 3.6) for tables. The finished dimensions pass
 * unchanged, behind the others; a density of them that depends on the others is a coupling in front of the split. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/block/options.h"
#include "flow/chain.h"

typedef struct split {
    int dim, keep;
    flow_chain chain;
} split;

static const flow_option split_table[] = {
    FLOW_KEY_INT(flow_split_options, keep, FLOW_REQUIRED, 1, 65535, "how many dimensions go on, the first ones"),
    {FLOW_KEY(flow_split_options, flow, CHOICE_LIST, FLOW_REQUIRED), .help = "the blocks for these, in this order"},
    FLOW_OPTIONS_END,
};

static flow_status split_configure(void *self, const void *options, const flow_block_context *context,
                                   flow_params *params, flow_error *err)
{
    (void)params;
    split *block = self;
    const flow_split_options *asked = options;
    block->dim = context->dims.n;
    block->keep = (int)asked->keep;
    if (block->keep >= block->dim)
        return flow_option_fail(err, "keep",
                                "there are %d dimensions here, and at least one has to be left out: "
                                "expected 1 to %d, found %d",
                                block->dim, block->dim - 1, block->keep);
    return asked->flow.n > 0 ? FLOW_OK
                             : flow_option_fail(err, "flow",
                                                "the list is empty: name the blocks that the %d "
                                                "dimensions go through",
                                                block->keep);
}

static void split_compose(void *self, const void *options, flow_composition *out)
{
    split *block = self;
    const flow_split_options *asked = options;
    *out = (flow_composition){.chain = &block->chain, .list = &asked->flow, .times = 1, .dim = block->keep};
}

static void split_release(void *self)
{
    flow_chain_release(&((split *)self)->chain);
}

static size_t split_scratch_size(const void *self, int n, bool keep)
{
    (void)keep;
    return (size_t)((const split *)self)->keep * (size_t)n * sizeof(real);
}

static void split_finish(const split *block, int n, const real *in, real *out)
{
    size_t kept = (size_t)block->keep * (size_t)n, all = (size_t)block->dim * (size_t)n;
    memcpy(out + kept, in + kept, (all - kept) * sizeof *out);
}

static void split_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const split *block = self;
    split_finish(block, pass->n, in, out);
    flow_chain_map_between(&block->chain, pass, in, pass->scratch, out, logdet);
}

static void split_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    const split *block = self;
    split_finish(block, pass->n, gout, gin);
    flow_chain_backward_between(&block->chain, pass, gout, pass->scratch, gin);
}

const flow_block_type flow_block_split = {
    .info = {.name = "split",
             .help = "the first dimensions go on through a flow of their own, the others are finished",
             .options = split_table,
             .options_size = sizeof(flow_split_options)},
    .state_size = sizeof(split),
    .configure = split_configure,
    .compose = split_compose,
    .release = split_release,
    .keeps_periodic = true,
    .scratch_size = split_scratch_size,
    .map = {split_map, split_map},
    .backward = {split_backward, split_backward},
};
