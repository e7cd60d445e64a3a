/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/read.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/read_value.h"
#include "core/text.h"

/* Reading of one object. */
typedef struct reader {
    const flow_type_info *type;  /* whose options these are; NULL: of none */
    const flow_choices *choices; /* that the type is one of; NULL likewise */
    flow_arena *arena;
    flow_error *err;
} reader;

/* ---- defaults in the document ---- */

static flow_status read_add(flow_json *object, const char *key, cJSON *value, flow_error *err)
{
    if (value != NULL && cJSON_AddItemToObject(object->node, key, value))
        return FLOW_OK;
    cJSON_Delete(value);
    return flow_error_memory(err, "a default value");
}

/* Moves keys that are written in an object for short into the objects that they belong to. */
static flow_status read_move_into(const flow_option *table, flow_json *object, const reader *r)
{
    for (const flow_option *option = table; option->key != NULL; option++) {
        if (option->kind != FLOW_OPTION_INTO || flow_json_member(object, option->key).node == NULL)
            continue;
        if (flow_json_member(object, option->into).node == NULL)
            FLOW_TRY(read_add(object, option->into, cJSON_CreateObject(), r->err));
        flow_json target = flow_json_member(object, option->into);
        FLOW_TRY(flow_json_expand(&target, "type", r->err));
        if (!cJSON_IsObject(target.node))
            return flow_read_expected(&target, "a word or an object { ... }", r->err);
        if (flow_json_member(&target, option->key).node != NULL) {
            flow_json at = flow_json_member(object, option->key);
            return flow_json_fail(&at, r->err, "it is in \"%s\" as well; leave one of them out", option->into);
        }
        cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(object->node, option->key);
        FLOW_TRY(read_add(&target, option->key, value, r->err));
    }
    return FLOW_OK;
}

/* ---- objects within objects ---- */

static flow_status read_struct(void *out, const flow_option *table, flow_json *object, const reader *r);
static flow_status read_row(void *out, const flow_option *table, const flow_option *option, flow_json *object,
                            const reader *r);

static flow_status read_object(const void **out, const flow_option *option, flow_json *at, const reader *r)
{
    const flow_option *whole = option->short_for != NULL ? flow_option_find(option->table, option->short_for) : NULL;
    if (whole != NULL && (whole->kind == FLOW_OPTION_INTS ? cJSON_IsArray(at->node) : cJSON_IsString(at->node)))
        FLOW_TRY(flow_json_wrap(at, option->short_for, r->err));
    void *options = flow_arena_take(r->arena, 1, option->size);
    *out = options;
    return options == NULL ? flow_error_memory(r->err, at->path)
                           : flow_read_options(options, option->table, at, r->arena, r->err);
}

static flow_status read_map(flow_option_map *out, const flow_option *option, flow_json *at, const reader *r)
{
    if (!cJSON_IsObject(at->node))
        return flow_read_expected(at, "an object { ... }", r->err);
    size_t n = (size_t)cJSON_GetArraySize(at->node), i = 0;
    const char **keys = flow_arena_take(r->arena, n, sizeof *keys);
    char *values = flow_arena_take(r->arena, n, option->size);
    if (keys == NULL || values == NULL)
        return flow_error_memory(r->err, at->path);
    *out = (flow_option_map){.n = (int)n, .keys = keys, .values = values};
    for (cJSON *node = at->node->child; node != NULL; node = node->next, i++) {
        flow_json member = flow_json_child(at, node);
        keys[i] = flow_arena_text(r->arena, node->string);
        if (keys[i] == NULL)
            return flow_error_memory(r->err, at->path);
        FLOW_TRY(flow_read_options(values + i * option->size, option->table, &member, r->arena, r->err));
    }
    return FLOW_OK;
}

/* Adds what the fallback says: its type where the object has none, and its other keys where both have the same type. */
static flow_status read_merge(flow_json *at, const char *fallback, flow_error *err)
{
    cJSON *node = cJSON_Parse(fallback);
    flow_json other = flow_json_root(node);
    flow_status status =
        node == NULL ? flow_error_memory(err, "a default value") : flow_json_expand(&other, "type", err);
    const cJSON *type = flow_json_member(&other, "type").node;
    if (status == FLOW_OK && flow_json_member(at, "type").node == NULL)
        status = read_add(at, "type", cJSON_Duplicate(type, 1), err);
    if (status == FLOW_OK && cJSON_Compare(flow_json_member(at, "type").node, type, 1))
        for (const cJSON *member = node->child; member != NULL && status == FLOW_OK; member = member->next)
            if (flow_json_member(at, member->string).node == NULL)
                status = read_add(at, member->string, cJSON_Duplicate(member, 1), err);
    cJSON_Delete(node);
    return status;
}

