/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/conditioner/conditioners.h"

#include <stdlib.h>

#define X(name) &flow_conditioner_##name.info,
static const flow_type_info *const conditioner_types[] = {FLOW_CONDITIONERS(X) NULL};
static const flow_type_info *const masked_types[] = {FLOW_MASKED_CONDITIONERS(X) NULL};
#undef X

const flow_choices flow_conditioners = {
    .definition = "conditioner", .what = "a conditioner", .types = conditioner_types};
const flow_choices flow_masked_conditioners = {
    .definition = "masked_conditioner", .what = "a masked conditioner", .types = masked_types};

flow_status flow_conditioner_new(flow_conditioner *out, const flow_choice *choice, const flow_conditioner_task *task,
                                 flow_params *params, flow_error *err)
{
    const flow_conditioner_type *type = (const flow_conditioner_type *)choice->type;
    *out = (flow_conditioner){type, calloc(1, type->state_size)};
    return out->state == NULL ? flow_error_memory(err, "a conditioner")
                              : type->configure(out->state, choice->options, task, params, err);
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
