/* Blocks that are repeated together: {"type": "repeat", "times": 5, "flow": [...]}. What alternates from one repetition
 * to the next goes by copy_index of flow_block_context, which counts on. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/memory.h"
#include "flow/block/options.h"
#include "flow/chain.h"

typedef struct repeat {
    int dim;
    flow_chain chain;
} repeat;

static const flow_option repeat_table[] = {
    FLOW_KEY_INT(flow_repeat_options, times, FLOW_REQUIRED, 1, FLOW_REPEAT_MAX, "how many times"),
    {FLOW_KEY(flow_repeat_options, flow, CHOICE_LIST, FLOW_REQUIRED), .help = "the blocks, in this order"},
    FLOW_OPTIONS_END,
};

static flow_status repeat_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)params;
    repeat *block = self;
    const flow_repeat_options *asked = options;
    block->dim = context->dims.n;
    return asked->flow.n > 0 ? FLOW_OK : flow_option_fail(err, "flow", "the list is empty: there is nothing to repeat");
}

static void repeat_compose(void *self, const void *options, flow_composition *out)
{
    repeat *block = self;
    const flow_repeat_options *asked = options;
    *out =
        (flow_composition){.chain = &block->chain, .list = &asked->flow, .times = (int)asked->times, .dim = block->dim};
}

static void repeat_release(void *self)
{
    flow_chain_release(&((repeat *)self)->chain);
}

static size_t repeat_scratch_size(const void *self, int n, bool keep)
{
    (void)keep;
    const repeat *block = self;
    return (size_t)block->dim * (size_t)n * sizeof(real);
}

static void repeat_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    flow_chain_map_between(&((const repeat *)self)->chain, pass, in, pass->scratch, out, logdet);
}

static void repeat_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    flow_chain_backward_between(&((const repeat *)self)->chain, pass, gout, pass->scratch, gin);
}

const flow_block_type flow_block_repeat = {
    .info = {.name = "repeat",
             .help = "blocks that are repeated together",
             .options = repeat_table,
             .options_size = sizeof(flow_repeat_options)},
    .state_size = sizeof(repeat),
    .configure = repeat_configure,
    .compose = repeat_compose,
    .release = repeat_release,
    .keeps_periodic = true,
    .scratch_size = repeat_scratch_size,
    .map = {repeat_map, repeat_map},
    .backward = {repeat_backward, repeat_backward},
};
