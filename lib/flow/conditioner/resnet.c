/* The network of RealNVP (Dinh et al. 2017, sec. 3.6): a convolution of 3 x 3, residual blocks of two of them each, and
 * a last convolution that looks at one pixel and starts at zero.
 *
 *     u_0 = conv(inputs),  u_{b+1} = u_b + conv(a(conv(a(u_b)))),  outputs = conv(a(u_B))
 *
 * with the activation a (He et al. 2016, "Identity mappings in deep residual networks"). Blocks of two convolutions of
 * 3 x 3 see further than those with a bottleneck, which save work at widths of hundreds of channels only.
 *
 * `normalize`, the context and the arrays of gradients are as in conv.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "core/memory.h"
#include "flow/conditioner.h"
#include "flow/conditioner/options.h"
#include "nn/scaled_conv.h"
#include "num/vector.h"

enum { BLOCKS_MAX = 32, LAYERS_MAX = 2 * BLOCKS_MAX + 2 };

/* Layer 0 is the first convolution, 2 b + 1 and 2 b + 2 are those of block b, 2 n_blocks + 1 is the last one. */
typedef struct resnet {
    flow_activation activation;
    int pixels, n_inputs, n_context, hidden, n_blocks;
    flow_linear context; /* a matrix (hidden, n_context) */
    flow_scaled_conv layers[LAYERS_MAX];
} resnet;

static const flow_option resnet_table[] = {
    FLOW_KEY_INT(flow_resnet_options, hidden, "64", 1, FLOW_WIDTH_MAX, "channels of the hidden layers"),
    FLOW_KEY_INT(flow_resnet_options, blocks, "2", 0, BLOCKS_MAX, "residual blocks of two convolutions each"),
    FLOW_KEY_WORD(flow_resnet_options, activation, "\"relu\"", flow_activation_names,
                  "activation of the hidden layers"),
    FLOW_KEY_FLAG(flow_resnet_options, normalize, "true", "a trained factor for each channel of a hidden layer"),
    FLOW_OPTIONS_END,
};

static int resnet_n_layers(const resnet *net)
{
    return 2 * net->n_blocks + 2;
}

static flow_status resnet_configure(void *self, const void *options, const flow_conditioner_task *task,
                                    flow_params *params, flow_error *err)
{
    resnet *net = self;
    const flow_resnet_options *asked = options;
    *net = (resnet){.activation = (flow_activation)asked->activation,
                    .pixels = flow_shape_pixels(task->shape),
                    .n_inputs = task->n_inputs,
                    .n_context = task->n_context,
                    .hidden = (int)asked->hidden,
                    .n_blocks = (int)asked->blocks};
    flow_shape shape = {task->shape.height, task->shape.width, task->n_inputs};
    flow_status status = FLOW_OK;
    for (int l = 0; l < resnet_n_layers(net) && status == FLOW_OK; l++) {
        bool last = l + 1 == resnet_n_layers(net);
        char name[FLOW_NAME_SIZE];
        snprintf(name, sizeof name, "layer%d", l);
        status = flow_scaled_conv_configure(&net->layers[l], asked->normalize && !last, shape, last ? 1 : 3,
                                            last ? task->n_outputs : net->hidden,
                                            last ? FLOW_INIT_ZERO : FLOW_INIT_FAN_IN, params, name, err);
        net->layers[l].conv.wanted = last ? task->wanted : NULL;
        shape.channels = net->hidden;
    }
    if (net->n_context > 0 && status == FLOW_OK)
        status = flow_linear_configure_matrix(&net->context, net->n_context, net->hidden, NULL, FLOW_INIT_FAN_IN,
                                              params, "context", err);
    return status;
}

static void resnet_release(void *self)
{
    resnet *net = self;
    for (int l = 0; l < resnet_n_layers(net); l++)
        flow_scaled_conv_release(&net->layers[l]);
    flow_linear_release(&net->context);
}

/* All (pixels, hidden, n). Of block b: a = a(u_b), and m = a(conv(a)) with the input m_pre of its activation; `a` of
 * n_blocks is what the last layer sees. ga and gm are gradients at u_b and m_pre. */
typedef struct resnet_arrays {
    real *u[BLOCKS_MAX + 1], *a[BLOCKS_MAX + 1], *ga[BLOCKS_MAX + 1], *m_pre[BLOCKS_MAX], *m[BLOCKS_MAX];
    real *gm[BLOCKS_MAX];
    real *added; /* (hidden, n): what the context adds */
    flow_scaled_conv_scratch own[LAYERS_MAX];
    void *work; /* of nn/conv.h */
} resnet_arrays;

/* Returns the bytes of scratch and sets *spare_used to those of spare memory. Without keep the blocks share arrays, and
 * where activations do not keep their inputs all u_b are one array. */
