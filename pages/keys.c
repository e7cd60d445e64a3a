/* The keys of a spec, from its JSON Schema. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "core/option.h"
#include "model/spec.h"
#include "pages.h"

enum { PATH_SIZE = 256, DEPTH = 4 };

typedef struct key_list {
    flow_text *out;
    const cJSON *definitions;
} key_list;

static const cJSON *key_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const cJSON *key_resolve(const key_list *list, const cJSON *at)
{
    const cJSON *refers = key_member(at, "$ref");
    return refers != NULL ? key_member(list->definitions, strrchr(refers->valuestring, '/') + 1) : at;
}

/* One of several forms, or the only one. */
static const cJSON *key_forms(const cJSON *at)
{
    const cJSON *forms = key_member(at, "anyOf");
    return forms != NULL ? forms : key_member(at, "oneOf");
}

static void keys_add_words(const key_list *list, const cJSON *at)
{
    const cJSON *word, *form;
    at = key_resolve(list, at);
    const cJSON *type = key_member(at, "type");
    if (cJSON_IsString(type) && strcmp(type->valuestring, "boolean") == 0)
        flow_text_add(list->out, " true false");
    cJSON_ArrayForEach(word, key_member(at, "enum")) flow_text_add(list->out, " %s", word->valuestring);
    cJSON_ArrayForEach(form, key_forms(at)) if (key_member(key_resolve(list, form), "properties") == NULL)
        keys_add_words(list, form);
}

static void keys_add_below(const key_list *list, const cJSON *at, const char *path, int depth);

static void keys_add(const key_list *list, const cJSON *property, const char *path, int depth)
{
    char key[PATH_SIZE], below[PATH_SIZE + 1];
    if (property->string[0] == '$' || strcmp(property->string, FLOW_NOTE) == 0)
        return;
    snprintf(key, sizeof key, "%s%s", path, property->string);
    flow_text mark = {0}; /* a key of several types comes once */
    flow_text_add(&mark, "\n%s", key);
    const char *found = list->out->data;
    bool known = false;
    while (mark.data != NULL && found != NULL && !known && (found = strstr(found, mark.data)) != NULL) {
        found += mark.length;
        known = *found == ' ' || *found == '\n';
    }
    flow_text_free(&mark);
    if (!known && strcmp(property->string, "type") != 0) {
        flow_text_add(list->out, "%s", key);
        keys_add_words(list, property);
        flow_text_add(list->out, "\n");
    }
    snprintf(below, sizeof below, "%s.", key);
    keys_add_below(list, property, below, depth + 1);
}

static void keys_add_below(const key_list *list, const cJSON *at, const char *path, int depth)
{
    const cJSON *property, *form;
    if (depth > DEPTH)
        return;
    at = key_resolve(list, at);
    cJSON_ArrayForEach(property, key_member(at, "properties")) keys_add(list, property, path, depth);
    cJSON_ArrayForEach(form, key_forms(at)) keys_add_below(list, form, path, depth);
}

void page_keys(flow_text *out)
{
    cJSON *schema = flow_spec_schema();
    const key_list list = {out, key_member(schema, "definitions")};
    keys_add_below(&list, schema, "", 0);
    cJSON_Delete(schema);
}
