/* The blocks that own a chain.
 *
 * repeat: blocks that are repeated together, {"type": "repeat", "times": 5, "flow": [...]}. What alternates from one
 * repetition to the next goes by copy_index of flow_block_context, which counts on.
 *
 * split: the first channels of every pixel go on through a flow of their own, the others are finished, {"type":
 * "split", "keep": 4, "flow": [...]}: the multi-scale architecture (Dinh et al. 2017, sec. 3.6); the columns of a table
 * are the channels of one pixel. What it gives are the numbers that went on, and behind them the finished ones, as they
 * were. A density of these that depends on the others is a coupling in front, see `prior` in flow_split_options.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/memory.h"
#include "core/read.h"
#include "flow/block/options.h"
#include "flow/chain.h"
#include "flow/conditioner/conditioners.h"
#include "flow/registry.h"

typedef struct composite {
    int pixels, channels, kept; /* of the channels of a pixel the chain maps `kept`, the first ones */
    flow_shape inner;
    bool splits;
    flow_chain chain;
} composite;

static const flow_option repeat_table[] = {
    FLOW_KEY_INT(flow_repeat_options, times, FLOW_REQUIRED, 1, FLOW_REPEAT_MAX, "how many times"),
    {FLOW_KEY(flow_repeat_options, flow, CHOICE_LIST, FLOW_REQUIRED), .help = "the blocks, in this order"},
    FLOW_OPTIONS_END,
};

static const flow_option split_table[] = {
    FLOW_KEY_INT(flow_split_options, keep, "0", 0, 65535,
                 "how many dimensions go on, of an image how many channels: the first ones; 0: half of them"),
    FLOW_KEY_CHOICE(flow_split_options, prior, NULL, &flow_conditioners,
                    "a network that gives the finished half a Gaussian density given the other half: an affine "
                    "coupling in front. Without it they stay as they are"),
    {FLOW_KEY(flow_split_options, flow, CHOICE_LIST, FLOW_REQUIRED), .help = "the blocks for these, in this order"},
    FLOW_OPTIONS_END,
};

static flow_status composite_set(composite *block, flow_shape shape, int kept, const flow_choice_list *list,
                                 flow_error *err)
{
    block->pixels = flow_shape_pixels(shape);
    block->channels = shape.channels;
    block->kept = kept;
    block->inner = (flow_shape){shape.height, shape.width, kept};
    return list->n > 0 ? FLOW_OK : flow_option_fail(err, "flow", "the list is empty: at least one block is needed");
}

static flow_status repeat_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)params;
    return composite_set(self, context->shape, context->shape.channels, &((const flow_repeat_options *)options)->flow,
                         err);
}

static flow_status split_configure(void *self, const void *options, const flow_block_context *context,
                                   flow_params *params, flow_error *err)
{
    (void)params;
    const flow_split_options *asked = options;
    const bool image = flow_shape_pixels(context->shape) > 1;
    const char *what = image ? "channel" : "dimension";
    int channels = context->shape.channels, kept = asked->keep > 0 ? (int)asked->keep : channels / 2;
    if (channels == 1)
        return flow_option_fail(err, "keep", "there is 1 %s here, which cannot be split; %s", what,
                                image ? "put \"squeeze\" in front" : "leave \"split\" out");
    if (asked->prior.type != NULL && kept != channels / 2)
        return flow_option_fail(err, "keep", "with a \"prior\" half of the %d %ss go on, found %lld", channels, what,
                                (long long)asked->keep);
    if (kept >= channels)
        return flow_option_fail(err, "keep", "there are %d %ss here, and at least one has to be left out: "
                                "expected 1 to %d, found %lld", channels, what, channels - 1, (long long)asked->keep);
    ((composite *)self)->splits = true;
    return composite_set(self, context->shape, kept, &asked->flow, err);
}

static void repeat_compose(void *self, const void *options, flow_composition *out)
{
    composite *block = self;
    const flow_repeat_options *asked = options;
    *out = (flow_composition){&block->chain, &asked->flow, (int)asked->times, block->inner, false};
}

static void split_compose(void *self, const void *options, flow_composition *out)
{
    composite *block = self;
    *out = (flow_composition){&block->chain, &((const flow_split_options *)options)->flow, 1, block->inner, true};
}

/* The density of the finished half, N(m, exp(s)) given the half that goes on, is an affine coupling: the learned prior
 * of Kingma and Dhariwal 2018 for the split of Dinh et al. 2017, sec. 3.6. */
