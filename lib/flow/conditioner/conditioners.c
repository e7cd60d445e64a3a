/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/conditioner/conditioners.h"

#include <stdlib.h>

#include "core/read.h"
#include "flow/conditioner/options.h"

typedef struct network_options {
    flow_net_options net;
} network_options;

static const flow_option network_table[] = {FLOW_NET_OPTIONS(network_options, net), FLOW_OPTIONS_END};
static const flow_type_info network = {
    FLOW_INFO("network", "mlp for tables, conv for images", network_table, network_options)};

#define X(name) &flow_conditioner_##name.info,
static const flow_type_info *const conditioner_types[] = {&network, FLOW_CONDITIONERS(X) NULL};
static const flow_type_info *const masked_types[] = {FLOW_MASKED_CONDITIONERS(X) NULL};
#undef X

const flow_choices flow_conditioners = {
    .definition = "conditioner", .what = "a conditioner", .types = conditioner_types};
const flow_choices flow_masked_conditioners = {
    .definition = "masked_conditioner", .what = "a masked conditioner", .types = masked_types};

/* The options of conv are its defaults with the keys of "network". */
static flow_status network_resolve(flow_choice *choice, flow_shape shape, flow_arena *arena, flow_error *err)
{
    const network_options *asked = choice->options;
    const bool image = flow_shape_pixels(shape) > 1;
    flow_choice chosen;
    FLOW_TRY(flow_choice_default(&chosen, &flow_conditioners, image ? "conv" : "mlp", arena, err));
    if (image && asked->net.residual)
        return flow_option_fail(err, "conditioner", "networks of images with \"residual\" are called \"resnet\"");
    choice->type = chosen.type;
    if (!image)
        return FLOW_OK;
    flow_conv_options *options = flow_arena_take(arena, 1, sizeof *options);
    if (options == NULL)
        return flow_error_memory(err, "a conditioner");
    *options = *(const flow_conv_options *)chosen.options;
    options->hidden = asked->net.hidden;
    options->activation = asked->net.activation;
    choice->options = options;
    return FLOW_OK;
}

static flow_status conditioner_make(flow_conditioner *out, const flow_choice *choice,
                                    const flow_conditioner_task *task, flow_params *params, flow_error *err)
{
    const flow_conditioner_type *type = (const flow_conditioner_type *)choice->type;
    *out = (flow_conditioner){type, calloc(1, type->state_size)};
    return out->state == NULL ? flow_error_memory(err, "a conditioner")
                              : type->configure(out->state, choice->options, task, params, err);
}

flow_status flow_conditioner_new(flow_conditioner *out, const flow_choice *choice, const flow_conditioner_task *task,
                                 flow_params *params, flow_error *err)
{
    flow_choice chosen = *choice;
    flow_arena arena = {0};
    flow_status status = FLOW_OK;
    if (chosen.type == &network)
        status = network_resolve(&chosen, task->shape, &arena, err);
    if (status == FLOW_OK)
        status = conditioner_make(out, &chosen, task, params, err);
    flow_arena_release(&arena);
    return status;
}

void flow_conditioner_release(flow_conditioner *conditioner)
{
    if (conditioner->state != NULL)
        conditioner->type->release(conditioner->state);
    free(conditioner->state);
    *conditioner = (flow_conditioner){0};
}

flow_status flow_masked_conditioner_new(flow_masked_conditioner *out, const flow_choice *choice,
                                        const flow_masked_task *task, flow_params *params, flow_error *err)
{
    const flow_masked_conditioner_type *type = (const flow_masked_conditioner_type *)choice->type;
    *out = (flow_masked_conditioner){type, calloc(1, type->state_size)};
    return out->state == NULL ? flow_error_memory(err, "a conditioner")
                              : type->configure(out->state, choice->options, task, params, err);
}

void flow_masked_conditioner_release(flow_masked_conditioner *conditioner)
{
    if (conditioner->state != NULL)
        conditioner->type->release(conditioner->state);
    free(conditioner->state);
    *conditioner = (flow_masked_conditioner){0};
}
