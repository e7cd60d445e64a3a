/* The coupling block: one part of the dimensions passes unchanged and is the input of a network that gives the
 * parameters of a univariate for the other part (Dinh et al. 2015, sec. 3.1; Dinh et al. 2017, eq. 4-8). Both
 * directions cost one network pass, and log|det| is the univariates' sum.
 *
 * Of an image a mask divides the channels, in every pixel alike, or with "checkerboard" the pixels: then the network
 * sees the whole image, with zeros where it changes (Dinh et al. 2017, sec. 3.4). A table is an image of one pixel.
 *
 * With a context the network sees it beside the part that passes. With one dimension nothing passes unchanged, and
 * without a context the parameters are plain constants (the network's biases).
 *
 * inputs.h says what the network sees of the dimensions that pass. Periodic dimensions that change go through a
 * periodic spline (periodic.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "flow/conditioner/conditioners.h"
#include "flow/inputs.h"
#include "flow/univariate/univariates.h"
#include "num/vector.h"

/* Dimensions that change by one univariate: the linear ones, or the periodic ones. */
typedef struct part {
    flow_univariate univariate;
    int first, n; /* of the dimensions that change in a pixel */
    int n_params;
} part;

enum { LINEAR, PERIODIC, N_PARTS };

typedef struct coupling {
    flow_mask mask;
    flow_dims dims;
    int pixels, channels;
    int n_passed, n_changed, n_context;
    int *passed, *changed; /* the dimensions that pass, and those that change, pixel by pixel; of a table those that
                              change are the linear ones and then the periodic ones */
    bool *changes;         /* (pixels): which have some that change, all of them as many */
    int n_inputs;          /* rows that the conditioner sees of a pixel */
    part parts[N_PARTS];
    int n_outputs; /* of the conditioner at a pixel: parameters of the linear dimensions, then of the periodic ones */
    flow_conditioner conditioner;
} coupling;

const char *const flow_mask_names[] = {"alternate", "half", "channel", "checkerboard", NULL};

const flow_option flow_coupling_table[] = {FLOW_COUPLING_OPTIONS, FLOW_OPTIONS_END};

static bool coupling_passes(const coupling *block, int width, int i, bool swapped)
{
    int channel = i % block->channels, pixel = i / block->channels;
    if (block->mask == FLOW_MASK_CHECKERBOARD)
        return ((pixel / width + pixel % width) % 2 == 1) != swapped;
    bool first = block->mask == FLOW_MASK_ALTERNATE ? channel % 2 == 1 : channel < block->channels / 2;
    return block->channels > 1 && first != swapped;
}

static flow_status coupling_check_mask(const coupling *block, flow_error *err)
{
    bool checkerboard = block->mask == FLOW_MASK_CHECKERBOARD;
    if (checkerboard && block->pixels == 1)
        return flow_option_fail(err, "mask", "\"checkerboard\" divides the pixels of an image, and there is one here; "
                                             "use \"half\" or \"alternate\"");
    if (!checkerboard && block->pixels > 1 && block->channels == 1)
        return flow_option_fail(err, "mask", "this mask divides the channels of an image, and there is one here; "
                                             "use \"checkerboard\", or put \"squeeze\" in front");
    return FLOW_OK;
}

static flow_status coupling_split(coupling *block, int width, bool swapped, flow_error *err)
{
    block->passed = malloc(((size_t)block->dims.n + 1) * sizeof *block->passed);
    block->changed = malloc(((size_t)block->dims.n + 1) * sizeof *block->changed);
    block->changes = calloc((size_t)block->pixels, sizeof *block->changes);
    if (block->passed == NULL || block->changed == NULL || block->changes == NULL)
        return flow_error_memory(err, "the mask of a coupling");
    int n_rows = 0, n_places = 0;
    for (int kind = LINEAR; kind < N_PARTS; kind++) {
        part *p = &block->parts[kind];
        p->first = block->n_changed;
        for (int i = 0; i < block->dims.n; i++) {
            if (coupling_passes(block, width, i, swapped) ||
                flow_dims_is_periodic(block->dims, i) != (kind == PERIODIC))
                continue;
            block->changed[block->n_changed++] = i;
            block->changes[i / block->channels] = true;
        }
        p->n = block->n_changed - p->first;
    }
    for (int i = 0; i < block->dims.n; i++) {
        if (!coupling_passes(block, width, i, swapped))
            continue;
        block->passed[block->n_passed++] = i;
        n_rows += flow_dims_is_periodic(block->dims, i) ? 2 : 1;
    }
    for (int p = 0; p < block->pixels; p++)
        n_places += block->changes[p];
    if (block->pixels > 1 && n_places > 0)
        block->parts[LINEAR].n /= n_places;
    block->n_inputs = block->mask == FLOW_MASK_CHECKERBOARD ? block->channels : n_rows / block->pixels;
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
    block->pixels = flow_shape_pixels(context->shape);
    block->channels = context->shape.channels;
    block->n_context = context->n_context;
    flow_status status = coupling_check_mask(block, err);
    if (status == FLOW_OK)
        status = coupling_split(block, context->shape.width, asked->flip != (context->copy_index % 2 == 1), err);
    if (status == FLOW_OK)
        status = coupling_make_univariates(block, &asked->univariate, err);
    if (status != FLOW_OK)
        return status;
    const flow_conditioner_task task = {.shape = context->shape,
                                        .n_inputs = block->n_inputs,
                                        .n_context = block->n_context,
                                        .n_outputs = block->n_outputs,
                                        .wanted = block->pixels > 1 ? block->changes : NULL};
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
    free(block->changes);
}

