/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/report_field.h"

#include <math.h>
#include <string.h>

const flow_report_field flow_mean_fields[] = {
    {"mean", FLOW_MEMBER(flow_mean, mean)},
    {"standard_error", FLOW_MEMBER(flow_mean, error)},
    FLOW_REPORT_END,
};

const void *report_member(const void *from, size_t offset)
{
    return (const char *)from + offset;
}

int64_t report_whole(const flow_report_field *field, const void *member)
{
    switch (field->kind) {
    case FLOW_REPORT_INT:
        return *(const int *)member;
    case FLOW_REPORT_INT64:
        return *(const int64_t *)member;
    case FLOW_REPORT_REAL:
        return llround(*(const double *)member);
    case FLOW_REPORT_NAMES:
        return ((const flow_text_list *)member)->n;
    case FLOW_REPORT_LIST:
        return (int64_t)((const flow_list *)member)->n;
    default:
        return -1;
    }
}

const char *report_string(const flow_report_field *field, const void *member)
{
    if (field->kind == FLOW_REPORT_ARRAY)
        return *(const char *)member != '\0' ? member : NULL;
    return field->kind == FLOW_REPORT_STRING ? *(const char *const *)member : NULL;
}

double report_real(const flow_report_field *field, const void *member)
{
    if (field->kind == FLOW_REPORT_REAL)
        return *(const double *)member;
    return field->kind == FLOW_REPORT_MEAN ? ((const flow_mean *)member)->mean : 0;
}

bool report_has(const flow_report_field *field, const void *from)
{
    static const char zero[sizeof(int64_t)] = {0};
    const void *member = report_member(from, field->offset), *when = report_member(from, field->when);
    return (field->when_size == 0 || (memcmp(when, zero, field->when_size) == 0) == field->unless) &&
           (!field->positive || report_whole(field, member) > 0 || report_real(field, member) > 0);
}

const void *report_struct(const flow_report_field *field, const void *from)
{
    return field->through == 0 ? from : *(const void *const *)report_member(from, field->through - 1);
}

bool report_is_end(const flow_report_field *field)
{
    return field->key == NULL && field->label == NULL && field->text == NULL && field->fields == NULL;
}

const void *report_item(const flow_report_field *list, const flow_list *items, size_t index)
{
    return (const char *)items->items + index * list->size;
}

bool report_is_absent(const flow_report_field *field, const void *from)
{
    const void *member = report_member(from, field->offset);
    if (field->kind == FLOW_REPORT_NAMES)
        return ((const flow_text_list *)member)->at == NULL;
    if (field->kind == FLOW_REPORT_JSON)
        return *(const cJSON *const *)member == NULL;
    return (field->kind == FLOW_REPORT_STRING || field->kind == FLOW_REPORT_ARRAY) &&
           report_string(field, member) == NULL;
}
