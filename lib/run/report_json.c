/* Results as JSON, and back. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "run/report_field.h"

bool flow_report_add(cJSON *parent, const char *key, cJSON *item)
{
    bool added = item != NULL && (cJSON_IsArray(parent) ? cJSON_AddItemToArray(parent, item)
                                                        : cJSON_AddItemToObject(parent, key, item));
    if (!added)
        cJSON_Delete(item);
    return added;
}

static bool report_add_members(cJSON *object, const flow_report_field *fields, const void *from);

cJSON *flow_report_json(const flow_report_field *fields, const void *from, flow_error *err)
{
    cJSON *object = cJSON_CreateObject();
    if (object != NULL && report_add_members(object, fields, from))
        return object;
    cJSON_Delete(object);
    flow_error_memory(err, "a JSON object");
    return NULL;
}

static cJSON *report_list(const flow_report_field *field, const flow_list *list)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < list->n && array != NULL; i++)
        if (!flow_report_add(array, NULL, flow_report_json(field->fields, report_item(field, list, i), NULL))) {
            cJSON_Delete(array);
            array = NULL;
        }
    return array;
}

static cJSON *report_value(const flow_report_field *field, const void *member)
{
    const flow_text_list *names = member;
    switch (field->kind) {
    case FLOW_REPORT_STRING:
    case FLOW_REPORT_ARRAY:
        return cJSON_CreateString(report_string(field, member));
    case FLOW_REPORT_FLAG:
        return cJSON_CreateBool(*(const bool *)member);
    case FLOW_REPORT_INT:
        return cJSON_CreateNumber(*(const int *)member);
    case FLOW_REPORT_INT64:
        return cJSON_CreateNumber((double)*(const int64_t *)member);
    case FLOW_REPORT_REAL:
        return cJSON_CreateNumber(*(const double *)member);
    case FLOW_REPORT_NAMES:
        return cJSON_CreateStringArray(names->at, names->n);
    case FLOW_REPORT_LIST:
        return report_list(field, member);
    case FLOW_REPORT_JSON:
        return cJSON_Duplicate(*(const cJSON *const *)member, 1);
    case FLOW_REPORT_GROUP:
        return flow_report_json(field->fields, member, NULL);
    case FLOW_REPORT_MEAN:
        break;
    }
    return NULL;
}

/* False when memory is out. */
static bool report_add_members(cJSON *object, const flow_report_field *fields, const void *from)
{
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        const void *about = report_struct(field, from);
        if (field->key == NULL || about == NULL || !report_has(field, about) || report_is_absent(field, about))
            continue;
        const void *member = report_member(about, field->offset);
        if (field->key[0] == '\0' ? !report_add_members(object, field->fields, member)
                                  : !flow_report_add(object, field->key, report_value(field, member)))
            return false;
    }
    return true;
}

void flow_report_read(void *to, const flow_report_field *fields, const cJSON *object)
{
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        if (field->key == NULL || field->through != 0)
            continue;
        void *member = (char *)to + field->offset;
        const cJSON *node = field->key[0] == '\0' ? object : cJSON_GetObjectItemCaseSensitive(object, field->key);
        const char *string = cJSON_GetStringValue(node);
        double number = cJSON_GetNumberValue(node); /* NaN for what is not a number */
        if (field->when_size == sizeof(bool) && !field->unless)
            *(bool *)((char *)to + field->when) = node != NULL;
        if (field->kind == FLOW_REPORT_STRING && string != NULL)
            *(const char **)member = string;
        else if (field->kind == FLOW_REPORT_FLAG)
            *(bool *)member = cJSON_IsTrue(node);
        else if (field->kind == FLOW_REPORT_REAL)
            *(double *)member = number;
        else if (field->kind == FLOW_REPORT_INT64 && fabs(number) < 9e15)
            *(int64_t *)member = (int64_t)number;
        else if (field->kind == FLOW_REPORT_GROUP)
            flow_report_read(member, field->fields, node);
    }
}
