/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/made.h"

#include <stdlib.h>
#include <string.h>

#include "num/gemm.h"
#include "num/vector.h"

/* The degree of a unit. Degrees are sorted and spread evenly (Germain et al. 2015, sec. 4.2, draws them at random):
 * 1 ... dim - 1 without a context, where a unit of degree 0 would be a constant, and 0 ... dim - 1 with one. With fewer
 * units than degrees, the highest degree has a unit if there is no context; with a context the lowest has one, so that
 * all outputs can use the context. */
static int made_degree(const flow_made *made, int unit, int width)
{
    long span = made->dim - 1;
    if (made->n_context > 0)
        return (int)((long)unit * made->dim / width);
    return (int)(((unit + 1) * span + width - 1) / width);
}

/* The first unit of degree g or more, by a formula: with many columns a table of dim numbers per layer would be larger
 * than the weights. */
static int first_unit(const flow_made *made, int g, int width)
{
    long span = made->dim - 1;
    if (g <= 0)
        return 0;
    if (g > span)
        return width;
    if (made->n_context > 0)
        return (int)(((long)g * width + made->dim - 1) / made->dim);
    return (int)((g - 1) * (long)width / span);
}

int flow_made_before(const flow_made *made, int i)
{
    return made->before != NULL ? made->before[i] : i;
}

static void fill_extents(const flow_made *made, const flow_net_options *options, const flow_made_shape *shape, int l,
                         int *extent)
{
    int n_hidden = options->hidden.n, dim = made->dim;
    int width = l < n_hidden ? options->hidden.at[l] : made->n_params * dim;
    for (int unit = 0; unit < width; unit++) {
        bool output = l == n_hidden;
        int g = output ? unit % dim : made_degree(made, unit, width);
        /* without hidden layers output i sees the inputs before dimension i, like a unit of degree i */
        extent[unit] =
            l == 0 ? made->n_context + flow_made_before(made, g) : first_unit(made, g + 1, options->hidden.at[l - 1]);
        if (output && shape->n_used != NULL && unit / dim >= shape->n_used[g])
            extent[unit] = 0;
    }
}

static flow_status count_inputs(flow_made *made, const int *n_inputs, flow_error *err)
{
    if (n_inputs == NULL)
        return FLOW_OK;
    made->before = calloc((size_t)made->dim + 1, sizeof *made->before);
    if (made->before == NULL)
        return flow_error_memory(err, "the inputs of a network");
    for (int i = 0; i < made->dim; i++)
        made->before[i + 1] = made->before[i] + n_inputs[i];
    return FLOW_OK;
}

flow_status flow_made_configure(flow_made *made, const flow_net_options *options, int n_context, int dim, int n_params,
                                flow_params *params, flow_error *err)
{
    const flow_made_shape shape = {NULL, NULL};
    return flow_made_configure_shaped(made, options, n_context, dim, n_params, &shape, params, err);
}

flow_status flow_made_configure_shaped(flow_made *made, const flow_net_options *options, int n_context, int dim,
                                       int n_params, const flow_made_shape *shape, flow_params *params, flow_error *err)
{
    made->n_context = n_context;
    made->dim = dim;
    made->n_params = n_params;
    made->before = NULL;
    int *extents[FLOW_LIST_MAX + 1] = {NULL};
    flow_status status = count_inputs(made, shape->n_inputs, err);
    int n_hidden = options->hidden.n;
    for (int l = 0; l <= n_hidden && status == FLOW_OK; l++) {
        size_t width = l < n_hidden ? (size_t)options->hidden.at[l] : (size_t)n_params * (size_t)dim;
        extents[l] = malloc((width + 1) * sizeof *extents[l]);
        if (extents[l] == NULL)
            status = flow_error_memory(err, "the masks of a network");
        else
            fill_extents(made, options, shape, l, extents[l]);
    }
    if (status == FLOW_OK)
        status = flow_mlp_configure(&made->mlp, options, n_context + flow_made_before(made, dim), n_params * dim,
                                    extents, FLOW_INIT_ZERO, params, err);
    for (int l = 0; l <= n_hidden; l++)
        free(extents[l]);
    return status;
}

void flow_made_release(flow_made *made)
{
    flow_mlp_release(&made->mlp);
    free(made->before);
}

void flow_made_units(const flow_made *made, int l, int g, int *first, int *last)
{
    int width = made->mlp.layers[l].n_out;
    *first = first_unit(made, g, width);
    *last = first_unit(made, g + 1, width);
}

