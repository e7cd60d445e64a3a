/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/typed.h"

#include <stdlib.h>

#include "core/text.h"

flow_status flow_typed_name(const char **type, flow_json *spec, const char *what, flow_error *err)
{
    if (cJSON_IsString(spec->node)) {
        cJSON *object = cJSON_CreateObject();
        if (object == NULL || cJSON_AddStringToObject(object, "type", spec->node->valuestring) == NULL) {
            cJSON_Delete(object);
            return flow_error_memory(err, what);
        }
        flow_json_replace(spec, object);
    }
    if (!cJSON_IsObject(spec->node)) {
        char found[80];
        flow_json_describe(found, sizeof found, spec);
        return flow_json_fail(spec, err, "expected %s, an object with a \"type\", found %s", what, found);
    }
    flow_json at = flow_json_member(spec, "type");
    if (!cJSON_IsString(at.node))
        return flow_json_fail(spec, err, "the key \"type\" is missing: it names %s", what);
    *type = at.node->valuestring;
    return FLOW_OK;
}

flow_status flow_typed_unknown(const flow_json *spec, const char *type, const char *const *known, int n_known,
                               flow_error *err)
{
    flow_json at = flow_json_member(spec, "type");
    const char *nearest = flow_nearest(type, known, n_known);
    if (nearest != NULL)
        return flow_json_fail(&at, err, "unknown type \"%.60s\"; did you mean \"%s\"?", type, nearest);
    flow_text list = {0};
    for (int i = 0; i < n_known; i++)
        flow_text_add(&list, "%s%s", i == 0 ? "" : ", ", known[i]);
    flow_status status =
        flow_json_fail(&at, err, "unknown type \"%.60s\"; there are %s", type, list.data != NULL ? list.data : "none");
    flow_text_free(&list);
    return status;
}
