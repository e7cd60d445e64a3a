/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/compare.h"

#include <string.h>

typedef struct comparison {
    flow_report_difference *report;
    void *context;
} comparison;

static void compare_tables(const comparison *c, const flow_option *table, const flow_choices *choices,
                           const flow_json *was, const flow_json *is);

static bool compare_is_absent(const flow_json *at)
{
    return at->node == NULL || cJSON_IsNull(at->node);
}

/* Of a key without a table: false when there is a difference, which is reported. */
static bool compare_values(const comparison *c, const flow_json *was, const flow_json *is)
{
    bool same = compare_is_absent(was) ? compare_is_absent(is)
                                       : !compare_is_absent(is) && cJSON_Compare(was->node, is->node, 1);
    if (!same)
        c->report(c->context, was, is);
    return same;
}

static void compare_choices(const comparison *c, const flow_choices *choices, const flow_json *was, const flow_json *is)
{
    flow_json type_was = flow_json_member(was, "type"), type_is = flow_json_member(is, "type");
    if (!compare_values(c, &type_was, &type_is) || !cJSON_IsString(type_is.node))
        return;
    const flow_type_info *type = flow_choices_find(choices, type_is.node->valuestring);
    if (type == NULL)
        return;
    flow_json repeat_was = flow_json_member(was, "repeat"), repeat_is = flow_json_member(is, "repeat");
    if (type->repeats)
        compare_values(c, &repeat_was, &repeat_is);
    compare_tables(c, type->options, choices, was, is);
}

static void compare_lists(const comparison *c, const flow_choices *choices, const flow_json *was, const flow_json *is)
{
    int n = cJSON_GetArraySize(is->node);
    if (cJSON_GetArraySize(was->node) != n) {
        compare_values(c, was, is);
        return;
    }
    for (int i = 0; i < n; i++) {
        flow_json a = flow_json_element(was, i), b = flow_json_element(is, i);
        compare_choices(c, choices, &a, &b);
    }
}

static void compare_maps(const comparison *c, const flow_option *option, const flow_json *was, const flow_json *is)
{
    for (const cJSON *node = was->node->child; node != NULL; node = node->next) {
        flow_json a = flow_json_member(was, node->string), b = flow_json_member(is, node->string);
        if (b.node != NULL)
            compare_tables(c, option->table, NULL, &a, &b);
        else
            c->report(c->context, &a, &b);
    }
    for (const cJSON *node = is->node->child; node != NULL; node = node->next) {
        flow_json a = flow_json_member(was, node->string), b = flow_json_member(is, node->string);
        if (a.node == NULL)
            c->report(c->context, &a, &b);
    }
}

static void compare_rows(const comparison *c, const flow_option *option, const flow_choices *choices,
                         const flow_json *was, const flow_json *is)
{
    bool has_number = option->kind == FLOW_OPTION_TEXT_OR_NUMBER &&
                      (cJSON_IsNumber(was->node) || cJSON_IsNumber(is->node));
    if (option->may_change && !has_number)
        return;
    if (compare_is_absent(was) || compare_is_absent(is)) {
        compare_values(c, was, is);
        return;
    }
    switch (option->kind) {
    case FLOW_OPTION_CHOICE:
        compare_choices(c, option->choices, was, is);
        break;
    case FLOW_OPTION_CHOICE_LIST:
        compare_lists(c, option->choices != NULL ? option->choices : choices, was, is);
        break;
    case FLOW_OPTION_OBJECT:
        compare_tables(c, option->table, NULL, was, is);
        break;
    case FLOW_OPTION_MAP:
        compare_maps(c, option, was, is);
        break;
    case FLOW_OPTION_INTO:
        break;
    default:
        compare_values(c, was, is);
    }
}

static void compare_tables(const comparison *c, const flow_option *table, const flow_choices *choices,
                           const flow_json *was, const flow_json *is)
{
    for (const flow_option *option = table; option->key != NULL; option++) {
        flow_json a = flow_json_member(was, option->key), b = flow_json_member(is, option->key);
        compare_rows(c, option, choices, &a, &b);
    }
}

void flow_options_compare(const flow_option *table, const flow_json *was, const flow_json *is,
                          flow_report_difference *report, void *context)
{
    const comparison c = {report, context};
    compare_tables(&c, table, NULL, was, is);
}
