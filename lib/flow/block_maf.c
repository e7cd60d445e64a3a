/* The masked autoregressive block: dimension i is transformed by a univariate whose parameters depend on the dimensions
 * before it (Papamakarios et al. 2017, eq. 3-5). The density direction is one pass of a MADE; the sampling direction
 * walks over the dimensions, computing in each step only the hidden units that became known (nn/made.h), which together
 * is one network pass as well. The order of the dimensions alternates with "repeat". */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/memory.h"
#include "flow/block.h"
#include "flow/permutation.h"
#include "flow/univariate.h"
#include "nn/made.h"

typedef struct maf {
    int order;
    flow_net_options net;
    flow_json univariate_spec;

    int dim, n_params;
    flow_permutation permutation;
    flow_univariate univariate;
    flow_made made;
} maf;

static const char *const orders[] = {"alternate", "natural", "reverse", "random", NULL};
enum { ORDER_ALTERNATE, ORDER_NATURAL, ORDER_REVERSE, ORDER_RANDOM };

static const flow_option options[] = {
    {.key = "order",
     .kind = FLOW_OPTION_CHOICE,
     .offset = offsetof(maf, order),
     .fallback = "\"alternate\"",
     .choices = orders,
     .help = "order of the dimensions; alternate: natural, reversed, natural, ... over the repeats"},
    {.key = "univariate",
     .kind = FLOW_OPTION_JSON,
     .offset = offsetof(maf, univariate_spec),
     .fallback = "\"affine\"",
     .refers = "univariate",
     .help = "the elementwise map"},
    FLOW_NET_OPTIONS(maf, net),
    FLOW_OPTIONS_END,
};

static flow_order order_of(const maf *block, const flow_site *site)
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

static flow_status configure(void *self, const flow_site *site, flow_params *params, flow_error *err)
{
    maf *block = self;
    block->dim = site->dim;
    flow_status status = flow_univariate_new(&block->univariate, &block->univariate_spec, err);
    if (status == FLOW_OK)
        status = flow_permutation_configure(&block->permutation, order_of(block, site), site, params, err);
    if (status != FLOW_OK)
        return status;
    block->n_params = block->univariate.type->n_params(block->univariate.state);
    return flow_made_configure(&block->made, &block->net, block->dim, block->n_params, params, err);
}

static void release(void *self)
{
    maf *block = self;
    flow_univariate_release(&block->univariate);
    flow_made_release(&block->made);
}

/* All in the block's own order of the dimensions. */
typedef struct work {
    real *x, *z, *gx, *gz;  /* (dim, n) */
    real *gnet;             /* (dim, n): the gradient that reaches x through the network */
    real *theta, *gtheta;   /* (n_params * dim, n) */
    void *net;
    size_t stride; /* between the planes of theta */
} work;

static size_t lay_out(const maf *block, int n, void *memory, work *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)block->dim * (size_t)n;
    w->stride = count;
    real **tiles[] = {&w->x, &w->z, &w->gx, &w->gz, &w->gnet};
    for (size_t k = 0; k < sizeof tiles / sizeof *tiles; k++)
        *tiles[k] = flow_layout_take(&layout, count, sizeof(real));
    w->theta = flow_layout_take(&layout, count * (size_t)block->n_params, sizeof(real));
    w->gtheta = flow_layout_take(&layout, count * (size_t)block->n_params, sizeof(real));
    w->net = flow_layout_take(&layout, flow_mlp_work_size(&block->made.mlp, n), 1);
    return layout.used;
}

static size_t work_size(const void *self, int n)
{
    work w;
    return lay_out(self, n, NULL, &w);
}

static void to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    const maf *block = self;
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, x, w.x);
    flow_mlp_apply(&block->made.mlp, pass->weights, n, w.x, w.theta, w.net);
    const flow_univariate *u = &block->univariate;
    u->type->to_latent(u->state, block->dim, n, w.x, w.theta, w.stride, w.z, logdet);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.z, z);
}

static void to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    const maf *block = self;
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gz, w.gz);
    const flow_univariate *u = &block->univariate;
    u->type->to_latent_backward(u->state, block->dim, n, w.x, w.theta, w.stride, w.z, w.gz, pass->glogdet, w.gx,
                                w.gtheta);
    flow_mlp_backward(&block->made.mlp, pass->weights, n, w.x, w.gtheta, w.gnet, w.net, pass->tape);
    for (size_t k = 0; k < w.stride; k++)
        w.gx[k] += w.gnet[k];
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gx, gx);
}

static void to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    const maf *block = self;
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, z, w.z);
    const flow_univariate *u = &block->univariate;
    for (int i = 0; i < block->dim; i++) {
        size_t line = (size_t)i * (size_t)n;
        flow_made_step(&block->made, pass->weights, n, i, w.x, w.theta, w.net);
        u->type->to_data(u->state, 1, n, w.z + line, w.theta + line, w.stride, w.x + line, logdet);
    }
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.x, x);
}

static void to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    const maf *block = self;
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    flow_permutation_apply(&block->permutation, pass->fitted, n, gx, w.gx);
    const flow_univariate *u = &block->univariate;
    flow_made_start_backward(&block->made, n, w.net);
    for (int i = block->dim - 1; i >= 0; i--) { /* x_i is complete once all later dimensions have added to it */
        size_t line = (size_t)i * (size_t)n;
        u->type->to_data_backward(u->state, 1, n, w.z + line, w.theta + line, w.stride, w.x + line, w.gx + line,
                                  pass->glogdet, w.gz + line, w.gtheta + line);
        flow_made_step_backward(&block->made, pass->weights, n, i, w.gtheta, w.gx, w.net);
    }
    flow_made_record(&block->made, n, w.x, w.gtheta, w.net, pass->tape);
    flow_permutation_undo(&block->permutation, pass->fitted, n, w.gz, gz);
}

static flow_status check(const void *self, const flow_params *params, flow_error *err)
{
    return flow_permutation_check(&((const maf *)self)->permutation, params, err);
}

const flow_block_type flow_block_maf = {
    .type = "maf",
    .help = "masked autoregressive: one pass for the density, one walk for sampling",
    .state_size = sizeof(maf),
    .options = options,
    .configure = configure,
    .release = release,
    .work_size = work_size,
    .to_latent = to_latent,
    .to_data = to_data,
    .to_latent_backward = to_latent_backward,
    .to_data_backward = to_data_backward,
    .check = check,
};