/* What a backward reads, and what lives in one map or backward alone. Only the tape of a table keeps the gradients of
 * parameters beyond that. */
typedef struct coupling_scratch {
    real *condition; /* (pixels, n_inputs, n) and (n_context, n): the conditioner's input */
    real *in, *out;  /* (n_changed, n): the univariates' input and output */
    real *theta;     /* (pixels, n_outputs, n) */
    real *gtheta;
    real *gin, *gout; /* (n_changed, n) */
    real *gcondition; /* as condition */
    void *net, *net_spare;
} coupling_scratch;

/* The arrays that stay in the scratch, and those that go with the call; the layouts say how much they take. */
static void coupling_lay_out(const coupling *block, int n, bool keep, flow_layout *stays, flow_layout *goes,
                             coupling_scratch *w)
{
    const flow_conditioner *net = &block->conditioner;
    const bool of_image = block->pixels > 1;
    size_t condition = (size_t)(block->pixels * block->n_inputs + block->n_context) * (size_t)n, net_spare;
    size_t changed = (size_t)block->n_changed * (size_t)n;
    size_t theta = (size_t)block->pixels * (size_t)block->n_outputs * (size_t)n;
    *w = (coupling_scratch){0};
    w->condition = flow_layout_take(stays, condition, sizeof(real));
    w->in = flow_layout_take(stays, changed, sizeof(real));
    w->out = flow_layout_take(stays, changed, sizeof(real));
    w->theta = flow_layout_take(stays, theta, sizeof(real));
    w->net = flow_layout_take(stays, net->type->scratch_size(net->state, n, keep, &net_spare), 1);
    w->net_spare = flow_layout_take(goes, net_spare, 1);
    if (!keep)
        return;
    w->gtheta = flow_layout_take(of_image ? goes : stays, theta, sizeof(real));
    w->gin = flow_layout_take(goes, changed, sizeof(real));
    w->gout = flow_layout_take(goes, changed, sizeof(real));
    w->gcondition = flow_layout_take(goes, condition, sizeof(real));
}

static size_t coupling_scratch_size(const void *self, int n, bool keep)
{
    flow_layout stays = {0}, goes = {0};
    coupling_scratch w;
    coupling_lay_out(self, n, keep, &stays, &goes, &w);
    return stays.used;
}

static size_t coupling_spare_size(const void *self, int n, bool keep)
{
    flow_layout stays = {0}, goes = {0};
    coupling_scratch w;
    coupling_lay_out(self, n, keep, &stays, &goes, &w);
    return goes.used;
}

/* The pass of the conditioner, which has spare memory of its own. */
static flow_pass coupling_start(const coupling *block, const flow_pass *pass, coupling_scratch *w)
{
    flow_layout stays = {.base = pass->scratch}, goes = {.base = pass->spare};
    coupling_lay_out(block, pass->n, pass->keep, &stays, &goes, w);
    flow_pass own = *pass;
    own.spare = w->net_spare;
    return own;
}

/* The rows of those that pass, as they are and as the conditioner sees them. */
static void coupling_take_passed(const coupling *block, int n, const real *in, real *out, coupling_scratch *w)
{
    if (block->mask == FLOW_MASK_CHECKERBOARD) {
        memset(w->condition, 0, (size_t)block->dims.n * (size_t)n * sizeof *w->condition);
        for (int k = 0; k < block->n_passed; k++) {
            size_t at = (size_t)block->passed[k] * (size_t)n;
            flow_inputs_put(false, n, in + at, w->condition + at);
            memcpy(out + at, in + at, (size_t)n * sizeof *out);
        }
        return;
    }
    real *inputs = w->condition;
    for (int k = 0; k < block->n_passed; k++) {
        size_t at = (size_t)block->passed[k] * (size_t)n;
        inputs = flow_inputs_put(flow_dims_is_periodic(block->dims, block->passed[k]), n, in + at, inputs);
        memcpy(out + at, in + at, (size_t)n * sizeof *out);
    }
}