flow_status flow_read_choice(flow_choice *out, const flow_choices *choices, const char *fallback, flow_json *at,
                             flow_arena *arena, flow_error *err)
{
    *out = (flow_choice){.repeat = 1};
    FLOW_TRY(flow_json_expand(at, "type", err));
    if (!cJSON_IsObject(at->node)) {
        char expected[160];
        snprintf(expected, sizeof expected, "%.60s, a word such as \"%.40s\" or an object { ... }", choices->what,
                 choices->types[0]->name);
        return flow_read_expected(at, expected, err);
    }
    if (fallback != NULL)
        FLOW_TRY(read_merge(at, fallback, err));
    flow_json type = flow_json_member(at, "type");
    if (!cJSON_IsString(type.node))
        return type.node == NULL ? flow_json_fail(at, err, "the key \"type\" is missing: it names %s", choices->what)
                                 : flow_read_expected(&type, "a word", err);
    out->type = flow_choices_find(choices, type.node->valuestring);
    if (out->type == NULL) {
        char hint[FLOW_HINT_SIZE];
        flow_choices_hint(hint, choices, type.node->valuestring);
        return flow_json_fail(&type, err, "unknown type \"%.60s\"; %s", type.node->valuestring, hint);
    }
    void *options = flow_arena_take(arena, 1, out->type->options_size);
    if (options == NULL)
        return flow_error_memory(err, at->path);
    out->options = options;
    const reader r = {.type = out->type, .choices = choices, .arena = arena, .err = err};
    return read_struct(options, out->type->options, at, &r);
}

static flow_status read_choice_list(flow_choice_list *out, const flow_choices *choices, flow_json *at,
                                    flow_arena *arena, flow_error *err)
{
    char expected[120];
    assert(choices != NULL);
    snprintf(expected, sizeof expected, "a list [ ... ], each element %.60s", choices->what);
    if (!cJSON_IsArray(at->node))
        return flow_read_expected(at, expected, err);
    int n = cJSON_GetArraySize(at->node);
    if (n > FLOW_CHOICES_MAX)
        return flow_json_fail(at, err, "the list has more than %d elements", FLOW_CHOICES_MAX);
    flow_choice *list = flow_arena_take(arena, (size_t)n, sizeof *list);
    if (list == NULL)
        return flow_error_memory(err, at->path);
    *out = (flow_choice_list){.n = n, .at = list};
    for (int i = 0; i < n; i++) {
        flow_json element = flow_json_element(at, i);
        FLOW_TRY(flow_read_choice(&list[i], choices, NULL, &element, arena, err));
        const reader r = {.type = list[i].type, .arena = arena, .err = err};
        if (list[i].type->repeats)
            FLOW_TRY(read_row(&list[i], &flow_option_repeat, &flow_option_repeat, &element, &r));
    }
    return FLOW_OK;
}

/* ---- a whole object ---- */

static flow_status read_member(void *member, const flow_option *option, const char *fallback, flow_json *at,
                               const reader *r)
{
    switch (option->kind) {
    case FLOW_OPTION_CHOICE:
        return flow_read_choice(member, option->choices, fallback, at, r->arena, r->err);
    case FLOW_OPTION_CHOICE_LIST:
        return read_choice_list(member, option->choices != NULL ? option->choices : r->choices, at, r->arena, r->err);
    case FLOW_OPTION_OBJECT:
        return read_object(member, option, at, r);
    case FLOW_OPTION_MAP:
        return read_map(member, option, at, r);
    default:
        return flow_read_value(member, option, at, r->arena, r->err);
    }
}

/* Sets the member to the fallback. The document does not get the key, and loses it where its value is null. */
static flow_status read_undecided(void *member, const flow_option *option, const char *fallback, flow_json *object,
                                  const reader *r)
{
    flow_json at = flow_json_root(cJSON_Parse(fallback));
    cJSON_DeleteItemFromObjectCaseSensitive(object->node, option->key);
    flow_status status =
        at.node == NULL ? flow_error_memory(r->err, "a default value") : read_member(member, option, fallback, &at, r);
    cJSON_Delete(at.node);
    return status;
}

static bool read_flag(const void *out, const flow_option *table, const char *key)
{
    return *(const bool *)((const char *)out + flow_option_find(table, key)->offset);
}

static flow_status read_row(void *out, const flow_option *table, const flow_option *option, flow_json *object,
                            const reader *r)
{
    void *member = (char *)out + option->offset;
    const char *fallback = flow_option_fallback(option, r->type);
    if (option->only_with != NULL && !read_flag(out, table, option->only_with))
        fallback = NULL;
    flow_json at = flow_json_member(object, option->key);
    if (option->kind == FLOW_OPTION_INTO)
        return FLOW_OK;
    if (option->kind == FLOW_OPTION_NUMBER && option->absent_is_nan)
        *(double *)member = NAN;
    if (at.node == NULL && flow_option_is_required(option))
        return flow_json_fail(object, r->err, "the key \"%s\" is missing: %s", option->key, option->help);
    if (option->filled_later && (at.node == NULL || cJSON_IsNull(at.node)))
        return read_undecided(member, option, fallback, object, r);
    if (at.node == NULL && fallback != NULL) {
        FLOW_TRY(read_add(object, option->key, cJSON_Parse(fallback), r->err));
        at = flow_json_member(object, option->key);
    }
    if (at.node == NULL || (fallback == NULL && cJSON_IsNull(at.node)))
        return FLOW_OK;
    if (option->kind == FLOW_OPTION_OBJECT && cJSON_IsNull(at.node)) { /* as if it were absent */
        cJSON *absent = cJSON_Parse(fallback);
        if (absent == NULL)
            return flow_error_memory(r->err, at.path);
        flow_json_replace(&at, absent);
    }
    return read_member(member, option, fallback, &at, r);
}

