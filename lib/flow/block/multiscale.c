/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/multiscale.h"
#include "flow/conditioner/conditioners.h"
#include "flow/univariate/univariates.h"

#include "core/read.h"
#include "flow/registry.h"

const flow_option flow_multiscale_table[] = {
    FLOW_COUPLING_OPTIONS,
    {FLOW_KEY(flow_multiscale_options, levels, INT, NULL), .least = 1, .most = 6,
     .help = "of images: how many scales; default: as many as divide the image into halves, at most 3"},
    {FLOW_KEY(flow_multiscale_options, steps, INT, NULL), .least = 1, .most = FLOW_REPEAT_MAX,
     .help = "of images: steps of a scale; of realnvp, couplings of a mask before the mask changes. Default: 8; of "
             "realnvp, 3"},
    FLOW_OPTIONS_END,
};

flow_status flow_multiscale_check_table(const flow_choice *choice, flow_error *err)
{
    const flow_multiscale_options *options = choice->options;
    if (options->levels > 0)
        return flow_option_fail(err, "levels", "scales are for images, and these rows have one pixel");
    if (options->steps > 0)
        return flow_option_fail(err, "steps", "steps are for images, and these rows have one pixel; use \"repeat\"");
    return FLOW_OK;
}

/* A list that grows in an arena; there is room for MOST blocks. */
typedef struct stack {
    flow_arena *arena;
    const flow_multiscale_options *options;
    int n;
    flow_choice *at;
} stack;

enum { STACK_MOST = 8 };

static stack stack_start(const stack *like)
{
    stack made = *like;
    made.n = 0;
    made.at = flow_arena_take(made.arena, STACK_MOST, sizeof *made.at);
    return made;
}

/* Adds a block with zeroed options, which are the caller's to fill; NULL when memory is out. */
static void *stack_add(stack *s, const flow_block_type *type, int64_t repeat)
{
    void *options = flow_arena_take(s->arena, 1, type->info.options_size + 1);
    if (s->arena->failed)
        return NULL;
    s->at[s->n++] = (flow_choice){.type = &type->info, .options = options, .repeat = repeat};
    return options;
}

static void stack_add_squeeze(stack *s)
{
    flow_squeeze_options *options = stack_add(s, &flow_block_squeeze, 1);
    if (options != NULL)
        options->factor = 2;
}

static void stack_add_actnorm(stack *s)
{
    flow_actnorm_options *options = stack_add(s, &flow_block_actnorm, 1);
    if (options != NULL)
        options->fit = true;
}

static void stack_add_coupling(stack *s, flow_mask mask)
{
    flow_coupling_options *options = stack_add(s, &flow_block_coupling, 1);
    if (options == NULL)
        return;
    *options = s->options->coupling;
    options->mask = mask;
}

/* Half of the channels go on to `inner`; the others have a Gaussian density given these. */
static void stack_add_split(stack *s, const stack *inner, flow_error *err, flow_status *status)
{
    flow_split_options *options = stack_add(s, &flow_block_split, 1);
    if (options == NULL || *status != FLOW_OK)
        return;
    options->flow = (flow_choice_list){inner->n, inner->at};
    *status =
        flow_choice_parse(&options->prior, &flow_conditioners, "{\"type\": \"conv\", \"hidden\": []}", s->arena, err);
}

static void stack_add_repeat(stack *s, int64_t times, const stack *inner)
{
    flow_repeat_options *options = stack_add(s, &flow_block_repeat, 1);
    if (options != NULL)
        *options = (flow_repeat_options){.times = times, .flow = {inner->n, inner->at}};
}

/* How often height and width can be halved. */
static int multiscale_halvings(flow_shape shape)
{
    int n = 0;
    while (shape.height % 2 == 0 && shape.width % 2 == 0) {
        shape.height /= 2;
        shape.width /= 2;
        n++;
    }
    return n;
}

static flow_status multiscale_start(stack *s, int *levels, const flow_choice *choice, flow_shape shape,
                                    flow_arena *arena, flow_error *err)
{
    *s = (stack){.arena = arena, .options = choice->options};
    int most = multiscale_halvings(shape);
    *levels = s->options->levels > 0 ? (int)s->options->levels : flow_min(most, 3);
    if (most == 0)
        return flow_option_fail(err, "levels",
                                "an image of %d x %d pixels cannot be halved; write out the blocks "
                                "instead of the preset",
                                shape.height, shape.width);
    if (*levels > most)
        return flow_option_fail(err, "levels",
                                "an image of %d x %d pixels can be halved %d times: expected 1 to %d, "
                                "found %d",
                                shape.height, shape.width, most, most, *levels);
    return FLOW_OK;
}

static flow_status multiscale_end(flow_choice_list *out, const stack *s, const flow_arena *arena, flow_status status,
                                  flow_error *err)
{
    *out = (flow_choice_list){s->n, s->at};
    return arena->failed ? flow_error_memory(err, "the blocks of a preset") : status;
}

/* Levels from the innermost one outwards: squeeze, steps, split of the level within. */
flow_status flow_multiscale_glow(flow_choice_list *out, const flow_choice *choice, flow_shape shape, flow_arena *arena,
                                 flow_error *err)
{
    stack start, inner = {0};
    int levels;
    FLOW_TRY(multiscale_start(&start, &levels, choice, shape, arena, err));
    stack step = stack_start(&start);
    stack_add_actnorm(&step);
    stack_add(&step, &flow_block_linear, 1);
    stack_add_coupling(&step, FLOW_MASK_HALF);
    flow_status status = FLOW_OK;
    for (int level = levels; level > 0; level--) {
        stack s = stack_start(&start);
        stack_add_squeeze(&s);
        stack_add_repeat(&s, start.options->steps > 0 ? start.options->steps : choice->repeat, &step);
        if (level < levels)
            stack_add_split(&s, &inner, err, &status);
        inner = s;
    }
    return multiscale_end(out, &inner, arena, status, err);
}

/* Checkerboards, squeeze, masks of channels, split of the level within; the last level has checkerboards alone. */
flow_status flow_multiscale_realnvp(flow_choice_list *out, const flow_choice *choice, flow_shape shape,
                                    flow_arena *arena, flow_error *err)
{
    stack start, inner = {0};
    int levels;
    FLOW_TRY(multiscale_start(&start, &levels, choice, shape, arena, err));
    const int64_t steps = start.options->steps > 0 ? start.options->steps : 3;
    stack pixels = stack_start(&start), channels = stack_start(&start);
    stack_add_actnorm(&pixels);
    stack_add_coupling(&pixels, FLOW_MASK_CHECKERBOARD);
    stack_add_actnorm(&channels);
    stack_add_coupling(&channels, FLOW_MASK_HALF);
    flow_status status = FLOW_OK;
    for (int level = levels + 1; level > 0; level--) {
        stack s = stack_start(&start);
        stack_add_repeat(&s, level > levels ? steps + 1 : steps, &pixels);
        if (level <= levels) {
            stack_add_squeeze(&s);
            stack_add_repeat(&s, steps, &channels);
            stack_add_split(&s, &inner, err, &status);
        }
        inner = s;
    }
    return multiscale_end(out, &inner, arena, status, err);
}
