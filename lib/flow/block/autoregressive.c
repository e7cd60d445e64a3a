/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/autoregressive.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/circle.h"
#include "flow/univariate/univariates.h"

static const char *const orders[] = {"alternate", "natural", "reverse", "random", NULL};

const flow_option flow_autoregressive_table[] = {
    FLOW_KEY_WORD(flow_autoregressive_options, order, "\"alternate\"", orders,
                  "order of the dimensions; alternate: natural, reversed, natural, ... over the repeats"),
    FLOW_KEY_CHOICE(flow_autoregressive_options, univariate, "\"affine\"", &flow_univariates, "the elementwise map"),
    FLOW_NET_OPTIONS(flow_autoregressive_options, net),
    FLOW_OPTIONS_END,
};

static flow_order order_of(const flow_autoregressive_options *options, const flow_block_context *context)
{
    switch (options->order) {
    case FLOW_AUTOREGRESSIVE_REVERSE:
        return FLOW_ORDER_REVERSE;
    case FLOW_AUTOREGRESSIVE_RANDOM:
        return FLOW_ORDER_RANDOM;
    case FLOW_AUTOREGRESSIVE_NATURAL:
        return FLOW_ORDER_NATURAL;
    default:
        return context->turn % 2 == 0 ? FLOW_ORDER_NATURAL : FLOW_ORDER_REVERSE;
    }
}

static int count_params(const flow_univariate *u)
{
    return u->type->n_params(u->state);
}

static flow_status configure_with_circles(flow_autoregressive *block, const flow_autoregressive_options *options,
                                          flow_params *params, flow_error *err)
{
    flow_status status = flow_univariate_new_periodic(&block->circle, &options->univariate, err);
    if (status != FLOW_OK)
        return status;
    int of_line = block->n_params, of_angle = count_params(&block->circle);
    block->n_params = of_line > of_angle ? of_line : of_angle;
    size_t d = (size_t)block->dim;
    int *counts = malloc(2 * d * sizeof *counts);
    if (counts == NULL)
        return flow_error_memory(err, "a network");
    for (size_t i = 0; i < d; i++) {
        counts[i] = block->circular[i] ? 2 : 1;
        counts[d + i] = block->circular[i] ? of_angle : of_line;
    }
    const flow_made_shape shape = {.n_inputs = counts, .n_used = counts + d};
    status = flow_made_configure_shaped(&block->made, &options->net, block->n_context, block->dim, block->n_params,
                                        &shape, params, err);
    free(counts);
    return status;
}

flow_status flow_autoregressive_configure(void *self, const void *options, const flow_block_context *context,
                                          flow_params *params, flow_error *err)
{
    flow_autoregressive *block = self;
    const flow_autoregressive_options *asked = options;
    block->dim = context->dim;
    block->n_context = context->n_context;
    flow_status status = flow_univariate_new(&block->univariate, &asked->univariate, err);
    if (status == FLOW_OK)
        status = flow_permutation_configure(&block->permutation, order_of(asked, context), context, params, err);
    if (status != FLOW_OK)
        return status;
    block->n_params = count_params(&block->univariate);
    block->circular = flow_permutation_circular(&block->permutation);
    if (block->circular != NULL)
        return configure_with_circles(block, asked, params, err);
    return flow_made_configure(&block->made, &asked->net, block->n_context, block->dim, block->n_params, params, err);
}

void flow_autoregressive_release(void *self)
{
    flow_autoregressive *block = self;
    flow_univariate_release(&block->univariate);
    flow_univariate_release(&block->circle);
    flow_made_release(&block->made);
    flow_permutation_release(&block->permutation);
}

flow_status flow_autoregressive_check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_permutation_check(&((const flow_autoregressive *)self)->permutation, params, err);
}

/* All in the block's own order of the dimensions; in and out are those of the map. Before each of these tiles there
 * is room for the context (n_context, n), or the gradient at it, because the network takes both as one. With angles
 * it takes `inputs` instead, and leaves its gradient in ginputs. */
typedef struct autoregressive_scratch {
    real *in, *out, *gin, *gout; /* (dim, n) */
    real *gnet;                  /* (dim, n): the gradient that reaches the input through the network */
    real *inputs, *ginputs;      /* (inputs of the network, n) */
    real *theta, *gtheta;        /* (n_params * dim, n) */
    void *net;
    size_t stride; /* between the planes of theta */
} autoregressive_scratch;

