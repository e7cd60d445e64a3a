/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/design.h"

#include "core/read.h"
#include "core/schema.h"

typedef struct alone {
    flow_design design;
} alone;

const flow_option flow_design_table[] = {
    FLOW_DESIGN_OPTIONS(alone, design),
    FLOW_OPTIONS_END,
};

/* ---- transitional ---- */

flow_status flow_new(flow **out, flow_json *list, flow_json *base, int dim, uint64_t seed, flow_error *err)
{
    const flow_row_layout layout = {.dim = dim};
    flow_json none = {0};
    return flow_new_conditional(out, list, base, &none, &layout, seed, err);
}

flow_status flow_new_conditional(flow **out, flow_json *list, flow_json *base, flow_json *embedding,
                                 const flow_row_layout *layout, uint64_t seed, flow_error *err)
{
    flow_design design = {0};
    flow_embedding_options network = {0};
    flow_arena arena = {0};
    flow_status status = FLOW_OK;
    *out = NULL;
    if (list->node != NULL)
        status = flow_read_choice_list(&design.maps, &flow_maps, list, &arena, err);
    if (status == FLOW_OK && base->node != NULL)
        status = flow_read_choice(&design.base, &flow_bases, "\"normal\"", base, &arena, err);
    if (status == FLOW_OK && embedding->node != NULL) {
        design.embedding = &network;
        status = flow_read_options(&network, flow_embedding_table, embedding, &arena, err);
    }
    if (status == FLOW_OK)
        status = flow_build(out, &design, layout, seed, err);
    flow_arena_release(&arena);
    return status;
}

void flow_design_schema(cJSON *definitions)
{
    cJSON *schema = flow_schema_object(flow_design_table, definitions);
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    cJSON_AddItemToObject(definitions, "flow", cJSON_DetachItemFromObjectCaseSensitive(properties, "flow"));
    cJSON_Delete(schema);
}
