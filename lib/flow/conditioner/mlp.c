/* A multilayer perceptron (nn/mlp.h) over all inputs at once: of an image, those of all pixels. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/conditioner.h"

typedef struct mlp_options {
    flow_net_options net;
} mlp_options;

static const flow_option mlp_table[] = {FLOW_NET_OPTIONS(mlp_options, net), FLOW_OPTIONS_END};

static flow_status mlp_configure(void *self, const void *options, const flow_conditioner_task *task,
                                 flow_params *params, flow_error *err)
{
    int pixels = task->shape.height * task->shape.width;
    return flow_mlp_configure(self, &((const mlp_options *)options)->net, pixels * task->n_inputs + task->n_context,
                              pixels * task->n_outputs, NULL, FLOW_INIT_ZERO, params, err);
}

static void mlp_release(void *self)
{
    flow_mlp_release(self);
}

static size_t mlp_scratch_size(const void *self, int n, bool keep, size_t *spare)
{
    *spare = 0;
    return flow_mlp_scratch_size(self, n, keep);
}

static void mlp_apply(const void *self, const flow_pass *pass, const real *inputs, real *outputs, void *scratch)
{
    flow_mlp_apply(self, pass->weights, pass->n, inputs, outputs, scratch);
}

static void mlp_backward(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs,
                         real *ginputs, void *scratch)
{
    flow_mlp_backward(self, pass->weights, pass->n, inputs, goutputs, ginputs, scratch, pass->tape);
}

const flow_conditioner_type flow_conditioner_mlp = {
    .info = {.name = "mlp", .help = "a multilayer perceptron", .options = mlp_table,
             .options_size = sizeof(mlp_options)}, .state_size = sizeof(flow_mlp), .configure = mlp_configure,
    .release = mlp_release, .scratch_size = mlp_scratch_size, .apply = mlp_apply, .backward = mlp_backward,
};
