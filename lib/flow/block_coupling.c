/* The coupling block: one part of the dimensions passes unchanged and is the input of a network that gives the
 * parameters of a univariate for the other part (Dinh et al. 2015, sec. 3.1; Dinh et al. 2017, eq. 4-8). Both
 * directions cost one network pass, and log|det| is the univariates' sum.
 *
 * With a context the network sees it beside the part that passes. With one dimension nothing passes unchanged, and
 * without a context the parameters are plain constants (the network's biases). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "flow/block.h"
#include "flow/univariate.h"
#include "nn/mlp.h"

typedef struct coupling {
    int mask;
    bool flip;
    flow_net_options net;
    flow_json univariate_spec;

    int dim, n_passed, n_changed, n_context;
    int *passed, *changed; /* the dimensions of each part */
    flow_univariate univariate;
    int n_params;
    flow_mlp mlp;
} coupling;

static const char *const masks[] = {"alternate", "half", NULL};
enum { MASK_ALTERNATE, MASK_HALF };

static const flow_option options[] = {
    {.key = "mask",
     .kind = FLOW_OPTION_CHOICE,
     .offset = offsetof(coupling, mask),
     .fallback = "\"alternate\"",
     .choices = masks,
     .help = "which dimensions pass unchanged: every other one, or the first half"},
    {.key = "flip",
     .kind = FLOW_OPTION_FLAG,
     .offset = offsetof(coupling, flip),
     .fallback = "false",
     .help = "exchange the two parts (with \"repeat\" they change roles each time anyway)"},
    {.key = "univariate",
     .kind = FLOW_OPTION_JSON,
     .offset = offsetof(coupling, univariate_spec),
     .fallback = "\"affine\"",
     .refers = "univariate",
     .help = "the elementwise map"},
    FLOW_NET_OPTIONS(coupling, net),
    FLOW_OPTIONS_END,
};

static bool passes(const coupling *block, int i, bool swapped)
{
    bool first = block->mask == MASK_HALF ? i < block->dim / 2 : i % 2 == 1;
    return block->dim > 1 && first != swapped;
}

static flow_status split(coupling *block, bool swapped, flow_error *err)
{
    block->passed = malloc(((size_t)block->dim + 1) * sizeof *block->passed);
    block->changed = malloc(((size_t)block->dim + 1) * sizeof *block->changed);
    if (block->passed == NULL || block->changed == NULL)
        return flow_error_memory(err, "the mask of a coupling");
    for (int i = 0; i < block->dim; i++) {
        if (passes(block, i, swapped))
            block->passed[block->n_passed++] = i;
        else
            block->changed[block->n_changed++] = i;
    }
    return FLOW_OK;
}

static flow_status configure(void *self, const flow_site *site, flow_params *params, flow_error *err)
{
    coupling *block = self;
    block->dim = site->dim;
    block->n_context = site->n_context;
    flow_status status = flow_univariate_new(&block->univariate, &block->univariate_spec, err);
    if (status == FLOW_OK)
        status = split(block, block->flip != (site->turn % 2 == 1), err);
    if (status != FLOW_OK)
        return status;
    block->n_params = block->univariate.type->n_params(block->univariate.state);
    return flow_mlp_configure(&block->mlp, &block->net, block->n_passed + block->n_context,
                              block->n_params * block->n_changed, NULL, FLOW_INIT_ZERO, params, err);
}

static void release(void *self)
{
    coupling *block = self;
    flow_univariate_release(&block->univariate);
    flow_mlp_release(&block->mlp);
    free(block->passed);
    free(block->changed);
}

typedef struct work {
    real *condition;      /* (n_passed + n_context, n): the network's input */
    real *in, *out;       /* (n_changed, n): the univariates' input and output */
    real *theta, *gtheta; /* (n_params * n_changed, n) */
    real *gin, *gout;     /* (n_changed, n) */
    real *gcondition;     /* (n_passed + n_context, n) */
    void *net;
    size_t stride; /* between the planes of theta */
} work;

