/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/autoregressive.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/conditioner/conditioners.h"
#include "flow/inputs.h"
#include "flow/univariate/univariates.h"

static const char *const orders[] = {"alternate", "natural", "reverse", "random", NULL};

const flow_option flow_autoregressive_table[] = {
    FLOW_KEY_WORD(flow_autoregressive_options, order, "\"alternate\"", orders,
                  "order of the dimensions; alternate: natural, reversed, natural, ... over the repeats"),
    FLOW_KEY_CHOICE(flow_autoregressive_options, univariate, "\"affine\"", &flow_univariates, "the elementwise map"),
    FLOW_KEY_CHOICE(flow_autoregressive_options, conditioner, "\"made\"", &flow_masked_conditioners,
                    "the network that gives its parameters"),
    FLOW_CONDITIONER_KEYS,
    FLOW_OPTIONS_END,
};

static flow_order autoregressive_order_of(const flow_autoregressive_options *options, const flow_block_context *context)
{
    switch (options->order) {
    case FLOW_AUTOREGRESSIVE_REVERSE:
        return FLOW_ORDER_REVERSE;
    case FLOW_AUTOREGRESSIVE_RANDOM:
        return FLOW_ORDER_RANDOM;
    case FLOW_AUTOREGRESSIVE_NATURAL:
        return FLOW_ORDER_NATURAL;
    default:
        return context->copy_index % 2 == 0 ? FLOW_ORDER_NATURAL : FLOW_ORDER_REVERSE;
    }
}

static int autoregressive_count_params(const flow_univariate *u)
{
    return u->type->n_params(u->state);
}

/* Of periodic dimensions beside the linear ones: they enter as two rows, and their univariate has parameters of its
 * own. */
static flow_status autoregressive_configure_mixed(flow_autoregressive *block,
                                                  const flow_autoregressive_options *options, flow_params *params,
                                                  flow_error *err)
{
    flow_status status = flow_univariate_new_periodic(&block->periodic, &options->univariate, err);
    if (status != FLOW_OK)
        return status;
    int of_linear = block->n_params, of_periodic = autoregressive_count_params(&block->periodic), d = block->dims.n;
    block->n_params = of_linear > of_periodic ? of_linear : of_periodic;
    int *counts = malloc(2 * (size_t)d * sizeof *counts);
    if (counts == NULL)
        return flow_error_memory(err, "a network");
    for (int i = 0; i < d; i++) {
        counts[i] = block->dims.periodic[i] ? 2 : 1;
        counts[d + i] = block->dims.periodic[i] ? of_periodic : of_linear;
    }
    const flow_made_shape shape = {.n_inputs = counts, .n_used = counts + d};
    const flow_masked_task task = {d, block->n_context, block->n_params, &shape};
    status = flow_masked_conditioner_new(&block->conditioner, &options->conditioner, &task, params, err);
    free(counts);
    return status;
}

flow_status flow_autoregressive_configure(void *self, const void *options, const flow_block_context *context,
                                          flow_params *params, flow_error *err)
{
    flow_autoregressive *block = self;
    const flow_autoregressive_options *asked = options;
    block->n_context = context->n_context;
    flow_status status = flow_univariate_new(&block->univariate, &asked->univariate, err);
    if (status == FLOW_OK)
        status = flow_permutation_configure(&block->permutation, autoregressive_order_of(asked, context), context,
                                            params, err);
    if (status != FLOW_OK)
        return status;
    block->n_params = autoregressive_count_params(&block->univariate);
    block->dims = flow_permutation_dims(&block->permutation);
    if (block->dims.periodic != NULL)
        return autoregressive_configure_mixed(block, asked, params, err);
    const flow_masked_task task = {block->dims.n, block->n_context, block->n_params, NULL};
    return flow_masked_conditioner_new(&block->conditioner, &asked->conditioner, &task, params, err);
}

void flow_autoregressive_release(void *self)
{
    flow_autoregressive *block = self;
    flow_univariate_release(&block->univariate);
    flow_univariate_release(&block->periodic);
    flow_masked_conditioner_release(&block->conditioner);
    flow_permutation_release(&block->permutation);
}

flow_status flow_autoregressive_check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_permutation_check(&((const flow_autoregressive *)self)->permutation, params, err);
}

/* All in the block's own order of the dimensions; in and out are those of the map. */
typedef struct autoregressive_scratch {
    real *in, *out, *gin, *gout; /* (dim, n) */
    real *inputs, *ginputs;      /* (n_context, n) and what the network sees of the dimensions */
    real *theta, *gtheta;        /* (n_params * dim, n) */
    void *net;
    size_t stride; /* between the planes of theta */
} autoregressive_scratch;

/* Where the inputs of dimension i are; of i = dim, how many there are. */
static size_t autoregressive_input_at(const flow_autoregressive *block, int n, int i)
{
    return (size_t)(block->n_context + block->conditioner.type->before(block->conditioner.state, i)) * (size_t)n;
}

static size_t autoregressive_lay_out(const flow_autoregressive *block, int n, bool keep, void *memory,
                                     autoregressive_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)block->dims.n * (size_t)n, theta = count * (size_t)block->n_params;
    size_t inputs = autoregressive_input_at(block, n, block->dims.n);
    *w = (autoregressive_scratch){.stride = count};
    w->in = flow_layout_take(&layout, count, sizeof(real));
    w->out = flow_layout_take(&layout, count, sizeof(real));
    w->inputs = flow_layout_take(&layout, inputs, sizeof(real));
    w->theta = flow_layout_take(&layout, theta, sizeof(real));
    w->net = flow_layout_take(&layout, block->conditioner.type->scratch_size(block->conditioner.state, n, keep), 1);
    if (keep) {
        w->gin = flow_layout_take(&layout, count, sizeof(real));
        w->gout = flow_layout_take(&layout, count, sizeof(real));
        w->ginputs = flow_layout_take(&layout, inputs, sizeof(real));
        w->gtheta = flow_layout_take(&layout, theta, sizeof(real));
    }
    return layout.used;
}

