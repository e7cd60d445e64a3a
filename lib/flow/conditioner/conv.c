/* The network of Glow (Kingma and Dhariwal 2018, sec. 5 and appendix B): a convolution of 3 x 3, hidden layers that
 * look at one pixel, and a last convolution of 3 x 3 that starts at zero.
 *
 * With `normalize` an actnorm follows each convolution but the last. It starts at the identity and not, as Glow does,
 * at zero mean and unit variance of a first batch: where the network stands, no data have passed yet.
 *
 * The context adds a bias of its own to each row of data in the first layer.
 *
 * In a backward the gradient at a hidden layer takes the place of its values, except on one pixel, where a tape may
 * record both. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdio.h>

#include "core/memory.h"
#include "flow/conditioner.h"
#include "flow/conditioner/options.h"
#include "nn/scaled_conv.h"

typedef struct conv_net {
    flow_activation activation;
    int pixels, n_inputs, n_context;
    int n_layers, widest; /* with the last one; the most channels of a hidden layer */
    flow_linear context;  /* a matrix (hidden[0], n_context) */
    flow_scaled_conv layers[FLOW_LIST_MAX + 1];
} conv_net;

static const flow_option conv_table[] = {
    FLOW_KEY_INTS(flow_conv_options, hidden, "[64, 64]", 1, FLOW_WIDTH_MAX, "channels of the hidden layers"),
    FLOW_KEY_WORD(flow_conv_options, activation, "\"relu\"", flow_activation_names, "activation of the hidden layers"),
    FLOW_KEY_FLAG(flow_conv_options, normalize, "true", "a trained factor for each channel of a hidden layer"),
    FLOW_OPTIONS_END,
};

static flow_status conv_configure(void *self, const void *options, const flow_conditioner_task *task,
                                  flow_params *params, flow_error *err)
{
    conv_net *net = self;
    const flow_conv_options *asked = options;
    net->activation = (flow_activation)asked->activation;
    net->pixels = flow_shape_pixels(task->shape);
    net->n_inputs = task->n_inputs;
    net->n_context = task->n_context;
    int n_hidden = asked->hidden.n;
    flow_shape shape = {task->shape.height, task->shape.width, task->n_inputs};
    flow_status status = FLOW_OK;
    for (int l = 0; l <= n_hidden && status == FLOW_OK; l++) {
        bool last = l == n_hidden;
        int width = last ? task->n_outputs : asked->hidden.at[l], kernel = l == 0 || last ? 3 : 1;
        char name[FLOW_NAME_SIZE];
        snprintf(name, sizeof name, "layer%d", l);
        net->n_layers++;
        status = flow_scaled_conv_configure(&net->layers[l], asked->normalize && !last, shape, kernel, width,
                                            last ? FLOW_INIT_ZERO : FLOW_INIT_FAN_IN, params, name, err);
        shape.channels = width;
        if (!last && width > net->widest)
            net->widest = width;
    }
    net->layers[n_hidden].conv.wanted = task->wanted;
    if (net->n_context > 0 && status == FLOW_OK)
        status = flow_linear_configure_matrix(&net->context, net->n_context, net->layers[0].conv.n_out, NULL,
                                              n_hidden > 0 ? FLOW_INIT_FAN_IN : FLOW_INIT_ZERO, params, "context", err);
    return status;
}

static void conv_release(void *self)
{
    conv_net *net = self;
    for (int l = 0; l < net->n_layers; l++)
        flow_scaled_conv_release(&net->layers[l]);
    flow_linear_release(&net->context);
}

/* Of hidden layer l: its values h and what its activation had as input, pre, both (pixels, channels, n); the gradient
 * at that input, g. */
typedef struct conv_arrays {
    real *h[FLOW_LIST_MAX], *pre[FLOW_LIST_MAX], *g[FLOW_LIST_MAX];
    real *added; /* (channels of layer 0, n): what the context adds */
    flow_scaled_conv_scratch own[FLOW_LIST_MAX + 1];
    void *work; /* of nn/conv.h */
} conv_arrays;

/* Without keep the layers share two arrays. Returns the bytes of scratch and sets *spare_used to those of spare
 * memory. */
