/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/autoregressive.h"

#include <string.h>

#include "base/memory.h"

static const char *const orders[] = {"alternate", "natural", "reverse", "random", NULL};
enum { ORDER_ALTERNATE, ORDER_NATURAL, ORDER_REVERSE, ORDER_RANDOM };

const flow_option flow_autoregressive_options[] = {
    {.key = "order",
     .kind = FLOW_OPTION_CHOICE,
     .offset = offsetof(flow_autoregressive, order),
     .fallback = "\"alternate\"",
     .choices = orders,
     .help = "order of the dimensions; alternate: natural, reversed, natural, ... over the repeats"},
    {.key = "univariate",
     .kind = FLOW_OPTION_JSON,
     .offset = offsetof(flow_autoregressive, univariate_spec),
     .fallback = "\"affine\"",
     .refers = "univariate",
     .help = "the elementwise map"},
    FLOW_NET_OPTIONS(flow_autoregressive, net),
    FLOW_OPTIONS_END,
};

static flow_order order_of(const flow_autoregressive *block, const flow_site *site)
{
    switch (block->order) {
    case ORDER_REVERSE:
        return FLOW_ORDER_REVERSE;
    case ORDER_RANDOM:
        return FLOW_ORDER_RANDOM;
    case ORDER_NATURAL:
        return FLOW_ORDER_NATURAL;
    default:
        return site->turn % 2 == 0 ? FLOW_ORDER_NATURAL : FLOW_ORDER_REVERSE;
    }
}

flow_status flow_autoregressive_configure(void *self, const flow_site *site, flow_params *params, flow_error *err)
{
    flow_autoregressive *block = self;
    block->dim = site->dim;
    block->n_context = site->n_context;
    flow_status status = flow_univariate_new(&block->univariate, &block->univariate_spec, err);
    if (status == FLOW_OK)
        status = flow_permutation_configure(&block->permutation, order_of(block, site), site, params, err);
    if (status != FLOW_OK)
        return status;
    block->n_params = block->univariate.type->n_params(block->univariate.state);
    return flow_made_configure(&block->made, &block->net, block->n_context, block->dim, block->n_params, params, err);
}

void flow_autoregressive_release(void *self)
{
    flow_autoregressive *block = self;
    flow_univariate_release(&block->univariate);
    flow_made_release(&block->made);
}

flow_status flow_autoregressive_check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_permutation_check(&((const flow_autoregressive *)self)->permutation, params, err);
}

/* All in the block's own order of the dimensions; in and out are those of the map. Before each of these tiles there is
 * room for the context (n_context, n), or the gradient at it, because the network takes both as one. */
typedef struct work {
    real *in, *out, *gin, *gout; /* (dim, n) */
    real *gnet;                  /* (dim, n): the gradient that reaches the input through the network */
    real *theta, *gtheta;        /* (n_params * dim, n) */
    void *net;
    size_t stride; /* between the planes of theta */
} work;

static size_t lay_out(const flow_autoregressive *block, int n, void *memory, work *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)block->dim * (size_t)n, before = (size_t)block->n_context * (size_t)n;
    w->stride = count;
    real **tiles[] = {&w->in, &w->out, &w->gin, &w->gout, &w->gnet};
    for (size_t k = 0; k < sizeof tiles / sizeof *tiles; k++) {
        real *whole = flow_layout_take(&layout, before + count, sizeof(real));
        *tiles[k] = whole != NULL ? whole + before : NULL;
    }
    w->theta = flow_layout_take(&layout, count * (size_t)block->n_params, sizeof(real));
    w->gtheta = flow_layout_take(&layout, count * (size_t)block->n_params, sizeof(real));
    w->net = flow_layout_take(&layout, flow_mlp_work_size(&block->made.mlp, n), 1);
    return layout.used;
}

size_t flow_autoregressive_work_size(const void *self, int n)
{
    work w;
    return lay_out(self, n, NULL, &w);
}

/* The tile together with the lines of the context before it: what the network sees. */
static real *whole(const flow_autoregressive *block, int n, real *tile)
{
    return tile - (size_t)block->n_context * (size_t)n;
}

