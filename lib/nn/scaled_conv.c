/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/scaled_conv.h"

#include <stdio.h>
#include <string.h>

#include "num/vecmath.h"
#include "num/vector.h"

flow_status flow_scaled_conv_configure(flow_scaled_conv *layer, bool scaled, flow_shape shape, int kernel, int n_out,
                                       flow_init init, flow_params *params, const char *name, flow_error *err)
{
    layer->scaled = scaled;
    flow_status status = flow_conv_configure(&layer->conv, shape, kernel, n_out, init, params, name, err);
    char full[FLOW_NAME_SIZE];
    snprintf(full, sizeof full, "%.80s/scale", name);
    if (status == FLOW_OK && scaled)
        status = flow_params_add_weights(params, &layer->scale, full, n_out, 1, FLOW_INIT_ZERO, 1, NULL, err);
    return status;
}

void flow_scaled_conv_release(flow_scaled_conv *layer)
{
    flow_conv_release(&layer->conv);
}

/* Arrays of weights are padded to whole vectors (nn/params.h). */
static size_t padded(size_t n)
{
    return (n + FLOW_LANES - 1) / FLOW_LANES * FLOW_LANES;
}

void flow_scaled_conv_lay_out(const flow_scaled_conv *layer, int n, bool keep, flow_layout *layout,
                              flow_scaled_conv_scratch *own)
{
    size_t n_out = (size_t)layer->conv.n_out, copied = layer->scaled ? flow_conv_weights(&layer->conv) + n_out : 0;
    size_t scales = layer->scaled ? padded(n_out) : 0;
    *own = (flow_scaled_conv_scratch){.factor = flow_layout_take(layout, scales, sizeof(real)),
                                      .weights = flow_layout_take(layout, copied, sizeof(real))};
    if (!keep)
        return;
    own->gweights = flow_layout_take(layout, copied, sizeof(real));
    own->gs = flow_layout_take(layout, scales, sizeof(real));
    own->gadded = flow_layout_take(layout, n_out * (size_t)n, sizeof(real));
}

/* The number of rows of the weights, each of n_out. */
static int n_rows(const flow_conv *conv)
{
    return conv->rows * conv->cols * conv->n_in;
}

void flow_scaled_conv_prepare(const flow_scaled_conv *layer, const real *weights, const flow_scaled_conv_scratch *own)
{
    const flow_conv *conv = &layer->conv;
    size_t n_out = (size_t)conv->n_out;
    if (!layer->scaled)
        return;
    flow_vec_exp(padded(n_out), weights + layer->scale, own->factor);
    flow_rows_multiply(n_rows(conv), conv->n_out, own->factor, weights + conv->weight, own->weights);
    memcpy(own->weights + flow_conv_weights(conv), weights + conv->bias, n_out * sizeof *weights);
}

/* The convolution, as its weights stand in the copy. */
static flow_conv copy_of(const flow_conv *conv)
{
    flow_conv copy = *conv;
    copy.weight = copy.transposed.weight = 0;
    copy.bias = flow_conv_weights(conv);
    return copy;
}

void flow_scaled_conv_apply(const flow_scaled_conv *layer, const real *weights, int n, const real *x,
                            flow_conv_term added, flow_activation kind, real *pre, real *y,
                            const flow_scaled_conv_scratch *own, void *scratch)
{
    const flow_conv copy = copy_of(&layer->conv);
    flow_conv_apply(layer->scaled ? &copy : &layer->conv, layer->scaled ? own->weights : weights, n, x, added, kind,
                    pre, y, scratch);
}

/* With V = W exp(s), whose gradient is gV: that of s is the sum of V gV over a column, that of W is gV exp(s). */
void flow_scaled_conv_backward(const flow_scaled_conv *layer, const real *weights, int n, const real *x_pre,
                               const real *x, flow_activation kind, const real *gpre, real *gx,
                               const flow_scaled_conv_scratch *own, void *scratch, flow_tape *tape)
{
    const flow_conv *conv = &layer->conv;
    if (!layer->scaled) {
        flow_conv_backward(conv, weights, n, x_pre, x, kind, gpre, gx, own->gadded, scratch, tape);
        return;
    }
    const flow_conv copy = copy_of(conv);
    size_t n_out = (size_t)conv->n_out, count = flow_conv_weights(conv);
    flow_tape once = {.n = n, .gradient = own->gweights};
    memset(own->gweights, 0, (count + n_out) * sizeof *own->gweights);
    flow_conv_backward(&copy, own->weights, n, x_pre, x, kind, gpre, gx, own->gadded, scratch,
                       tape != NULL ? &once : NULL);
    if (tape == NULL)
        return;
    memset(own->gs, 0, n_out * sizeof *own->gs);
    flow_rows_add_products(n_rows(conv), conv->n_out, own->weights, own->gweights, own->gs);
    flow_rows_multiply(n_rows(conv), conv->n_out, own->factor, own->gweights, own->gweights);
    flow_tape_sums(tape, conv->weight, (int)count, own->gweights);
    flow_tape_sums(tape, conv->bias, conv->n_out, own->gweights + count);
    flow_tape_sums(tape, layer->scale, conv->n_out, own->gs);
}