static size_t conv_lay_out(const conv_net *net, int n, bool keep, void *scratch, void *spare, size_t *spare_used,
                           conv_arrays *w)
{
    flow_layout stays = {.base = scratch}, goes = {.base = spare};
    bool keeps_input = flow_activation_keeps_input(net->activation);
    size_t pixels = (size_t)net->pixels * (size_t)n, work = 0;
    *w = (conv_arrays){0};
    for (int l = 0; l + 1 < net->n_layers; l++) {
        size_t count = pixels * (size_t)(keep ? net->layers[l].conv.n_out : net->widest);
        w->h[l] = keep || l < 2 ? flow_layout_take(&stays, count, sizeof(real)) : w->h[l - 2];
        w->pre[l] = w->h[l];
        if (keeps_input)
            w->pre[l] = keep || l == 0 ? flow_layout_take(&stays, count, sizeof(real)) : w->pre[0];
        w->g[l] = keep && net->pixels == 1 ? flow_layout_take(&stays, count, sizeof(real)) : w->h[l];
    }
    for (int l = 0; l < net->n_layers; l++) {
        size_t size = flow_conv_scratch_size(&net->layers[l].conv, n);
        work = size > work ? size : work;
        flow_scaled_conv_lay_out(&net->layers[l], n, keep, net->pixels == 1 ? &stays : &goes, &w->own[l]);
    }
    w->added = flow_layout_take(&goes, net->n_context > 0 ? (size_t)(net->layers[0].conv.n_out * n) : 0, sizeof(real));
    w->work = flow_layout_take(&goes, work, 1);
    *spare_used = goes.used;
    return stays.used;
}

static size_t conv_scratch_size(const void *self, int n, bool keep, size_t *spare)
{
    conv_arrays w;
    return conv_lay_out(self, n, keep, NULL, NULL, spare, &w);
}

static size_t conv_context_at(const conv_net *net, int n)
{
    return (size_t)net->pixels * (size_t)net->n_inputs * (size_t)n;
}

static void conv_apply(const void *self, const flow_pass *pass, const real *inputs, real *outputs, void *scratch)
{
    const conv_net *net = self;
    conv_arrays w;
    size_t spare_used;
    int n = pass->n;
    conv_lay_out(net, n, pass->keep, scratch, pass->spare, &spare_used, &w);
    flow_conv_term added = {NULL, false};
    if (net->n_context > 0) {
        flow_linear_apply(&net->context, pass->weights, n, inputs + conv_context_at(net, n), FLOW_ACTIVATION_NONE,
                          w.added, w.added);
        added.values = w.added;
    }
    const real *x = inputs;
    for (int l = 0; l < net->n_layers; l++) {
        bool last = l + 1 == net->n_layers;
        real *y = last ? outputs : w.h[l];
        flow_scaled_conv_prepare(&net->layers[l], pass->weights, &w.own[l]);
        flow_scaled_conv_apply(&net->layers[l], pass->weights, n, x, added,
                               last ? FLOW_ACTIVATION_NONE : net->activation, last ? y : w.pre[l], y, &w.own[l],
                               w.work);
        added.values = NULL;
        x = y;
    }
}

static void conv_backward(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs,
                          real *ginputs, void *scratch)
{
    const conv_net *net = self;
    conv_arrays w;
    size_t spare_used;
    int n = pass->n;
    assert(net->n_layers > 0);
    conv_lay_out(net, n, pass->keep, scratch, pass->spare, &spare_used, &w);
    const real *g = goutputs;
    for (int l = net->n_layers - 1; l >= 0; l--) {
        const flow_scaled_conv *layer = &net->layers[l];
        const real *x = l > 0 ? w.h[l - 1] : inputs, *pre = l > 0 ? w.pre[l - 1] : NULL;
        real *gx = l > 0 ? w.g[l - 1] : ginputs;
        flow_scaled_conv_prepare(layer, pass->weights, &w.own[l]);
        flow_scaled_conv_backward(layer, pass->weights, n, pre, x, l > 0 ? net->activation : FLOW_ACTIVATION_NONE, g,
                                  gx, &w.own[l], w.work, pass->tape);
        g = gx;
    }
    if (net->n_context == 0)
        return;
    size_t at = conv_context_at(net, n);
    flow_tape_linear(pass->tape, &net->context, inputs + at, w.own[0].gadded);
    flow_linear_backward(&net->context, pass->weights, n, w.own[0].gadded, ginputs + at);
}

const flow_conditioner_type flow_conditioner_conv = {
    .info = {.name = "conv", .help = "convolutions of 3x3, 1x1, ..., 3x3 pixels", .options = conv_table,
             .options_size = sizeof(flow_conv_options)}, .state_size = sizeof(conv_net), .configure = conv_configure,
    .release = conv_release, .scratch_size = conv_scratch_size, .apply = conv_apply,
    .backward = conv_backward,
};