static size_t autoregressive_lay_out(const flow_autoregressive *block, int n, bool keep, void *memory,
                                     autoregressive_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)block->dim * (size_t)n, before = (size_t)block->n_context * (size_t)n;
    size_t inputs = (size_t)(block->n_context + flow_made_before(&block->made, block->dim)) * (size_t)n;
    size_t theta = count * (size_t)block->n_params, apart = block->circular != NULL ? inputs : 0;
    *w = (autoregressive_scratch){.stride = count};
    real **tiles[] = {&w->in, &w->out, &w->gin, &w->gout, &w->gnet};
    for (size_t k = 0; k < (keep ? 5 : 2); k++) {
        real *whole = flow_layout_take(&layout, before + count, sizeof(real));
        *tiles[k] = whole != NULL ? whole + before : NULL;
    }
    w->inputs = flow_layout_take(&layout, apart, sizeof(real));
    w->theta = flow_layout_take(&layout, theta, sizeof(real));
    w->net = flow_layout_take(&layout, flow_mlp_scratch_size(&block->made.mlp, n, keep), 1);
    if (keep) {
        w->ginputs = flow_layout_take(&layout, apart, sizeof(real));
        w->gtheta = flow_layout_take(&layout, theta, sizeof(real));
    }
    return layout.used;
}

size_t flow_autoregressive_scratch_size(const void *self, int n, bool keep)
{
    autoregressive_scratch w;
    return autoregressive_lay_out(self, n, keep, NULL, &w);
}

/* The tile together with the lines of the context before it: what the network sees, or the gradient there. */
static real *whole(const flow_autoregressive *block, int n, real *tile)
{
    return tile - (size_t)block->n_context * (size_t)n;
}

/* What the network sees of a tile, of which it knows the context and maybe all dimensions. */
static real *seen(const flow_autoregressive *block, int n, autoregressive_scratch *w, real *tile)
{
    return block->circular != NULL ? w->inputs : whole(block, n, tile);
}

static void put_context(const flow_autoregressive *block, const flow_pass *pass, real *inputs)
{
    if (block->n_context > 0)
        memcpy(inputs, pass->context, (size_t)block->n_context * (size_t)pass->n * sizeof *inputs);
}

static void add_to_context(const flow_autoregressive *block, const flow_pass *pass, const real *ginputs)
{
    size_t count = (size_t)block->n_context * (size_t)pass->n;
    for (size_t k = 0; pass->gcontext != NULL && k < count; k++)
        pass->gcontext[k] += ginputs[k];
}

/* Where the inputs of dimension i are, with angles. */
static size_t input_at(const flow_autoregressive *block, int n, int i)
{
    return (size_t)(block->n_context + flow_made_before(&block->made, i)) * (size_t)n;
}

/* With angles, the inputs of dimension i of a tile; without, it is its own input. */
static void put_input(const flow_autoregressive *block, int n, int i, const real *tile, autoregressive_scratch *w)
{
    if (block->circular != NULL)
        flow_circle_inputs(block->circular[i], n, tile + (size_t)i * (size_t)n, w->inputs + input_at(block, n, i));
}

/* And adds the gradient there to that at the dimension. */
static void add_input_gradient(const flow_autoregressive *block, int n, int i, const real *tile,
                               const autoregressive_scratch *w, real *gtile)
{
    size_t at = (size_t)i * (size_t)n;
    if (block->circular != NULL)
        flow_circle_inputs_backward(block->circular[i], n, tile + at, w->ginputs + input_at(block, n, i), gtile + at);
}

static bool is_angle(const flow_autoregressive *block, int i)
{
    return block->circular != NULL && block->circular[i];
}

/* The dimensions of one kind from `first` on, and their univariate. */
static int run_of(const flow_autoregressive *block, int first, int last, const flow_univariate **u)
{
    int end = first + 1;
    while (end < last && is_angle(block, end) == is_angle(block, first))
        end++;
    *u = is_angle(block, first) ? &block->circle : &block->univariate;
    return block->circular == NULL ? last : end;
}

