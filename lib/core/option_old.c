/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/option_old.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static const char *const kind_names[] = {"true or false", "a whole number", "a number", "one of the words", "a text",
                                         "a list of whole numbers"};

static flow_status wrong_kind(const flow_json *at, flow_option_kind kind, flow_error *err)
{
    char found[80];
    flow_json_describe(found, sizeof found, at);
    return flow_json_fail(at, err, "expected %s, found %s", kind_names[kind], found);
}

static flow_status wrong_type(const flow_json *at, const flow_option *option, flow_error *err)
{
    return wrong_kind(at, option->kind, err);
}

static flow_status check_range(const flow_json *at, const flow_option *option, double value, flow_error *err)
{
    if (value >= option->least && value <= option->most)
        return FLOW_OK;
    char found[FLOW_NUMBER_SIZE], least[FLOW_NUMBER_SIZE], most[FLOW_NUMBER_SIZE];
    flow_number_print(found, value);
    flow_number_print(least, option->least);
    flow_number_print(most, option->most);
    if (isinf(option->most) || (option->most >= 9e15 && value < option->least))
        return flow_json_fail(at, err, "%s is out of range; allowed is %s or more", found, least);
    return flow_json_fail(at, err, "%s is out of range; allowed is %s to %s", found, least, most);
}

static flow_status read_whole(int64_t *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsNumber(at->node))
        return wrong_kind(at, FLOW_OPTION_INT, err);
    double value = at->node->valuedouble;
    flow_status status = check_range(at, option, value, err);
    if (status != FLOW_OK)
        return status;
    if (value != floor(value) || fabs(value) > 9007199254740992.0)
        return wrong_kind(at, FLOW_OPTION_INT, err);
    *out = (int64_t)value;
    return FLOW_OK;
}

static flow_status read_choice(int *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsString(at->node))
        return wrong_type(at, option, err);
    int n = 0;
    for (; option->words[n] != NULL; n++) {
        if (strcmp(option->words[n], at->node->valuestring) == 0) {
            *out = n;
            return FLOW_OK;
        }
    }
    flow_text list = {0};
    for (int i = 0; i < n; i++)
        flow_text_add(&list, "%s\"%s\"", i == 0 ? "" : i + 1 == n ? " or " : ", ", option->words[i]);
    const char *nearest = flow_nearest(at->node->valuestring, option->words, n);
    flow_status status = flow_json_fail(at, err, "found \"%.60s\", allowed is %s%s%s%s", at->node->valuestring,
                                        list.data != NULL ? list.data : "", nearest != NULL ? "; did you mean \"" : "",
                                        nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    flow_text_free(&list);
    return status;
}

static flow_status read_list(flow_int_list *out, const flow_json *at, const flow_option *option, flow_error *err)
{
    if (!cJSON_IsArray(at->node))
        return wrong_type(at, option, err);
    int n = cJSON_GetArraySize(at->node);
    if (n > FLOW_LIST_MAX)
        return flow_json_fail(at, err, "%d elements, at most %d are allowed", n, FLOW_LIST_MAX);
    out->n = n;
    for (int i = 0; i < n; i++) {
        flow_json element = flow_json_element(at, i);
        int64_t value = 0;
        flow_status status = read_whole(&value, &element, option, err);
        if (status != FLOW_OK)
            return status;
        out->at[i] = (int)value;
    }
    return FLOW_OK;
}

static flow_status read_one(void *out, const flow_option *option, const flow_json *at, flow_error *err)
{
    void *member = (char *)out + option->offset;
    switch (option->kind) {
    case FLOW_OPTION_FLAG:
        if (!cJSON_IsBool(at->node))
            return wrong_type(at, option, err);
        *(bool *)member = cJSON_IsTrue(at->node);
        return FLOW_OK;
    case FLOW_OPTION_INT:
        return read_whole(member, at, option, err);
    case FLOW_OPTION_NUMBER:
        if (!cJSON_IsNumber(at->node))
            return wrong_type(at, option, err);
        *(double *)member = at->node->valuedouble;
        return check_range(at, option, at->node->valuedouble, err);
    case FLOW_OPTION_WORD:
        return read_choice(member, at, option, err);
    case FLOW_OPTION_TEXT:
        if (!cJSON_IsString(at->node))
            return wrong_type(at, option, err);
        *(const char **)member = at->node->valuestring;
        return FLOW_OK;
    case FLOW_OPTION_INTS:
        return read_list(member, at, option, err);
    case FLOW_OPTION_JSON:
        *(flow_json *)member = *at;
        return FLOW_OK;
    default:
        return FLOW_OK;
    }
    return FLOW_OK;
}

/* Not by its address: each source has its own copy of the text. */
static bool is_required(const flow_option *option)
{
    return option->fallback != NULL && option->fallback[0] == '\0';
}