static size_t lay_out(const coupling *block, int n, void *memory, work *w)
{
    flow_layout layout = {.base = memory};
    size_t condition = (size_t)(block->n_passed + block->n_context) * (size_t)n,
           changed = (size_t)block->n_changed * (size_t)n;
    w->stride = changed;
    w->condition = flow_layout_take(&layout, condition, sizeof(real));
    w->in = flow_layout_take(&layout, changed, sizeof(real));
    w->out = flow_layout_take(&layout, changed, sizeof(real));
    w->theta = flow_layout_take(&layout, changed * (size_t)block->n_params, sizeof(real));
    w->gtheta = flow_layout_take(&layout, changed * (size_t)block->n_params, sizeof(real));
    w->gin = flow_layout_take(&layout, changed, sizeof(real));
    w->gout = flow_layout_take(&layout, changed, sizeof(real));
    w->gcondition = flow_layout_take(&layout, condition, sizeof(real));
    w->net = flow_layout_take(&layout, flow_mlp_work_size(&block->mlp, n), 1);
    return layout.used;
}

static size_t work_size(const void *self, int n)
{
    work w;
    return lay_out(self, n, NULL, &w);
}

static void gather(int n_lines, const int *lines, int n, const real *tile, real *out)
{
    for (int k = 0; k < n_lines; k++)
        memcpy(out + (size_t)k * (size_t)n, tile + (size_t)lines[k] * (size_t)n, (size_t)n * sizeof *out);
}

static void scatter(int n_lines, const int *lines, int n, const real *in, real *tile)
{
    for (int k = 0; k < n_lines; k++)
        memcpy(tile + (size_t)lines[k] * (size_t)n, in + (size_t)k * (size_t)n, (size_t)n * sizeof *in);
}

/* Either direction: the part that passes is the same on both sides, so theta is too. */
static void map(const coupling *block, const flow_pass *pass, bool latent, const real *in, real *out, double *logdet)
{
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    gather(block->n_passed, block->passed, n, in, w.condition);
    size_t passed = (size_t)block->n_passed * (size_t)n;
    if (block->n_context > 0)
        memcpy(w.condition + passed, pass->context, (size_t)block->n_context * (size_t)n * sizeof(real));
    gather(block->n_changed, block->changed, n, in, w.in);
    flow_mlp_apply(&block->mlp, pass->weights, n, w.condition, w.theta, w.net);
    const flow_univariate *u = &block->univariate;
    (latent ? u->type->to_latent : u->type->to_data)(u->state, block->n_changed, n, w.in, w.theta, w.stride, w.out,
                                                     logdet);
    scatter(block->n_passed, block->passed, n, w.condition, out);
    scatter(block->n_changed, block->changed, n, w.out, out);
}

static void map_backward(const coupling *block, const flow_pass *pass, bool latent, const real *gout, real *gin)
{
    int n = pass->n;
    work w;
    lay_out(block, n, pass->work, &w);
    gather(block->n_changed, block->changed, n, gout, w.gout);
    const flow_univariate *u = &block->univariate;
    (latent ? u->type->to_latent_backward : u->type->to_data_backward)(u->state, block->n_changed, n, w.in, w.theta,
                                                                       w.stride, w.out, w.gout, pass->glogdet, w.gin,
                                                                       w.gtheta);
    flow_mlp_backward(&block->mlp, pass->weights, n, w.condition, w.gtheta, w.gcondition, w.net, pass->tape);
    scatter(block->n_changed, block->changed, n, w.gin, gin);
    for (int k = 0; k < block->n_passed; k++) {
        size_t at = (size_t)block->passed[k] * (size_t)n;
        const real *through_net = w.gcondition + (size_t)k * (size_t)n;
        for (int j = 0; j < n; j++)
            gin[at + (size_t)j] = gout[at + (size_t)j] + through_net[j];
    }
    size_t n_given = (size_t)block->n_context * (size_t)n;
    const real *gcontext = w.gcondition + (size_t)block->n_passed * (size_t)n;
    for (size_t k = 0; pass->gcontext != NULL && k < n_given; k++)
        pass->gcontext[k] += gcontext[k];
}

static void to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    map(self, pass, true, x, z, logdet);
}

static void to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    map(self, pass, false, z, x, logdet);
}

static void to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    map_backward(self, pass, true, gz, gx);
}

static void to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    map_backward(self, pass, false, gx, gz);
}

const flow_block_type flow_block_coupling = {
    .type = "coupling",
    .help = "one part of the dimensions gives the parameters of a univariate for the other part",
    .state_size = sizeof(coupling),
    .options = options,
    .configure = configure,
    .release = release,
    .work_size = work_size,
    .to_latent = to_latent,
    .to_data = to_data,
    .to_latent_backward = to_latent_backward,
    .to_data_backward = to_data_backward,
};