/* ------------------------------------------------------------------ steps */

static const flow_linear *output_layer(const flow_made *made)
{
    return &made->mlp.layers[made->mlp.n_layers - 1];
}

/* The parameters of dimension i. They are every dim-th unit of the last layer: a matrix (n_params, depth) whose rows
 * are far apart. */
static void output_step(const flow_made *made, const real *weights, int n, int i, const real *h, real *theta)
{
    const flow_linear *layer = output_layer(made);
    const real *w = weights + layer->weight + (size_t)i * (size_t)layer->n_in;
    flow_gemm(false, false, made->n_params, n, layer->extent[i], w, made->dim * layer->n_in, h, n, 0,
              theta + (size_t)i * (size_t)n, made->dim * n);
    for (int p = 0; p < made->n_params; p++) {
        int unit = p * made->dim + i;
        real *row = theta + (size_t)unit * (size_t)n;
        flow_activation_apply(FLOW_ACTIVATION_NONE, 1, n, weights + layer->bias + unit, row, row);
    }
}

void flow_made_step(const flow_made *made, const real *weights, int n, int i, const real *x, real *theta, void *scratch)
{
    flow_mlp_scratch w;
    flow_mlp_lay_out(&made->mlp, n, false, scratch, &w);
    const real *in = x;
    for (int l = 0; l + 1 < made->mlp.n_layers; l++) {
        int first, last;
        flow_made_units(made, l, i, &first, &last);
        flow_linear_apply_units(&made->mlp.layers[l], weights, n, first, last, in, made->mlp.activation, w.pre[l],
                                w.a[l]);
        if (flow_mlp_adds_input(&made->mlp, l)) {
            size_t at = (size_t)first * (size_t)n, count = (size_t)(last - first) * (size_t)n;
            flow_vec_sum(count, w.a[l] + at, in + at, w.h[l] + at);
        }
        in = w.h[l];
    }
    output_step(made, weights, n, i, in, theta);
}

void flow_made_start_backward(const flow_made *made, int n, void *scratch)
{
    flow_mlp_scratch w;
    flow_mlp_lay_out(&made->mlp, n, true, scratch, &w);
    for (int l = 0; l + 1 < made->mlp.n_layers; l++)
        memset(w.gh[l], 0, (size_t)made->mlp.layers[l].n_out * (size_t)n * sizeof(real));
}

void flow_made_step_backward(const flow_made *made, const real *weights, int n, int i, const real *gtheta, real *gx,
                             void *scratch)
{
    flow_mlp_scratch w;
    flow_mlp_lay_out(&made->mlp, n, true, scratch, &w);
    int top = made->mlp.n_layers - 2; /* the last hidden layer; -1: none */
    const flow_linear *output = output_layer(made);
    const real *weight = weights + output->weight + (size_t)i * (size_t)output->n_in;
    flow_gemm(true, false, output->extent[i], n, made->n_params, weight, made->dim * output->n_in,
              gtheta + (size_t)i * (size_t)n, made->dim * n, 1, top >= 0 ? w.gh[top] : gx, n);
    for (int l = top; l >= 0; l--) {
        int first, last;
        flow_made_units(made, l, i, &first, &last);
        if (first == last)
            continue;
        size_t at = (size_t)first * (size_t)n;
        flow_activation_backward(made->mlp.activation, last - first, n, w.pre[l] + at, w.a[l] + at, w.gh[l] + at,
                                 w.gpre[l] + at);
        real *gin = l > 0 ? w.gh[l - 1] : gx;
        if (flow_mlp_adds_input(&made->mlp, l))
            flow_vec_add((size_t)(last - first) * (size_t)n, w.gh[l] + at, gin + at);
        flow_linear_backward_units(&made->mlp.layers[l], weights, n, first, last, w.gpre[l], gin);
    }
}

void flow_made_record(const flow_made *made, int n, const real *x, const real *gtheta, void *scratch, flow_tape *tape)
{
    flow_mlp_scratch w;
    flow_mlp_lay_out(&made->mlp, n, true, scratch, &w);
    for (int l = 0; l < made->mlp.n_layers; l++) {
        bool last = l + 1 == made->mlp.n_layers;
        flow_tape_linear(tape, &made->mlp.layers[l], l > 0 ? w.h[l - 1] : x, last ? gtheta : w.gpre[l]);
    }
}
