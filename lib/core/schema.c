/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/schema.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define TEXT "{\"type\": \"string\", \"minLength\": 1}"

#define TEXTS "{\"type\": \"array\", \"items\": " TEXT ", \"minItems\": 1, \"uniqueItems\": true}"

/* A value of each kind, without its words, its range and what other tables say about it. */
static const char *const schema_kinds[] = {
    [FLOW_OPTION_FLAG] = "{\"type\": \"boolean\"}",
    [FLOW_OPTION_INT] = "{\"type\": \"integer\"}",
    [FLOW_OPTION_NUMBER] = "{\"type\": \"number\"}",
    [FLOW_OPTION_WORD] = "{}",
    [FLOW_OPTION_TEXT] = TEXT,
    [FLOW_OPTION_INTS] = "{\"type\": \"array\", \"maxItems\": 32, \"items\": {\"type\": \"integer\"}}",
    [FLOW_OPTION_NUMBERS] = "{\"type\": \"array\", \"maxItems\": 32, \"items\": {\"type\": \"number\"}}",
    [FLOW_OPTION_TEXTS] = (TEXTS),
    [FLOW_OPTION_WORD_OR_INTS] = "{\"anyOf\": [{}, {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}]}",
    [FLOW_OPTION_TEXT_OR_NUMBER] = ("{\"anyOf\": [" TEXT ", {\"type\": \"number\"}]}"),
    [FLOW_OPTION_CHOICE] = "{}",
    [FLOW_OPTION_CHOICE_LIST] = "{\"type\": \"array\", \"items\": {}}",
    [FLOW_OPTION_OBJECT] = "{}",
    [FLOW_OPTION_MAP] = "{}",
    [FLOW_OPTION_ALTERNATIVES] =
        "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"array\", \"minItems\": 1}}",
    [FLOW_OPTION_INTO] = "{}",
};
static_assert(FLOW_LIST_MAX == 32, "the schemas of INTS and NUMBERS say how long a list may be");

static void schema_refer(cJSON *schema, const char *definition)
{
    char target[80];
    snprintf(target, sizeof target, "#/definitions/%s", definition);
    cJSON_AddStringToObject(schema, "$ref", target);
}

static void schema_add_words(cJSON *schema, const char *const *words)
{
    cJSON *list = cJSON_AddArrayToObject(schema, "enum");
    for (; *words != NULL; words++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*words));
}

static void schema_add_range(cJSON *schema, const flow_option *option, bool exclusive)
{
    if (isfinite(option->least))
        cJSON_AddNumberToObject(schema, exclusive ? "exclusiveMinimum" : "minimum", option->least);
    if (isfinite(option->most))
        cJSON_AddNumberToObject(schema, exclusive ? "exclusiveMaximum" : "maximum", option->most);
}

static void schema_add_table(cJSON *schema, const flow_option *table, const flow_type_info *type,
                             const flow_choices *choices, cJSON *definitions);

/* A word where nothing but the type is required, or an object of one of the types. */
static void schema_define_choices(const flow_choices *choices, cJSON *definitions)
{
    if (cJSON_GetObjectItemCaseSensitive(definitions, choices->definition) != NULL)
        return;
    cJSON *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(definitions, choices->definition), "anyOf");
    cJSON *word = cJSON_CreateObject(), *names = cJSON_AddArrayToObject(word, "enum");
    cJSON_AddItemToArray(list, word);
    for (const flow_type_info *const *type = choices->types; *type != NULL; type++) {
        cJSON *schema = cJSON_CreateObject();
        schema_add_table(schema, (*type)->options, *type, choices, definitions);
        if (cJSON_GetObjectItemCaseSensitive(schema, "required") == NULL)
            cJSON_AddItemToArray(names, cJSON_CreateString((*type)->name));
        cJSON_AddItemToArray(list, schema);
    }
}

/* Writes the object out in place. */
static void schema_add_written(cJSON *schema, const flow_option *option, cJSON *definitions)
{
    bool is_map = option->kind == FLOW_OPTION_MAP, has_short_form = option->short_for != NULL;
    cJSON *object = is_map || has_short_form ? cJSON_CreateObject() : schema;
    flow_schema_object(object, option->table, definitions);
    if (is_map) {
        cJSON_AddNumberToObject(object, "minProperties", 1);
        cJSON_AddStringToObject(schema, "type", "object");
        cJSON_AddItemToObject(schema, "additionalProperties", object);
    } else if (has_short_form) {
        cJSON *forms = cJSON_AddArrayToObject(schema, "anyOf");
        const cJSON *properties = cJSON_GetObjectItemCaseSensitive(object, "properties");
        cJSON *form = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(properties, option->short_for), 1);
        cJSON_DeleteItemFromObjectCaseSensitive(form, "description");
        cJSON_AddItemToArray(forms, form);
        cJSON_AddItemToArray(forms, object);
    }
}