/* Another type of the same choices that has the key; NULL: there is none. */
static const flow_type_info *read_find_owner(const reader *r, const char *key)
{
    for (int i = 0; r->choices != NULL && r->choices->types[i] != NULL; i++)
        if (flow_option_find(r->choices->types[i]->options, key) != NULL)
            return r->choices->types[i];
    return NULL;
}

static flow_status read_refuse_unknown(const flow_option *table, const flow_json *object, const reader *r)
{
    for (const cJSON *child = object->node->child; child != NULL; child = child->next) {
        enum { MOST = 64 };
        const char *known[MOST] = {"type", "repeat"};
        int n_own = r->type == NULL ? 0 : r->type->repeats ? 2 : 1, n = n_own;
        bool is_own =
            (n_own > 0 && strcmp(child->string, "type") == 0) || (n_own > 1 && strcmp(child->string, "repeat") == 0);
        if (strcmp(child->string, FLOW_NOTE) == 0) {
            flow_json note = flow_json_member(object, FLOW_NOTE);
            FLOW_TRY(cJSON_IsString(child) ? FLOW_OK : flow_read_expected(&note, "a text", r->err));
            continue;
        }
        if (is_own || flow_option_find(table, child->string) != NULL)
            continue;
        for (const flow_option *option = table; option->key != NULL && n < MOST; option++)
            known[n++] = option->key;
        const flow_type_info *owner = read_find_owner(r, child->string);
        if (owner != NULL && r->type != NULL && flow_nearest(child->string, known, n) == NULL)
            return flow_json_fail(object, r->err, "unknown key \"%.60s\": the type \"%s\" has it, \"%s\" has not",
                                  child->string, owner->name, r->type->name);
        return flow_json_unknown(object, child->string, known, n, r->err);
    }
    return FLOW_OK;
}

static flow_status read_struct(void *out, const flow_option *table, flow_json *object, const reader *r)
{
    if (!cJSON_IsObject(object->node))
        return flow_read_expected(object, "an object { ... }", r->err);
    FLOW_TRY(read_refuse_unknown(table, object, r));
    FLOW_TRY(read_move_into(table, object, r));
    for (const flow_option *option = table; option->key != NULL; option++)
        FLOW_TRY(read_row(out, table, option, object, r));
    return FLOW_OK;
}

flow_status flow_read_options(void *out, const flow_option *table, flow_json *object, flow_arena *arena,
                              flow_error *err)
{
    const reader r = {.arena = arena, .err = err};
    return read_struct(out, table, object, &r);
}

/* ---- without a document ---- */

flow_status flow_options_default(void *out, const flow_type_info *type, flow_arena *arena, flow_error *err)
{
    flow_json object = flow_json_root(cJSON_CreateObject());
    if (object.node == NULL)
        return flow_error_memory(err, type->name);
    const reader r = {.type = type, .arena = arena, .err = err};
    flow_status status = FLOW_OK;
    memset(out, 0, type->options_size);
    const reader quiet = {.type = type, .arena = arena}; /* the first message stays */
    for (const flow_option *option = type->options; option->key != NULL; option++) {
        flow_status failed = read_row(out, type->options, option, &object, status == FLOW_OK ? &r : &quiet);
        status = status == FLOW_OK ? failed : status;
    }
    cJSON_Delete(object.node);
    return status;
}

flow_status flow_choice_parse(flow_choice *out, const flow_choices *choices, const char *text, flow_arena *arena,
                              flow_error *err)
{
    cJSON *document;
    FLOW_TRY(flow_json_parse(&document, text, strlen(text), choices->what, err));
    flow_json root = flow_json_root(document);
    flow_status status = flow_read_choice(out, choices, NULL, &root, arena, err);
    cJSON_Delete(document);
    return status;
}

flow_status flow_choice_default(flow_choice *out, const flow_choices *choices, const char *name, flow_arena *arena,
                                flow_error *err)
{
    *out = (flow_choice){.type = flow_choices_find(choices, name), .repeat = 1};
    if (out->type == NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "%s of the type \"%.60s\" does not exist", choices->what, name);
    void *options = flow_arena_take(arena, 1, out->type->options_size);
    if (options == NULL)
        return flow_error_memory(err, name);
    out->options = options;
    return flow_options_default(options, out->type, arena, err);
}
