/* Documents as text. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/json.h"
#include "core/text.h"

/* Replaces each number by its exact digits. */
static bool spell_numbers(cJSON *node)
{
    for (cJSON *child = node->child; child != NULL; child = child->next)
        if (!spell_numbers(child))
            return false;
    if (!cJSON_IsNumber(node))
        return true;
    char number[FLOW_NUMBER_SIZE];
    flow_number_print(number, node->valuedouble);
    cJSON *exact = cJSON_CreateRaw(isfinite(node->valuedouble) ? number : "null");
    if (exact == NULL)
        return false;
    flow_json json = flow_json_root(node);
    flow_json_replace(&json, exact);
    return true;
}

char *flow_json_print(const cJSON *document)
{
    cJSON *spelled = cJSON_Duplicate(document, 1);
    char *text = spelled != NULL && spell_numbers(spelled) ? cJSON_Print(spelled) : NULL;
    char *escaped = flow_bytes_escape(text);
    free(text);
    cJSON_Delete(spelled);
    return escaped;
}

/* ---- for people ---- */

enum { LAYOUT_WIDTH = 112, LAYOUT_STEP = 2 };

static void layout_leaf(flow_text *out, const cJSON *node)
{
    char number[FLOW_NUMBER_SIZE];
    if (cJSON_IsNumber(node)) {
        flow_number_print(number, node->valuedouble);
        flow_text_add(out, "%s", isfinite(node->valuedouble) ? number : "null");
        return;
    }
    char *text = cJSON_PrintUnformatted(node);
    if (text != NULL)
        flow_text_add(out, "%s", text);
    out->failed = out->failed || text == NULL;
    free(text);
}

static void layout_key(flow_text *out, const char *key)
{
    cJSON *name = cJSON_CreateStringReference(key);
    layout_leaf(out, name);
    flow_text_add(out, ": ");
    cJSON_Delete(name);
}

/* On one line. */
static void layout_short(flow_text *out, const cJSON *node)
{
    const bool is_object = cJSON_IsObject(node);
    if (!is_object && !cJSON_IsArray(node)) {
        layout_leaf(out, node);
        return;
    }
    const char *blank = is_object && node->child != NULL ? " " : "";
    flow_text_add(out, is_object ? "{%s" : "[%s", blank);
    for (const cJSON *child = node->child; child != NULL; child = child->next) {
        if (is_object)
            layout_key(out, child->string);
        layout_short(out, child);
        flow_text_add(out, child->next != NULL ? ", " : "");
    }
    flow_text_add(out, is_object ? "%s}" : "%s]", blank);
}

static size_t layout_begin_line(flow_text *out, int indent)
{
    flow_text_add(out, "\n");
    const size_t line = out->length;
    flow_text_add(out, "%*s", indent, "");
    return line;
}

/* A list of leaves in lines that are full. */
static void layout_leaves(flow_text *out, const cJSON *list, int indent)
{
    flow_text_add(out, "[");
    size_t line = layout_begin_line(out, indent + LAYOUT_STEP);
    for (const cJSON *child = list->child; child != NULL; child = child->next) {
        flow_text leaf = {0};
        layout_leaf(&leaf, child);
        flow_text_add(&leaf, child->next != NULL ? "," : "");
        if (child != list->child && out->length - line + leaf.length >= LAYOUT_WIDTH)
            line = layout_begin_line(out, indent + LAYOUT_STEP);
        else
            flow_text_add(out, child != list->child ? " " : "");
        out->failed = out->failed || leaf.failed;
        flow_text_add(out, "%s", leaf.failed ? "" : leaf.data);
        flow_text_free(&leaf);
    }
    layout_begin_line(out, indent);
    flow_text_add(out, "]");
}

static bool layout_has_leaves(const cJSON *node)
{
    const cJSON *child = cJSON_IsArray(node) ? node->child : NULL;
    while (child != NULL && !cJSON_IsObject(child) && !cJSON_IsArray(child))
        child = child->next;
    return cJSON_IsArray(node) && child == NULL;
}

/* On one line, which begins at `line` of the text, if it fits and is not the document; else with a line for each member
 * or element. */
static void layout_value(flow_text *out, const cJSON *node, size_t line, int indent)
{
    const bool is_object = cJSON_IsObject(node);
    const size_t before = out->length;
    layout_short(out, node);
    const bool fits = indent > 0 && out->length - line < LAYOUT_WIDTH;
    if (out->failed || fits || node->child == NULL)
        return;
    out->length = before;
    if (layout_has_leaves(node)) {
        layout_leaves(out, node, indent);
        return;
    }
    flow_text_add(out, is_object ? "{" : "[");
    for (const cJSON *child = node->child; child != NULL; child = child->next) {
        const size_t start = layout_begin_line(out, indent + LAYOUT_STEP);
        if (is_object)
            layout_key(out, child->string);
        layout_value(out, child, start, indent + LAYOUT_STEP);
        flow_text_add(out, child->next != NULL ? "," : "");
    }
    layout_begin_line(out, indent);
    flow_text_add(out, is_object ? "}" : "]");
}

char *flow_json_layout(const cJSON *document)
{
    flow_text text = {0};
    layout_value(&text, document, 0, 0);
    flow_text_add(&text, "\n");
    char *escaped = text.failed ? NULL : flow_bytes_escape(text.data);
    flow_text_free(&text);
    return escaped;
}
