/* A masked multilayer perceptron (nn/made.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/conditioner.h"

typedef struct made_options {
    flow_net_options net;
} made_options;

static const flow_option made_table[] = {FLOW_NET_OPTIONS(made_options, net), FLOW_OPTIONS_END};

static flow_status made_configure(void *self, const void *options, const flow_masked_task *task, flow_params *params,
                                  flow_error *err)
{
    static const flow_made_shape usual = {NULL, NULL};
    return flow_made_configure_shaped(self, &((const made_options *)options)->net, task->n_context, task->dim,
                                      task->n_params, task->shape != NULL ? task->shape : &usual, params, err);
}

static void made_release(void *self)
{
    flow_made_release(self);
}

static size_t made_scratch_size(const void *self, int n, bool keep)
{
    return flow_mlp_scratch_size(&((const flow_made *)self)->mlp, n, keep);
}

static int made_before(const void *self, int i)
{
    return flow_made_before(self, i);
}

static void made_apply(const void *self, const flow_pass *pass, const real *inputs, real *outputs, void *scratch)
{
    flow_mlp_apply(&((const flow_made *)self)->mlp, pass->weights, pass->n, inputs, outputs, scratch);
}

static void made_backward(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs,
                          real *ginputs, void *scratch)
{
    flow_mlp_backward(&((const flow_made *)self)->mlp, pass->weights, pass->n, inputs, goutputs, ginputs, scratch,
                      pass->tape);
}

static void made_step(const void *self, const flow_pass *pass, int i, const real *inputs, real *outputs, void *scratch)
{
    flow_made_step(self, pass->weights, pass->n, i, inputs, outputs, scratch);
}

static void made_start_backward(const void *self, const flow_pass *pass, void *scratch)
{
    flow_made_start_backward(self, pass->n, scratch);
}

static void made_step_backward(const void *self, const flow_pass *pass, int i, const real *goutputs, real *ginputs,
                               void *scratch)
{
    flow_made_step_backward(self, pass->weights, pass->n, i, goutputs, ginputs, scratch);
}

static void made_record(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs,
                        void *scratch)
{
    flow_made_record(self, pass->n, inputs, goutputs, scratch, pass->tape);
}

const flow_masked_conditioner_type flow_conditioner_made = {
    .info = {.name = "made", .help = "a masked multilayer perceptron", .options = made_table,
             .options_size = sizeof(made_options)}, .state_size = sizeof(flow_made), .configure = made_configure,
    .release = made_release, .scratch_size = made_scratch_size, .before = made_before, .apply = made_apply,
    .backward = made_backward, .step = made_step, .start_backward = made_start_backward,
    .step_backward = made_step_backward, .record = made_record,
};