/* Dimensions [first, last) through their univariates. */
static void autoregressive_transform(const flow_autoregressive *block, flow_direction direction, int first, int last,
                                     int n, autoregressive_scratch *w, double *logdet)
{
    while (first < last) {
        const flow_univariate *u;
        int end = run_of(block, first, last, &u);
        size_t at = (size_t)first * (size_t)n;
        u->type->map[direction](u->state, end - first, n, w->in + at, w->theta + at, w->stride, w->out + at, logdet);
        first = end;
    }
}

static void autoregressive_transform_backward(const flow_autoregressive *block, flow_direction direction, int first,
                                              int last, int n, autoregressive_scratch *w, const real *glogdet)
{
    while (first < last) {
        const flow_univariate *u;
        int end = run_of(block, first, last, &u), lines = end - first;
        size_t at = (size_t)first * (size_t)n;
        u->type->backward[direction](u->state, lines, n, w->in + at, w->theta + at, w->stride, w->out + at,
                                     w->gout + at, glogdet, w->gin + at, w->gtheta + at);
        for (int p = count_params(u); p < block->n_params; p++) /* what this univariate does not have */
            memset(w->gtheta + (size_t)p * w->stride + at, 0, (size_t)lines * (size_t)n * sizeof *w->gtheta);
        first = end;
    }
}

void flow_autoregressive_pass(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const flow_autoregressive *block = self;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, in, w.in);
    real *inputs = seen(block, n, &w, w.in);
    put_context(block, pass, inputs);
    for (int i = 0; i < block->dim && block->circular != NULL; i++)
        put_input(block, n, i, w.in, &w);
    flow_mlp_apply(&block->made.mlp, pass->weights, n, inputs, w.theta, w.net);
    autoregressive_transform(block, pass->direction, 0, block->dim, n, &w, logdet);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.out, out);
}

void flow_autoregressive_pass_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    const flow_autoregressive *block = self;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gout, w.gout);
    autoregressive_transform_backward(block, pass->direction, 0, block->dim, n, &w, pass->glogdet);
    real *ginputs = block->circular != NULL ? w.ginputs : whole(block, n, w.gnet);
    flow_mlp_backward(&block->made.mlp, pass->weights, n, seen(block, n, &w, w.in), w.gtheta, ginputs, w.net,
                      pass->tape);
    add_to_context(block, pass, ginputs);
    for (size_t k = 0; k < w.stride && block->circular == NULL; k++)
        w.gin[k] += w.gnet[k];
    for (int i = 0; i < block->dim && block->circular != NULL; i++)
        add_input_gradient(block, n, i, w.in, &w, w.gin);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gin, gin);
}

void flow_autoregressive_walk(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const flow_autoregressive *block = self;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, in, w.in);
    real *inputs = seen(block, n, &w, w.out);
    put_context(block, pass, inputs);
    for (int i = 0; i < block->dim; i++) {
        flow_made_step(&block->made, pass->weights, n, i, inputs, w.theta, w.net);
        autoregressive_transform(block, pass->direction, i, i + 1, n, &w, logdet);
        put_input(block, n, i, w.out, &w);
    }
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.out, out);
}

void flow_autoregressive_walk_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    const flow_autoregressive *block = self;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gout, w.gout);
    /* without angles the network adds to gout itself */
    real *ginputs = block->circular != NULL ? w.ginputs : whole(block, n, w.gout);
    size_t cleared = block->circular != NULL ? input_at(block, n, block->dim) : input_at(block, n, 0);
    memset(ginputs, 0, cleared * sizeof *ginputs);
    flow_made_start_backward(&block->made, n, w.net);
    for (int i = block->dim - 1; i >= 0; i--) { /* gout_i is complete once all later dimensions have added to it */
        add_input_gradient(block, n, i, w.out, &w, w.gout);
        autoregressive_transform_backward(block, pass->direction, i, i + 1, n, &w, pass->glogdet);
        flow_made_step_backward(&block->made, pass->weights, n, i, w.gtheta, ginputs, w.net);
    }
    flow_made_record(&block->made, n, seen(block, n, &w, w.out), w.gtheta, w.net, pass->tape);
    add_to_context(block, pass, ginputs);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gin, gin);
}