/* A named object is defined once and referred to. */
static void schema_add_object(cJSON *schema, const flow_option *option, cJSON *definitions)
{
    if (option->definition == NULL) {
        schema_add_written(schema, option, definitions);
        return;
    }
    if (cJSON_GetObjectItemCaseSensitive(definitions, option->definition) == NULL)
        schema_add_written(cJSON_AddObjectToObject(definitions, option->definition), option, definitions);
    schema_refer(schema, option->definition);
}

/* `type`: whose option it is, one of `choices`; both NULL: of none. */
static void schema_add_option(cJSON *properties, const flow_option *option, const flow_type_info *type,
                              const flow_choices *choices, cJSON *definitions)
{
    static const char text[] = "{\"anyOf\": [" TEXT ", " TEXTS "]}";
    static const char text_or_number[] = "{\"anyOf\": [" TEXT ", {\"type\": \"number\"}, " TEXTS "]}";
    const char *joined = option->kind == FLOW_OPTION_TEXT ? text : text_or_number;
    cJSON *schema = cJSON_Parse(option->joined ? joined : schema_kinds[option->kind]);
    cJSON *forms = cJSON_GetObjectItemCaseSensitive(schema, "anyOf");
    cJSON *items = cJSON_GetObjectItemCaseSensitive(schema, "items");
    switch (option->kind) {
    case FLOW_OPTION_INT:
    case FLOW_OPTION_NUMBER:
    case FLOW_OPTION_INTS:
    case FLOW_OPTION_NUMBERS:
        schema_add_range(items != NULL ? items : schema, option, false);
        break;
    case FLOW_OPTION_TEXT_OR_NUMBER:
        schema_add_range(cJSON_GetArrayItem(forms, 1), option, true);
        break;
    case FLOW_OPTION_WORD:
    case FLOW_OPTION_WORD_OR_INTS:
        schema_add_words(forms != NULL ? cJSON_GetArrayItem(forms, 0) : schema, option->words);
        break;
    case FLOW_OPTION_CHOICE:
    case FLOW_OPTION_CHOICE_LIST:
        choices = option->choices != NULL ? option->choices : choices;
        schema_define_choices(choices, definitions);
        schema_refer(items != NULL ? items : schema, choices->definition);
        break;
    case FLOW_OPTION_OBJECT:
    case FLOW_OPTION_MAP:
        schema_add_object(schema, option, definitions);
        break;
    default:
        break;
    }
    const char *fallback = flow_option_fallback(option, type);
    if (fallback != NULL && !option->filled_later)
        cJSON_AddItemToObject(schema, "default", cJSON_Parse(fallback));
    if (option->help != NULL)
        cJSON_AddStringToObject(schema, "description", option->help);
    cJSON_AddItemToObject(properties, option->key, schema);
}

static void schema_add_table(cJSON *schema, const flow_option *table, const flow_type_info *type,
                             const flow_choices *choices, cJSON *definitions)
{
    cJSON *required = NULL;
    cJSON_AddStringToObject(schema, "type", "object");
    if (type != NULL)
        cJSON_AddStringToObject(schema, "description", type->help);
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    if (type != NULL)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(properties, "type"), "const", type->name);
    for (const flow_option *option = table; option->key != NULL; option++) {
        schema_add_option(properties, option, type, choices, definitions);
        if (!flow_option_is_required(option))
            continue;
        required = required != NULL ? required : cJSON_AddArrayToObject(schema, "required");
        cJSON_AddItemToArray(required, cJSON_CreateString(option->key));
    }
    if (type != NULL && type->repeats)
        schema_add_option(properties, &flow_option_repeat, type, choices, definitions);
    cJSON *note = cJSON_AddObjectToObject(properties, FLOW_NOTE);
    cJSON_AddStringToObject(note, "type", "string");
    cJSON_AddStringToObject(note, "description", "a remark for people, without effect");
    cJSON_AddFalseToObject(schema, "additionalProperties");
}

void flow_schema_object(cJSON *schema, const flow_option *table, cJSON *definitions)
{
    schema_add_table(schema, table, NULL, NULL, definitions);
}