static void put_context(const flow_autoregressive *block, const flow_pass *pass, real *tile)
{
    if (block->n_context > 0)
        memcpy(whole(block, pass->n, tile), pass->context, (size_t)block->n_context * (size_t)pass->n * sizeof *tile);
}

static void add_to_context(const flow_autoregressive *block, const flow_pass *pass, real *tile)
{
    const real *g = whole(block, pass->n, tile);
    size_t count = (size_t)block->n_context * (size_t)pass->n;
    for (size_t k = 0; pass->gcontext != NULL && k < count; k++)
        pass->gcontext[k] += g[k];
}

/* Lines [first, first + lines) through the univariate. */
static void transform(const flow_autoregressive *block, flow_direction direction, int first, int lines, int n, work *w,
                      double *logdet)
{
    const flow_univariate *u = &block->univariate;
    size_t at = (size_t)first * (size_t)n;
    (direction == FLOW_TO_LATENT ? u->type->to_latent : u->type->to_data)(u->state, lines, n, w->in + at, w->theta + at,
                                                                          w->stride, w->out + at, logdet);
}

static void transform_backward(const flow_autoregressive *block, flow_direction direction, int first, int lines, int n,
                               work *w, const real *glogdet)
{
    const flow_univariate *u = &block->univariate;
    size_t at = (size_t)first * (size_t)n;
    (direction == FLOW_TO_LATENT ? u->type->to_latent_backward : u->type->to_data_backward)(
        u->state, lines, n, w->in + at, w->theta + at, w->stride, w->out + at, w->gout + at, glogdet, w->gin + at,
        w->gtheta + at);
}

void flow_autoregressive_pass(const flow_autoregressive *block, flow_direction direction, const flow_pass *pass,
                              const real *in, real *out, double *logdet)
{
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, in, w.in);
    put_context(block, pass, w.in);
    flow_mlp_apply(&block->made.mlp, pass->weights, n, whole(block, n, w.in), w.theta, w.net);
    transform(block, direction, 0, block->dim, n, &w, logdet);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.out, out);
}

void flow_autoregressive_pass_backward(const flow_autoregressive *block, flow_direction direction,
                                       const flow_pass *pass, const real *gout, real *gin)
{
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gout, w.gout);
    transform_backward(block, direction, 0, block->dim, n, &w, pass->glogdet);
    flow_mlp_backward(&block->made.mlp, pass->weights, n, whole(block, n, w.in), w.gtheta, whole(block, n, w.gnet),
                      w.net, pass->tape);
    add_to_context(block, pass, w.gnet);
    for (size_t k = 0; k < w.stride; k++)
        w.gin[k] += w.gnet[k];
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gin, gin);
}

void flow_autoregressive_walk(const flow_autoregressive *block, flow_direction direction, const flow_pass *pass,
                              const real *in, real *out, double *logdet)
{
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, in, w.in);
    put_context(block, pass, w.out);
    for (int i = 0; i < block->dim; i++) {
        flow_made_step(&block->made, pass->weights, n, i, whole(block, n, w.out), w.theta, w.net);
        transform(block, direction, i, 1, n, &w, logdet);
    }
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.out, out);
}

void flow_autoregressive_walk_backward(const flow_autoregressive *block, flow_direction direction,
                                       const flow_pass *pass, const real *gout, real *gin)
{
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gout, w.gout);
    memset(whole(block, n, w.gout), 0, (size_t)block->n_context * (size_t)n * sizeof *w.gout);
    flow_made_start_backward(&block->made, n, w.net);
    for (int i = block->dim - 1; i >= 0; i--) { /* gout_i is complete once all later dimensions have added to it */
        transform_backward(block, direction, i, 1, n, &w, pass->glogdet);
        flow_made_step_backward(&block->made, pass->weights, n, i, w.gtheta, whole(block, n, w.gout), w.net);
    }
    flow_made_record(&block->made, n, whole(block, n, w.out), w.gtheta, w.net, pass->tape);
    add_to_context(block, pass, w.gout);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gin, gin);
}
