/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/mlp.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "num/vector.h"

flow_status flow_mlp_configure(flow_mlp *mlp, const flow_net_options *options, int n_in, int n_out, int *const *extents,
                               flow_init last, flow_params *params, flow_error *err)
{
    int n_hidden = options->hidden.n;
    mlp->activation = (flow_activation)options->activation;
    mlp->residual = options->residual;
    mlp->n_layers = n_hidden + 1;
    for (int l = 1; options->residual && l < n_hidden; l++)
        if (options->hidden.at[l] != options->hidden.at[0])
            return flow_error_set(err, FLOW_SPEC,
                                  "hidden: \"residual\" needs hidden layers of equal width, found %d "
                                  "and %d",
                                  options->hidden.at[0], options->hidden.at[l]);
    for (int l = 0; l <= n_hidden; l++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d", l);
        int width = l < n_hidden ? options->hidden.at[l] : n_out;
        flow_init init = l < n_hidden ? FLOW_INIT_FAN_IN : last;
        flow_status status = flow_linear_configure(&mlp->layers[l], n_in, width, extents != NULL ? extents[l] : NULL,
                                                   init, params, name, err);
        if (status != FLOW_OK)
            return status;
        n_in = width;
    }
    return FLOW_OK;
}

void flow_mlp_release(flow_mlp *mlp)
{
    for (int l = 0; l < mlp->n_layers; l++)
        flow_linear_release(&mlp->layers[l]);
    mlp->n_layers = 0;
}

bool flow_mlp_adds_input(const flow_mlp *mlp, int l)
{
    return mlp->residual && l > 0;
}

size_t flow_mlp_lay_out(const flow_mlp *mlp, int n, bool keep, void *scratch, flow_mlp_scratch *arrays)
{
    flow_layout layout = {.base = scratch};
    bool keeps_input = flow_activation_keeps_input(mlp->activation);
    for (int l = 0; l + 1 < mlp->n_layers; l++) {
        size_t count = (size_t)mlp->layers[l].n_out * (size_t)n;
        bool adds = flow_mlp_adds_input(mlp, l);
        arrays->a[l] = flow_layout_take(&layout, count, sizeof(real));
        arrays->h[l] = adds ? flow_layout_take(&layout, count, sizeof(real)) : arrays->a[l];
        arrays->pre[l] = keeps_input ? flow_layout_take(&layout, count, sizeof(real)) : arrays->a[l];
    }
    for (int l = 0; l + 1 < mlp->n_layers && keep; l++) {
        size_t count = (size_t)mlp->layers[l].n_out * (size_t)n;
        arrays->gh[l] = flow_layout_take(&layout, count, sizeof(real));
        arrays->gpre[l] = flow_mlp_adds_input(mlp, l) ? flow_layout_take(&layout, count, sizeof(real)) : arrays->gh[l];
    }
    return layout.used;
}

size_t flow_mlp_scratch_size(const flow_mlp *mlp, int n, bool keep)
{
    flow_mlp_scratch arrays;
    return flow_mlp_lay_out(mlp, n, keep, NULL, &arrays);
}

void flow_mlp_apply(const flow_mlp *mlp, const real *weights, int n, const real *x, real *y, void *scratch)
{
    flow_mlp_scratch w;
    flow_mlp_lay_out(mlp, n, false, scratch, &w);
    int last = mlp->n_layers - 1;
    for (int l = 0; l < last; l++) {
        flow_linear_apply(&mlp->layers[l], weights, n, x, mlp->activation, w.pre[l], w.a[l]);
        if (flow_mlp_adds_input(mlp, l))
            flow_vec_sum((size_t)mlp->layers[l].n_out * (size_t)n, x, w.a[l], w.h[l]);
        x = w.h[l];
    }
    flow_linear_apply(&mlp->layers[last], weights, n, x, FLOW_ACTIVATION_NONE, y, y);
}

void flow_mlp_backward(const flow_mlp *mlp, const real *weights, int n, const real *x, const real *gy, real *gx,
                       void *scratch, flow_tape *tape)
{
    flow_mlp_scratch w;
    assert(mlp->n_layers > 0);
    flow_mlp_lay_out(mlp, n, true, scratch, &w);
    int last = mlp->n_layers - 1;
    const real *g = gy;
    for (int l = last; l >= 0; l--) {
        const flow_linear *layer = &mlp->layers[l];
        const real *in = l > 0 ? w.h[l - 1] : x;
        real *gin = l > 0 ? w.gh[l - 1] : gx;
        if (l < last) {
            flow_activation_backward(mlp->activation, layer->n_out, n, w.pre[l], w.a[l], w.gh[l], w.gpre[l]);
            g = w.gpre[l];
        }
        flow_tape_linear(tape, layer, in, g);
        flow_linear_backward(layer, weights, n, g, gin);
        if (l < last && flow_mlp_adds_input(mlp, l))
            flow_vec_add((size_t)layer->n_out * (size_t)n, w.gh[l], gin);
    }
}