static bool is_known(const char *key, const flow_option *table, const char *const *also)
{
    for (const flow_option *option = table; option->key != NULL; option++)
        if (strcmp(option->key, key) == 0)
            return true;
    for (; also != NULL && *also != NULL; also++)
        if (strcmp(*also, key) == 0)
            return true;
    return false;
}

static flow_status refuse_unknown(const flow_option *table, const flow_json *object, const char *const *also,
                                  flow_error *err)
{
    for (const cJSON *child = object->node->child; child != NULL; child = child->next) {
        if (is_known(child->string, table, also))
            continue;
        enum { MOST = 64 };
        const char *known[MOST];
        int n = 0;
        for (; also != NULL && *also != NULL && n < MOST; also++)
            known[n++] = *also;
        for (const flow_option *option = table; option->key != NULL && n < MOST; option++)
            known[n++] = option->key;
        return flow_json_unknown(object, child->string, known, n, err);
    }
    return FLOW_OK;
}

flow_status flow_option_default(flow_json *object, const char *key, const char *value, flow_error *err)
{
    if (cJSON_GetObjectItemCaseSensitive(object->node, key) != NULL)
        return FLOW_OK;
    cJSON *node = cJSON_Parse(value);
    if (node == NULL || !cJSON_AddItemToObject(object->node, key, node)) {
        cJSON_Delete(node);
        return flow_error_memory(err, "a default value");
    }
    return FLOW_OK;
}

flow_status flow_options_read(void *out, const flow_option *table, flow_json *object, const char *const *also,
                              flow_error *err)
{
    if (!cJSON_IsObject(object->node)) {
        char found[80];
        flow_json_describe(found, sizeof found, object);
        return flow_json_fail(object, err, "expected an object { ... }, found %s", found);
    }
    flow_status status = refuse_unknown(table, object, also, err);
    for (const flow_option *option = table; status == FLOW_OK && option->key != NULL; option++) {
        if (is_required(option)) {
            if (cJSON_GetObjectItemCaseSensitive(object->node, option->key) == NULL)
                return flow_json_fail(object, err, "the key \"%s\" is missing: %s", option->key, option->help);
        } else if (option->fallback != NULL) {
            status = flow_option_default(object, option->key, option->fallback, err);
        }
        if (status != FLOW_OK)
            break;
        flow_json at = flow_json_member(object, option->key);
        bool absent = at.node == NULL || (option->fallback == NULL && cJSON_IsNull(at.node));
        if (!absent)
            status = read_one(out, option, &at, err);
    }
    return status;
}

static cJSON *schema_of(const flow_option *option)
{
    static const char *const types[] = {"boolean", "integer", "number", "string", "string", "array"};
    cJSON *schema = cJSON_CreateObject();
    const char *type = option->kind == FLOW_OPTION_JSON ? NULL : types[option->kind];
    if (type != NULL)
        cJSON_AddStringToObject(schema, "type", type);
    cJSON *ranged = schema;
    if (option->kind == FLOW_OPTION_INTS) {
        cJSON_AddNumberToObject(schema, "maxItems", FLOW_LIST_MAX);
        ranged = cJSON_AddObjectToObject(schema, "items");
        cJSON_AddStringToObject(ranged, "type", "integer");
    }
    if (option->kind == FLOW_OPTION_INT || option->kind == FLOW_OPTION_NUMBER || option->kind == FLOW_OPTION_INTS) {
        if (isfinite(option->least))
            cJSON_AddNumberToObject(ranged, "minimum", option->least);
        if (isfinite(option->most))
            cJSON_AddNumberToObject(ranged, "maximum", option->most);
    }
    if (option->kind == FLOW_OPTION_WORD) {
        cJSON *list = cJSON_AddArrayToObject(schema, "enum");
        for (int i = 0; option->words[i] != NULL; i++)
            cJSON_AddItemToArray(list, cJSON_CreateString(option->words[i]));
    }
    if (option->kind == FLOW_OPTION_JSON && option->refers != NULL) {
        char target[64];
        snprintf(target, sizeof target, "#/definitions/%s", option->refers);
        cJSON_AddStringToObject(schema, "$ref", target);
    }
    if (option->fallback != NULL && !is_required(option))
        cJSON_AddItemToObject(schema, "default", cJSON_Parse(option->fallback));
    if (option->help != NULL)
        cJSON_AddStringToObject(schema, "description", option->help);
    return schema;
}

cJSON *flow_options_schema(const flow_option *table)
{
    cJSON *properties = cJSON_CreateObject();
    for (const flow_option *option = table; option->key != NULL; option++)
        cJSON_AddItemToObject(properties, option->key, schema_of(option));
    return properties;
}