static size_t resnet_lay_out(const resnet *net, int n, bool keep, void *scratch, void *spare, size_t *spare_used,
                             resnet_arrays *w)
{
    flow_layout stays = {.base = scratch}, goes = {.base = spare};
    bool keeps_input = flow_activation_keeps_input(net->activation), apart = keep && net->pixels == 1;
    size_t count = (size_t)net->pixels * (size_t)net->hidden * (size_t)n, work = 0;
    for (int b = 0; b <= net->n_blocks; b++) {
        bool first = b == 0, takes = keep || first;
        w->a[b] = takes ? flow_layout_take(&stays, count, sizeof(real)) : w->a[0];
        w->ga[b] = apart ? flow_layout_take(&stays, count, sizeof(real)) : w->a[b];
        w->u[b] = first || (keep && keeps_input) ? flow_layout_take(keeps_input ? &stays : &goes, count, sizeof(real))
                                                 : w->u[0];
        if (b == net->n_blocks)
            break;
        w->m[b] = takes ? flow_layout_take(&stays, count, sizeof(real)) : w->m[0];
        w->gm[b] = apart ? flow_layout_take(&stays, count, sizeof(real)) : w->m[b];
        w->m_pre[b] = !keeps_input ? w->m[b] : takes ? flow_layout_take(&stays, count, sizeof(real)) : w->m_pre[0];
    }
    for (int l = 0; l < resnet_n_layers(net); l++) {
        size_t size = flow_conv_scratch_size(&net->layers[l].conv, n);
        work = size > work ? size : work;
        flow_scaled_conv_lay_out(&net->layers[l], n, keep, net->pixels == 1 ? &stays : &goes, &w->own[l]);
    }
    w->added = flow_layout_take(&goes, net->n_context > 0 ? (size_t)(net->hidden * n) : 0, sizeof(real));
    w->work = flow_layout_take(&goes, work, 1);
    *spare_used = goes.used;
    return stays.used;
}

static size_t resnet_scratch_size(const void *self, int n, bool keep, size_t *spare)
{
    resnet_arrays w;
    return resnet_lay_out(self, n, keep, NULL, NULL, spare, &w);
}

static size_t resnet_context_at(const resnet *net, int n)
{
    return (size_t)net->pixels * (size_t)net->n_inputs * (size_t)n;
}

static void resnet_layer(const resnet *net, int l, const flow_pass *pass, const resnet_arrays *w, const real *x,
                         flow_conv_term added, flow_activation kind, real *pre, real *y)
{
    flow_scaled_conv_prepare(&net->layers[l], pass->weights, &w->own[l]);
    flow_scaled_conv_apply(&net->layers[l], pass->weights, pass->n, x, added, kind, pre, y, &w->own[l], w->work);
}

static void resnet_apply(const void *self, const flow_pass *pass, const real *inputs, real *outputs, void *scratch)
{
    const resnet *net = self;
    resnet_arrays w;
    size_t spare_used;
    int n = pass->n, n_blocks = net->n_blocks;
    resnet_lay_out(net, n, pass->keep, scratch, pass->spare, &spare_used, &w);
    const flow_conv_term nothing = {NULL, false};
    flow_conv_term context = nothing;
    if (net->n_context > 0) {
        flow_linear_apply(&net->context, pass->weights, n, inputs + resnet_context_at(net, n), FLOW_ACTIVATION_NONE,
                          w.added, w.added);
        context.values = w.added;
    }
    resnet_layer(net, 0, pass, &w, inputs, context, net->activation, w.u[0], w.a[0]);
    for (int b = 0; b < n_blocks; b++) {
        const flow_conv_term before = {w.u[b], true};
        resnet_layer(net, 2 * b + 1, pass, &w, w.a[b], nothing, net->activation, w.m_pre[b], w.m[b]);
        resnet_layer(net, 2 * b + 2, pass, &w, w.m[b], before, net->activation, w.u[b + 1], w.a[b + 1]);
    }
    resnet_layer(net, 2 * n_blocks + 1, pass, &w, w.a[n_blocks], nothing, FLOW_ACTIVATION_NONE, outputs, outputs);
}

/* One layer with the gradient g behind it: gx at the input of the activation whose output is x. */
static void resnet_layer_backward(const resnet *net, int l, const flow_pass *pass, const resnet_arrays *w,
                                  const real *g, flow_activation kind, const real *x_pre, const real *x, real *gx)
{
    flow_scaled_conv_prepare(&net->layers[l], pass->weights, &w->own[l]);
    flow_scaled_conv_backward(&net->layers[l], pass->weights, pass->n, x_pre, x, kind, g, gx, &w->own[l], w->work,
                              pass->tape);
}

static void resnet_backward(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs,
                            real *ginputs, void *scratch)
{
    const resnet *net = self;
    resnet_arrays w;
    size_t spare_used;
    int n = pass->n, last = net->n_blocks;
    flow_activation kind = net->activation;
    resnet_lay_out(net, n, pass->keep, scratch, pass->spare, &spare_used, &w);
    size_t count = (size_t)net->pixels * (size_t)net->hidden * (size_t)n;
    resnet_layer_backward(net, 2 * last + 1, pass, &w, goutputs, kind, w.u[last], w.a[last], w.ga[last]);
    for (int b = last - 1; b >= 0; b--) {
        resnet_layer_backward(net, 2 * b + 2, pass, &w, w.ga[b + 1], kind, w.m_pre[b], w.m[b], w.gm[b]);
        resnet_layer_backward(net, 2 * b + 1, pass, &w, w.gm[b], kind, w.u[b], w.a[b], w.ga[b]);
        flow_vec_add(count, w.ga[b + 1], w.ga[b]);
    }
    resnet_layer_backward(net, 0, pass, &w, w.ga[0], FLOW_ACTIVATION_NONE, NULL, inputs, ginputs);
    if (net->n_context == 0)
        return;
    size_t at = resnet_context_at(net, n);
    flow_tape_linear(pass->tape, &net->context, inputs + at, w.own[0].gadded);
    flow_linear_backward(&net->context, pass->weights, n, w.own[0].gadded, ginputs + at);
}

const flow_conditioner_type flow_conditioner_resnet = {
    .info = {.name = "resnet", .help = "a residual network of convolutions of 3x3 pixels", .options = resnet_table,
             .options_size = sizeof(flow_resnet_options)}, .state_size = sizeof(resnet), .configure = resnet_configure,
    .release = resnet_release, .scratch_size = resnet_scratch_size,
    .apply = resnet_apply, .backward = resnet_backward,
};
