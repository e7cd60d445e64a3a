/* The blocks that own a chain.
 *
 * repeat: blocks that are repeated together, {"type": "repeat", "times": 5, "flow": [...]}. What alternates from one
 * repetition to the next goes by copy_index of flow_block_context, which counts on.
 *
 * split: the first dimensions go on through a flow of their own, the others are finished, {"type": "split", "keep": 4,
 * "flow": [...]}: the multi-scale architecture (Dinh et al. 2017, sec. 3.6) for tables. The finished dimensions pass
 * unchanged, behind the others; a density of them that depends on the others is a coupling in front of the split.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/block/options.h"
#include "flow/chain.h"

typedef struct composite {
    int dim, inner; /* dimensions, and those of them that the chain maps, the first ones */
    flow_chain chain;
} composite;

static const flow_option repeat_table[] = {
    FLOW_KEY_INT(flow_repeat_options, times, FLOW_REQUIRED, 1, FLOW_REPEAT_MAX, "how many times"),
    {FLOW_KEY(flow_repeat_options, flow, CHOICE_LIST, FLOW_REQUIRED), .help = "the blocks, in this order"},
    FLOW_OPTIONS_END,
};

static const flow_option split_table[] = {
    FLOW_KEY_INT(flow_split_options, keep, FLOW_REQUIRED, 1, 65535, "how many dimensions go on, the first ones"),
    {FLOW_KEY(flow_split_options, flow, CHOICE_LIST, FLOW_REQUIRED), .help = "the blocks for these, in this order"},
    FLOW_OPTIONS_END,
};

static flow_status composite_set(composite *block, int dim, int inner, const flow_choice_list *list, flow_error *err)
{
    block->dim = dim;
    block->inner = inner;
    return list->n > 0 ? FLOW_OK : flow_option_fail(err, "flow", "the list is empty: at least one block is needed");
}

static flow_status repeat_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)params;
    return composite_set(self, context->dims.n, context->dims.n, &((const flow_repeat_options *)options)->flow, err);
}

static flow_status split_configure(void *self, const void *options, const flow_block_context *context,
                                   flow_params *params, flow_error *err)
{
    (void)params;
    const flow_split_options *asked = options;
    int dim = context->dims.n;
    if (dim == 1)
        return flow_option_fail(err, "keep", "there is 1 dimension here, which cannot be split; leave \"split\" out");
    if (asked->keep >= dim)
        return flow_option_fail(err, "keep", "there are %d dimensions here, and at least one has to be left out: "
                                "expected 1 to %d, found %lld", dim, dim - 1, (long long)asked->keep);
    return composite_set(self, dim, (int)asked->keep, &asked->flow, err);
}

static void repeat_compose(void *self, const void *options, flow_composition *out)
{
    composite *block = self;
    const flow_repeat_options *asked = options;
    *out = (flow_composition){&block->chain, &asked->flow, (int)asked->times, block->inner};
}

static void split_compose(void *self, const void *options, flow_composition *out)
{
    composite *block = self;
    *out = (flow_composition){&block->chain, &((const flow_split_options *)options)->flow, 1, block->inner};
}

static void composite_release(void *self)
{
    flow_chain_release(&((composite *)self)->chain);
}

/* A tile of the chain. */
static size_t composite_scratch_size(const void *self, int n, bool keep)
{
    (void)keep;
    return (size_t)((const composite *)self)->inner * (size_t)n * sizeof(real);
}

static void composite_pass_others(const composite *block, int n, const real *in, real *out)
{
    size_t first = (size_t)block->inner * (size_t)n, all = (size_t)block->dim * (size_t)n;
    memcpy(out + first, in + first, (all - first) * sizeof *out);
}

static void composite_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const composite *block = self;
    composite_pass_others(block, pass->n, in, out);
    flow_chain_map_between(&block->chain, pass, in, pass->scratch, out, logdet);
}

static void composite_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    const composite *block = self;
    composite_pass_others(block, pass->n, gout, gin);
    flow_chain_backward_between(&block->chain, pass, gout, pass->scratch, gin);
}

#define COMPOSITE(name, line)                                                              \
    {                                                                                      \
        .info = {FLOW_INFO(#name, line, name##_table, flow_##name##_options)},             \
        .state_size = sizeof(composite), .configure = name##_configure, .compose = name##_compose, \
        .release = composite_release, .keeps_periodic = true, .scratch_size = composite_scratch_size, \
        .map = {composite_map, composite_map}, .backward = {composite_backward, composite_backward}, \
    }

const flow_block_type flow_block_repeat = COMPOSITE(repeat, "blocks that are repeated together");
const flow_block_type flow_block_split =
    COMPOSITE(split, "the first dimensions go on through a flow of their own, the others are finished");
