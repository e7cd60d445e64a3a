/* The coupling block: one part of the dimensions passes unchanged and is the input of a network that gives the
 * parameters of a univariate for the other part (Dinh et al. 2015, sec. 3.1; Dinh et al. 2017, eq. 4-8). Both
 * directions cost one network pass, and log|det| is the univariates' sum.
 *
 * With a context the network sees it beside the part that passes. With one dimension nothing passes unchanged, and
 * without a context the parameters are plain constants (the network's biases).
 *
 * Periodic dimensions that pass enter the network by cosine and sine; those that change go through a periodic spline
 * (periodic.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "flow/conditioner/conditioners.h"
#include "flow/periodic.h"
#include "flow/univariate/univariates.h"
#include "num/vector.h"

/* Dimensions that change by one univariate: the linear ones, or the periodic ones. */
typedef struct part {
    flow_univariate univariate;
    int first, n; /* of `changed` */
    int n_params;
} part;

enum { LINEAR, PERIODIC, N_PARTS };

typedef struct coupling {
    flow_mask mask;
    flow_dims dims;
    int n_passed, n_changed, n_context;
    int *passed, *changed; /* the dimensions that pass, and those that change, linear before periodic ones */
    int n_inputs;          /* rows that the conditioner sees of those that pass */
    part parts[N_PARTS];
    int n_outputs; /* of the conditioner: parameters of the linear dimensions, then of the periodic ones */
    flow_conditioner conditioner;
} coupling;

static const char *const masks[] = {"alternate", "half", NULL};

const flow_option flow_coupling_table[] = {
    FLOW_KEY_WORD(flow_coupling_options, mask, "\"alternate\"", masks,
                  "which dimensions pass unchanged: every other one, or the first half"),
    FLOW_KEY_FLAG(flow_coupling_options, flip, "false",
                  "exchange the two parts (with \"repeat\" they change roles each time anyway)"),
    FLOW_KEY_CHOICE(flow_coupling_options, univariate, "\"affine\"", &flow_univariates, "the elementwise map"),
    FLOW_KEY_CHOICE(flow_coupling_options, conditioner, "\"mlp\"", &flow_conditioners,
                    "the network that gives its parameters"),
    FLOW_CONDITIONER_KEYS,
    FLOW_OPTIONS_END,
};

static bool coupling_passes(const coupling *block, int i, bool swapped)
{
    bool first = block->mask == FLOW_MASK_HALF ? i < block->dims.n / 2 : i % 2 == 1;
    return block->dims.n > 1 && first != swapped;
}

static flow_status coupling_split(coupling *block, bool swapped, flow_error *err)
{
    block->passed = malloc(((size_t)block->dims.n + 1) * sizeof *block->passed);
    block->changed = malloc(((size_t)block->dims.n + 1) * sizeof *block->changed);
    if (block->passed == NULL || block->changed == NULL)
        return flow_error_memory(err, "the mask of a coupling");
    for (int kind = LINEAR; kind < N_PARTS; kind++) {
        part *p = &block->parts[kind];
        p->first = block->n_changed;
        for (int i = 0; i < block->dims.n; i++)
            if (!coupling_passes(block, i, swapped) && flow_dims_is_periodic(block->dims, i) == (kind == PERIODIC))
                block->changed[block->n_changed++] = i;
        p->n = block->n_changed - p->first;
    }
    for (int i = 0; i < block->dims.n; i++) {
        if (!coupling_passes(block, i, swapped))
            continue;
        block->passed[block->n_passed++] = i;
        block->n_inputs += flow_dims_is_periodic(block->dims, i) ? 2 : 1;
    }
    return FLOW_OK;
}

static flow_status coupling_make_univariates(coupling *block, const flow_choice *univariate, flow_error *err)
{
    flow_status status = flow_univariate_new(&block->parts[LINEAR].univariate, univariate, err);
    if (status == FLOW_OK && block->parts[PERIODIC].n > 0)
        status = flow_univariate_new_periodic(&block->parts[PERIODIC].univariate, univariate, err);
    for (int kind = LINEAR; kind < N_PARTS && status == FLOW_OK; kind++) {
        part *p = &block->parts[kind];
        p->n_params = p->univariate.type != NULL ? p->univariate.type->n_params(p->univariate.state) : 0;
        block->n_outputs += p->n * p->n_params;
    }
    return status;
}

