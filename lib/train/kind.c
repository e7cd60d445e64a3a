/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/kind.h"

#include <stdio.h>
#include <stdlib.h>

enum { KINDS_MAX = 16 };

/* "adam" becomes {"type": "adam"}. */
static flow_status expand(flow_json *json, flow_error *err)
{
    if (!cJSON_IsString(json->node))
        return FLOW_OK;
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || cJSON_AddStringToObject(object, "type", json->node->valuestring) == NULL) {
        cJSON_Delete(object);
        return flow_error_memory(err, json->path);
    }
    flow_json_replace(json, object);
    return FLOW_OK;
}

/* Reads "type" by itself, so that a misspelt type is reported before the keys that go with it. */
static flow_status read_type(int *index, const flow_json *json, const flow_kind *kinds, int n, flow_error *err)
{
    const char *names[KINDS_MAX + 1] = {NULL};
    for (int k = 0; k < n && k < KINDS_MAX; k++)
        names[k] = kinds[k].type;
    const flow_option table[] = {{.key = "type", .kind = FLOW_OPTION_WORD, .words = names}, FLOW_OPTIONS_END};
    flow_json alone = *json;
    alone.node = cJSON_CreateObject();
    cJSON *type = cJSON_GetObjectItemCaseSensitive(json->node, "type");
    if (alone.node == NULL || (type != NULL && !cJSON_AddItemReferenceToObject(alone.node, "type", type))) {
        cJSON_Delete(alone.node);
        return flow_error_memory(err, json->path);
    }
    *index = 0;
    flow_status status = flow_options_read(index, table, &alone, NULL, err);
    cJSON_Delete(alone.node);
    return status;
}

flow_status flow_kind_read(int *index, void **options, flow_json *json, const flow_kind *kinds, int n, flow_error *err)
{
    static const char *const also[] = {"type", NULL};
    *options = NULL;
    flow_status status = expand(json, err);
    if (status != FLOW_OK)
        return status;
    if (!cJSON_IsObject(json->node)) {
        char found[80];
        flow_json_describe(found, sizeof found, json);
        return flow_json_fail(json, err, "expected a word such as \"%s\" or an object { ... }, found %s", kinds[0].type,
                              found);
    }
    status = read_type(index, json, kinds, n, err);
    if (status != FLOW_OK)
        return status;
    const flow_kind *kind = &kinds[*index];
    char text[40];
    snprintf(text, sizeof text, "\"%s\"", kind->type);
    status = flow_option_default(json, "type", text, err);
    void *made = calloc(1, kind->options_size);
    if (status == FLOW_OK && made == NULL)
        status = flow_error_memory(err, json->path);
    if (status == FLOW_OK)
        status = flow_options_read(made, kind->options, json, also, err);
    if (status != FLOW_OK) {
        free(made);
        return status;
    }
    *options = made;
    return FLOW_OK;
}

static cJSON *object_schema(const flow_kind *kind, bool first)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON_AddStringToObject(schema, "description", kind->help);
    cJSON *properties = flow_options_schema(kind->options);
    cJSON *type = cJSON_CreateObject();
    cJSON_AddStringToObject(type, "const", kind->type);
    cJSON_AddItemToObject(properties, "type", type);
    cJSON_AddItemToObject(schema, "properties", properties);
    if (!first)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(schema, "required"), cJSON_CreateString("type"));
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    return schema;
}

void flow_kind_schema(cJSON *definitions, const char *name, const flow_kind *kinds, int n)
{
    cJSON *any = cJSON_AddArrayToObject(cJSON_AddObjectToObject(definitions, name), "anyOf");
    cJSON *word = cJSON_CreateObject();
    cJSON *names = cJSON_AddArrayToObject(word, "enum");
    for (int k = 0; k < n; k++)
        cJSON_AddItemToArray(names, cJSON_CreateString(kinds[k].type));
    cJSON_AddItemToArray(any, word);
    for (int k = 0; k < n; k++)
        cJSON_AddItemToArray(any, object_schema(&kinds[k], k == 0));
}