static flow_status split_front(const void *options, flow_arena *arena, flow_choice *out, flow_error *err)
{
    const flow_split_options *asked = options;
    if (asked->prior.type == NULL)
        return FLOW_OK;
    FLOW_TRY(flow_choice_default(out, &flow_maps, "coupling", arena, err));
    flow_coupling_options *coupling = flow_arena_take(arena, 1, sizeof *coupling);
    if (coupling == NULL)
        return flow_error_memory(err, "the prior of a split");
    *coupling = *(const flow_coupling_options *)out->options;
    coupling->mask = FLOW_MASK_HALF;
    coupling->conditioner = asked->prior;
    out->options = coupling;
    return FLOW_OK;
}

static void composite_release(void *self)
{
    flow_chain_release(&((composite *)self)->chain);
}

typedef struct composite_scratch {
    real *spare, *kept; /* tiles of the chain; of an image, the second holds what goes on, without the rest */
} composite_scratch;

static bool composite_packs(const composite *block)
{
    return block->splits && block->pixels > 1;
}

static size_t composite_lay_out(const composite *block, int n, void *memory, composite_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)flow_shape_size(block->inner) * (size_t)n;
    w->spare = flow_layout_take(&layout, count, sizeof(real));
    w->kept = flow_layout_take(&layout, composite_packs(block) ? count : 0, sizeof(real));
    return layout.used;
}

static size_t composite_scratch_size(const void *self, int n, bool keep)
{
    (void)keep;
    composite_scratch w;
    return composite_lay_out(self, n, NULL, &w);
}

/* A tile (pixels, channels, n) into what goes on, (pixels, kept, n), and the rest, (pixels, channels - kept, n). */
static void composite_take_apart(const composite *block, int n, const real *tile, real *kept, real *rest)
{
    size_t n_kept = (size_t)block->kept * (size_t)n, n_rest = (size_t)(block->channels - block->kept) * (size_t)n;
    for (int p = 0; p < block->pixels; p++, tile += n_kept + n_rest, kept += n_kept, rest += n_rest) {
        memcpy(kept, tile, n_kept * sizeof *tile);
        memcpy(rest, tile + n_kept, n_rest * sizeof *tile);
    }
}

static void composite_put_together(const composite *block, int n, const real *kept, const real *rest, real *tile)
{
    size_t n_kept = (size_t)block->kept * (size_t)n, n_rest = (size_t)(block->channels - block->kept) * (size_t)n;
    for (int p = 0; p < block->pixels; p++, tile += n_kept + n_rest, kept += n_kept, rest += n_rest) {
        memcpy(tile, kept, n_kept * sizeof *tile);
        memcpy(tile + n_kept, rest, n_rest * sizeof *tile);
    }
}

/* The numbers behind those that go on, of a table, are at their place. */
static void composite_pass_others(const composite *block, int n, const real *in, real *out)
{
    size_t first = (size_t)block->kept * (size_t)n, all = (size_t)block->channels * (size_t)n;
    if (block->splits)
        memcpy(out + first, in + first, (all - first) * sizeof *out);
}

/* The chain, or its backward where there is no logdet. It goes towards the latents or from them: then the tile is put
 * together behind it. */
static void composite_walk(const composite *block, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const bool together = (pass->direction == FLOW_TO_DATA) != (logdet == NULL);
    const size_t n_inner = (size_t)flow_shape_size(block->inner) * (size_t)pass->n;
    composite_scratch w;
    composite_lay_out(block, pass->n, pass->scratch, &w);
    const real *from = in;
    real *to = out;
    if (!composite_packs(block)) {
        composite_pass_others(block, pass->n, in, out);
    } else if (together) {
        to = w.kept;
    } else {
        composite_take_apart(block, pass->n, in, w.kept, out + n_inner);
        from = w.kept;
    }
    if (logdet != NULL)
        flow_chain_map_between(&block->chain, pass, from, w.spare, to, logdet);
    else
        flow_chain_backward_between(&block->chain, pass, from, w.spare, to);
    if (to == w.kept)
        composite_put_together(block, pass->n, w.kept, in + n_inner, out);
}

static void composite_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    composite_walk(self, pass, in, out, logdet);
}

static void composite_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    composite_walk(self, pass, gout, gin, NULL);
}

#define COMPOSITE(name, block_in_front, line)                                                              \
    {                                                                                      \
        .info = {FLOW_INFO(#name, line, name##_table, flow_##name##_options)},             \
        .state_size = sizeof(composite), .configure = name##_configure, .compose = name##_compose, \
        .release = composite_release, .front = block_in_front, .keeps_periodic = true, \
        .scratch_size = composite_scratch_size, \
        .map = {composite_map, composite_map}, .backward = {composite_backward, composite_backward}, \
    }

const flow_block_type flow_block_repeat = COMPOSITE(repeat, NULL, "blocks that are repeated together");
const flow_block_type flow_block_split =
    COMPOSITE(split, split_front,
              "the first dimensions, or channels, go on through a flow of their own, the others are finished");