static flow_status coupling_configure(void *self, const void *options, const flow_block_context *context,
                                      flow_params *params, flow_error *err)
{
    coupling *block = self;
    const flow_coupling_options *asked = options;
    block->mask = (flow_mask)asked->mask;
    block->dims = context->dims;
    block->n_context = context->n_context;
    flow_status status = coupling_split(block, asked->flip != (context->copy_index % 2 == 1), err);
    if (status == FLOW_OK)
        status = coupling_make_univariates(block, &asked->univariate, err);
    if (status != FLOW_OK)
        return status;
    const flow_conditioner_task task = {.shape = context->shape,
                                        .n_inputs = block->n_inputs,
                                        .n_context = block->n_context,
                                        .n_outputs = block->n_outputs};
    return flow_conditioner_new(&block->conditioner, &asked->conditioner, &task, params, err);
}

static void coupling_release(void *self)
{
    coupling *block = self;
    for (int kind = LINEAR; kind < N_PARTS; kind++)
        flow_univariate_release(&block->parts[kind].univariate);
    flow_conditioner_release(&block->conditioner);
    free(block->passed);
    free(block->changed);
}

typedef struct coupling_scratch {
    real *condition;      /* (n_inputs + n_context, n): the conditioner's input */
    real *in, *out;       /* (n_changed, n): the univariates' input and output */
    real *theta, *gtheta; /* (n_outputs, n) */
    real *gin, *gout;     /* (n_changed, n) */
    real *gcondition;     /* (n_inputs + n_context, n) */
    real *passed;         /* (n_passed, n): the periodic ones among these rows, for the gradient */
    void *net;
} coupling_scratch;

static size_t coupling_lay_out(const coupling *block, int n, bool keep, void *memory, coupling_scratch *w)
{
    flow_layout layout = {.base = memory};
    *w = (coupling_scratch){0};
    size_t condition = (size_t)(block->n_inputs + block->n_context) * (size_t)n;
    size_t changed = (size_t)block->n_changed * (size_t)n, theta = (size_t)block->n_outputs * (size_t)n;
    w->condition = flow_layout_take(&layout, condition, sizeof(real));
    w->in = flow_layout_take(&layout, changed, sizeof(real));
    w->out = flow_layout_take(&layout, changed, sizeof(real));
    w->theta = flow_layout_take(&layout, theta, sizeof(real));
    w->net = flow_layout_take(&layout, block->conditioner.type->scratch_size(block->conditioner.state, n, keep), 1);
    if (!keep)
        return layout.used;
    w->gtheta = flow_layout_take(&layout, theta, sizeof(real));
    w->gin = flow_layout_take(&layout, changed, sizeof(real));
    w->gout = flow_layout_take(&layout, changed, sizeof(real));
    w->gcondition = flow_layout_take(&layout, condition, sizeof(real));
    w->passed =
        flow_layout_take(&layout, block->dims.periodic != NULL ? (size_t)block->n_passed * (size_t)n : 0, sizeof(real));
    return layout.used;
}

static size_t coupling_scratch_size(const void *self, int n, bool keep)
{
    coupling_scratch w;
    return coupling_lay_out(self, n, keep, NULL, &w);
}

/* The rows of those that pass, as they are and as the conditioner sees them. */
static void coupling_take_passed(const coupling *block, int n, const real *in, real *out, coupling_scratch *w)
{
    real *inputs = w->condition;
    for (int k = 0; k < block->n_passed; k++) {
        size_t at = (size_t)block->passed[k] * (size_t)n;
        bool periodic = flow_dims_is_periodic(block->dims, block->passed[k]);
        inputs = flow_periodic_inputs(periodic, n, in + at, inputs);
        memcpy(out + at, in + at, (size_t)n * sizeof *out);
        if (periodic && w->passed != NULL)
            memcpy(w->passed + (size_t)k * (size_t)n, in + at, (size_t)n * sizeof *in);
    }
}

