/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/layout.h"

#include <stdio.h>

void flow_stored_parameter(flow_stored *out, const flow_params *params, const flow_param *entry, const real *weights)
{
    snprintf(out->path, sizeof out->path, "%s/%s", FLOW_MODEL_PARAMETERS, entry->name);
    out->array = (flow_array){.name = out->path, .kind = entry->trainable ? FLOW_ARRAY_REAL : FLOW_ARRAY_DOUBLE,
                              .rows = (size_t)entry->rows, .cols = (size_t)entry->cols};
    out->array.data = entry->trainable ? (void *)(weights + entry->offset) : params->fitted + entry->offset;
}

flow_status flow_stored_state(flow_stored *out, const flow_array *state, flow_error *err)
{
    int length = snprintf(out->path, sizeof out->path, "%s/%s", FLOW_MODEL_TRAINING, state->name);
    if (length < 0 || (size_t)length >= sizeof out->path)
        return flow_error_set(err, FLOW_ARGUMENT, "the name %.60s... is too long", state->name);
    out->array = *state;
    out->array.name = out->path;
    return FLOW_OK;
}