size_t flow_autoregressive_scratch_size(const void *self, int n, bool keep)
{
    autoregressive_scratch w;
    return autoregressive_lay_out(self, n, keep, NULL, &w);
}

static void autoregressive_put_context(const flow_autoregressive *block, const flow_pass *pass, real *inputs)
{
    if (block->n_context > 0)
        memcpy(inputs, pass->context, (size_t)block->n_context * (size_t)pass->n * sizeof *inputs);
}

static void autoregressive_add_to_context(const flow_autoregressive *block, const flow_pass *pass, const real *ginputs)
{
    size_t count = (size_t)block->n_context * (size_t)pass->n;
    for (size_t k = 0; pass->gcontext != NULL && k < count; k++)
        pass->gcontext[k] += ginputs[k];
}

static void autoregressive_put_input(const flow_autoregressive *block, int n, int i, const real *tile,
                                     autoregressive_scratch *w)
{
    flow_inputs_put(flow_dims_is_periodic(block->dims, i), n, tile + (size_t)i * (size_t)n,
                    w->inputs + autoregressive_input_at(block, n, i));
}

/* Adds the gradient at the inputs of dimension i to that at the dimension. */
static void autoregressive_add_input_gradient(const flow_autoregressive *block, int n, int i,
                                              const autoregressive_scratch *w, real *gtile)
{
    size_t at = autoregressive_input_at(block, n, i);
    flow_inputs_backward(flow_dims_is_periodic(block->dims, i), n, w->inputs + at, w->ginputs + at,
                         gtile + (size_t)i * (size_t)n);
}

/* The dimensions of one kind from `first` on, and their univariate. */
static int autoregressive_run_of(const flow_autoregressive *block, int first, int last, const flow_univariate **u)
{
    int end = first + 1;
    while (end < last && flow_dims_is_periodic(block->dims, end) == flow_dims_is_periodic(block->dims, first))
        end++;
    *u = flow_dims_is_periodic(block->dims, first) ? &block->periodic : &block->univariate;
    return block->dims.periodic == NULL ? last : end;
}

/* Dimensions [first, last) through their univariates. */
static void autoregressive_transform(const flow_autoregressive *block, flow_direction direction, int first, int last,
                                     int n, autoregressive_scratch *w, double *logdet)
{
    while (first < last) {
        const flow_univariate *u;
        int end = autoregressive_run_of(block, first, last, &u);
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
        int end = autoregressive_run_of(block, first, last, &u), count = end - first;
        size_t at = (size_t)first * (size_t)n;
        u->type->backward[direction](u->state, count, n, w->in + at, w->theta + at, w->stride, w->out + at,
                                     w->gout + at, glogdet, w->gin + at, w->gtheta + at);
        for (int p = autoregressive_count_params(u); p < block->n_params; p++) /* what this univariate does not have */
            memset(w->gtheta + (size_t)p * w->stride + at, 0, (size_t)count * (size_t)n * sizeof *w->gtheta);
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
    autoregressive_put_context(block, pass, w.inputs);
    for (int i = 0; i < block->dims.n; i++)
        autoregressive_put_input(block, n, i, w.in, &w);
    block->conditioner.type->apply(block->conditioner.state, pass, w.inputs, w.theta, w.net);
    autoregressive_transform(block, pass->direction, 0, block->dims.n, n, &w, logdet);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.out, out);
}

void flow_autoregressive_pass_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const flow_autoregressive *block = self;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gout, w.gout);
    autoregressive_transform_backward(block, pass->direction, 0, block->dims.n, n, &w, pass->glogdet);
    block->conditioner.type->backward(block->conditioner.state, pass, w.inputs, w.gtheta, w.ginputs, w.net);
    autoregressive_add_to_context(block, pass, w.ginputs);
    for (int i = 0; i < block->dims.n; i++)
        autoregressive_add_input_gradient(block, n, i, &w, w.gin);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gin, gin);
}

void flow_autoregressive_walk(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const flow_autoregressive *block = self;
    const flow_masked_conditioner_type *made = block->conditioner.type;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, in, w.in);
    autoregressive_put_context(block, pass, w.inputs);
    for (int i = 0; i < block->dims.n; i++) {
        made->step(block->conditioner.state, pass, i, w.inputs, w.theta, w.net);
        autoregressive_transform(block, pass->direction, i, i + 1, n, &w, logdet);
        autoregressive_put_input(block, n, i, w.out, &w);
    }
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.out, out);
}

void flow_autoregressive_walk_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const flow_autoregressive *block = self;
    const flow_masked_conditioner_type *made = block->conditioner.type;
    int n = pass->n;
    autoregressive_scratch w;
    autoregressive_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gout, w.gout);
    memset(w.ginputs, 0, autoregressive_input_at(block, n, block->dims.n) * sizeof *w.ginputs);
    made->start_backward(block->conditioner.state, pass, w.net);
    for (int i = block->dims.n - 1; i >= 0; i--) { /* gout_i is complete once all later dimensions have added to it */
        autoregressive_add_input_gradient(block, n, i, &w, w.gout);
        autoregressive_transform_backward(block, pass->direction, i, i + 1, n, &w, pass->glogdet);
        made->step_backward(block->conditioner.state, pass, i, w.gtheta, w.ginputs, w.net);
    }
    made->record(block->conditioner.state, pass, w.inputs, w.gtheta, w.net);
    autoregressive_add_to_context(block, pass, w.ginputs);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gin, gin);
}