/* The univariates of both parts. */
static void coupling_transform(const coupling *block, flow_direction direction, int n, coupling_scratch *w,
                               double *logdet)
{
    size_t theta = 0;
    for (int kind = LINEAR; kind < N_PARTS; kind++) {
        const part *p = &block->parts[kind];
        const flow_univariate *u = &p->univariate;
        size_t at = (size_t)p->first * (size_t)n, stride = (size_t)p->n * (size_t)n;
        if (p->n > 0)
            u->type->map[direction](u->state, p->n, n, w->in + at, w->theta + theta, stride, w->out + at, logdet);
        theta += stride * (size_t)p->n_params;
    }
}

static void coupling_transform_backward(const coupling *block, flow_direction direction, int n, coupling_scratch *w,
                                        const real *glogdet)
{
    size_t theta = 0;
    for (int kind = LINEAR; kind < N_PARTS; kind++) {
        const part *p = &block->parts[kind];
        const flow_univariate *u = &p->univariate;
        size_t at = (size_t)p->first * (size_t)n, stride = (size_t)p->n * (size_t)n;
        if (p->n > 0)
            u->type->backward[direction](u->state, p->n, n, w->in + at, w->theta + theta, stride, w->out + at,
                                         w->gout + at, glogdet, w->gin + at, w->gtheta + theta);
        theta += stride * (size_t)p->n_params;
    }
}

/* Either direction: the part that passes is the same on both sides, so theta is too. */
static void coupling_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const coupling *block = self;
    int n = pass->n;
    coupling_scratch w;
    coupling_lay_out(block, n, pass->keep, pass->scratch, &w);
    coupling_take_passed(block, n, in, out, &w);
    size_t inputs = (size_t)block->n_inputs * (size_t)n;
    if (block->n_context > 0)
        memcpy(w.condition + inputs, pass->context, (size_t)block->n_context * (size_t)n * sizeof(real));
    flow_rows_gather(block->n_changed, block->changed, n, in, w.in);
    block->conditioner.type->apply(block->conditioner.state, pass, w.condition, w.theta, w.net);
    coupling_transform(block, pass->direction, n, &w, logdet);
    flow_rows_scatter(block->n_changed, block->changed, n, w.out, out);
}

static void coupling_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const coupling *block = self;
    int n = pass->n;
    coupling_scratch w;
    coupling_lay_out(block, n, pass->keep, pass->scratch, &w);
    flow_rows_gather(block->n_changed, block->changed, n, gout, w.gout);
    coupling_transform_backward(block, pass->direction, n, &w, pass->glogdet);
    block->conditioner.type->backward(block->conditioner.state, pass, w.condition, w.gtheta, w.gcondition, w.net);
    flow_rows_scatter(block->n_changed, block->changed, n, w.gin, gin);
    const real *through_net = w.gcondition;
    for (int k = 0; k < block->n_passed; k++) {
        size_t at = (size_t)block->passed[k] * (size_t)n;
        bool periodic = flow_dims_is_periodic(block->dims, block->passed[k]);
        const real *row = periodic ? w.passed + (size_t)k * (size_t)n : NULL;
        memcpy(gin + at, gout + at, (size_t)n * sizeof *gin);
        through_net = flow_periodic_inputs_backward(periodic, n, row, through_net, gin + at);
    }
    size_t n_given = (size_t)block->n_context * (size_t)n;
    const real *gcontext = through_net;
    for (size_t k = 0; pass->gcontext != NULL && k < n_given; k++)
        pass->gcontext[k] += gcontext[k];
}

const flow_block_type flow_block_coupling = {
    .info = {FLOW_INFO("coupling", "one part of the dimensions gives the parameters of a univariate for the other part",
                       flow_coupling_table, flow_coupling_options),
             .repeats = true},
    .state_size = sizeof(coupling),
    .configure = coupling_configure,
    .release = coupling_release,
    .keeps_periodic = true,
    .scratch_size = coupling_scratch_size,
    .map = {coupling_map, coupling_map},
    .backward = {coupling_backward, coupling_backward},
};