/* The univariates of both parts, pixel by pixel. */
static void coupling_transform(const coupling *block, flow_direction direction, int n, coupling_scratch *w,
                               double *logdet)
{
    size_t at = 0, of_pixel = (size_t)block->n_outputs * (size_t)n;
    for (int pixel = 0; pixel < block->pixels; pixel++) {
        real *theta = w->theta + (size_t)pixel * of_pixel;
        for (int kind = LINEAR; kind < N_PARTS && block->changes[pixel]; kind++) {
            const part *p = &block->parts[kind];
            const flow_univariate *u = &p->univariate;
            size_t stride = (size_t)p->n * (size_t)n;
            if (p->n > 0)
                u->type->map[direction](u->state, p->n, n, w->in + at, theta, stride, w->out + at, logdet);
            theta += stride * (size_t)p->n_params;
            at += stride;
        }
    }
}

static void coupling_transform_backward(const coupling *block, flow_direction direction, int n, coupling_scratch *w,
                                        const real *glogdet)
{
    size_t at = 0, of_pixel = (size_t)block->n_outputs * (size_t)n;
    for (int pixel = 0; pixel < block->pixels; pixel++) {
        size_t theta = (size_t)pixel * of_pixel;
        if (!block->changes[pixel])
            memset(w->gtheta + theta, 0, of_pixel * sizeof *w->gtheta);
        for (int kind = LINEAR; kind < N_PARTS && block->changes[pixel]; kind++) {
            const part *p = &block->parts[kind];
            const flow_univariate *u = &p->univariate;
            size_t stride = (size_t)p->n * (size_t)n;
            if (p->n > 0)
                u->type->backward[direction](u->state, p->n, n, w->in + at, w->theta + theta, stride, w->out + at,
                                             w->gout + at, glogdet, w->gin + at, w->gtheta + theta);
            theta += stride * (size_t)p->n_params;
            at += stride;
        }
    }
}

/* Either direction: the part that passes is the same on both sides, so theta is too. */
static void coupling_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const coupling *block = self;
    int n = pass->n;
    coupling_scratch w;
    const flow_pass own = coupling_start(block, pass, &w);
    coupling_take_passed(block, n, in, out, &w);
    size_t inputs = (size_t)block->pixels * (size_t)block->n_inputs * (size_t)n;
    if (block->n_context > 0)
        memcpy(w.condition + inputs, pass->context, (size_t)block->n_context * (size_t)n * sizeof(real));
    flow_rows_gather(block->n_changed, block->changed, n, in, w.in);
    block->conditioner.type->apply(block->conditioner.state, &own, w.condition, w.theta, w.net);
    coupling_transform(block, pass->direction, n, &w, logdet);
    flow_rows_scatter(block->n_changed, block->changed, n, w.out, out);
}

static void coupling_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const coupling *block = self;
    int n = pass->n;
    coupling_scratch w;
    const flow_pass own = coupling_start(block, pass, &w);
    flow_rows_gather(block->n_changed, block->changed, n, gout, w.gout);
    coupling_transform_backward(block, pass->direction, n, &w, pass->glogdet);
    block->conditioner.type->backward(block->conditioner.state, &own, w.condition, w.gtheta, w.gcondition, w.net);
    flow_rows_scatter(block->n_changed, block->changed, n, w.gin, gin);
    const real *ginputs = w.gcondition;
    for (int k = 0; k < block->n_passed; k++) {
        size_t at = (size_t)block->passed[k] * (size_t)n;
        memcpy(gin + at, gout + at, (size_t)n * sizeof *gin);
        if (block->mask == FLOW_MASK_CHECKERBOARD)
            ginputs = w.gcondition + at;
        ginputs = flow_inputs_backward(flow_dims_is_periodic(block->dims, block->passed[k]), n,
                                       w.condition + (ginputs - w.gcondition), ginputs, gin + at);
    }
    size_t n_given = (size_t)block->n_context * (size_t)n;
    const real *gcontext = w.gcondition + (size_t)block->pixels * (size_t)block->n_inputs * (size_t)n;
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
    .spare_size = coupling_spare_size,
    .map = {coupling_map, coupling_map},
    .backward = {coupling_backward, coupling_backward},
};
