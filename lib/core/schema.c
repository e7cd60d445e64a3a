/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void schema_refer(cJSON *schema, const char *definition)
{
    char target[80];
    snprintf(target, sizeof target, "#/definitions/%s", definition);
    cJSON_AddStringToObject(schema, "$ref", target);
}

static void schema_add_parsed(cJSON *object, const char *key, const char *json)
{
    cJSON_AddItemToObject(object, key, cJSON_Parse(json));
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

static cJSON *schema_of_type(const flow_type_info *type, const flow_choices *choices, cJSON *definitions);

/* A word where nothing but the type is required, or an object of one of the types. */
static void schema_define_choices(const flow_choices *choices, cJSON *definitions)
{
    if (cJSON_GetObjectItemCaseSensitive(definitions, choices->definition) != NULL)
        return;
    cJSON *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(definitions, choices->definition), "anyOf");
    cJSON *word = cJSON_CreateObject(), *names = cJSON_AddArrayToObject(word, "enum");
    cJSON_AddItemToArray(list, word);
    for (int i = 0; choices->types[i] != NULL; i++) {
        cJSON *schema = schema_of_type(choices->types[i], choices, definitions);
        if (cJSON_GetObjectItemCaseSensitive(schema, "required") == NULL)
            cJSON_AddItemToArray(names, cJSON_CreateString(choices->types[i]->name));
        cJSON_AddItemToArray(list, schema);
    }
}

/* Writes the object out in place. */
static void schema_add_written(cJSON *schema, const flow_option *option, cJSON *definitions)
{
    cJSON *object = flow_schema_object(option->table, definitions);
    if (option->kind == FLOW_OPTION_MAP) {
        cJSON_AddNumberToObject(object, "minProperties", 1);
        cJSON_AddStringToObject(schema, "type", "object");
        cJSON_AddItemToObject(schema, "additionalProperties", object);
        return;
    }
    if (option->short_for != NULL) {
        cJSON *forms = cJSON_AddArrayToObject(schema, "anyOf");
        cJSON_AddItemToArray(forms, cJSON_Parse("{\"type\": \"string\", \"minLength\": 1}"));
        cJSON_AddItemToArray(forms, object);
        return;
    }
    while (object != NULL && object->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(object, object->child);
        cJSON_AddItemToObject(schema, item->string, item);
    }
    cJSON_Delete(object);
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

/* `choices`: those that the object of the option is one of, or NULL. */
static void schema_add_kind(cJSON *schema, const flow_option *option, const flow_choices *choices, cJSON *definitions)
{
    cJSON *forms;
    switch (option->kind) {
    case FLOW_OPTION_FLAG:
        cJSON_AddStringToObject(schema, "type", "boolean");
        break;
    case FLOW_OPTION_INT:
    case FLOW_OPTION_NUMBER:
        cJSON_AddStringToObject(schema, "type", option->kind == FLOW_OPTION_INT ? "integer" : "number");
        schema_add_range(schema, option, false);
        break;
    case FLOW_OPTION_WORD:
        schema_add_words(schema, option->words);
        break;
    case FLOW_OPTION_TEXT:
        cJSON_AddStringToObject(schema, "type", "string");
        cJSON_AddNumberToObject(schema, "minLength", 1);
        break;
    case FLOW_OPTION_INTS:
        cJSON_AddStringToObject(schema, "type", "array");
        cJSON_AddNumberToObject(schema, "maxItems", FLOW_LIST_MAX);
        forms = cJSON_AddObjectToObject(schema, "items");
        cJSON_AddStringToObject(forms, "type", "integer");
        schema_add_range(forms, option, false);
        break;
    case FLOW_OPTION_TEXTS:
        cJSON_AddStringToObject(schema, "type", "array");
        schema_add_parsed(schema, "items", "{\"type\": \"string\", \"minLength\": 1}");
        cJSON_AddNumberToObject(schema, "minItems", 1);
        cJSON_AddTrueToObject(schema, "uniqueItems");
        break;
    case FLOW_OPTION_WORD_OR_INTS:
        forms = cJSON_AddArrayToObject(schema, "anyOf");
        cJSON_AddItemToArray(forms, cJSON_CreateObject());
        schema_add_words(forms->child, option->words);
        cJSON_AddItemToArray(forms, cJSON_Parse("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}}"));
        break;
    case FLOW_OPTION_TEXT_OR_NUMBER: {
        forms = cJSON_AddArrayToObject(schema, "anyOf");
        cJSON *number = cJSON_CreateObject();
        cJSON_AddStringToObject(number, "type", "number");
        schema_add_range(number, option, true);
        cJSON_AddItemToArray(forms, cJSON_Parse("{\"type\": \"string\", \"minLength\": 1}"));
        cJSON_AddItemToArray(forms, number);
        break;
    }
    case FLOW_OPTION_CHOICE:
        schema_define_choices(option->choices, definitions);
        schema_refer(schema, option->choices->definition);
        break;
    case FLOW_OPTION_CHOICE_LIST:
        choices = option->choices != NULL ? option->choices : choices;
        schema_define_choices(choices, definitions);
        cJSON_AddStringToObject(schema, "type", "array");
        schema_refer(cJSON_AddObjectToObject(schema, "items"), choices->definition);
        break;
    case FLOW_OPTION_OBJECT:
    case FLOW_OPTION_MAP:
        schema_add_object(schema, option, definitions);
        break;
    case FLOW_OPTION_INTO:
        break;
    }
}

static cJSON *schema_of_option(const flow_option *option, const char *fallback, const flow_choices *choices,
                               cJSON *definitions)
{
    cJSON *schema = cJSON_CreateObject();
    schema_add_kind(schema, option, choices, definitions);
    if (fallback != NULL)
        schema_add_parsed(schema, "default", fallback);
    if (option->help != NULL)
        cJSON_AddStringToObject(schema, "description", option->help);
    return schema;
}

static cJSON *schema_of_table(const flow_option *table, const flow_type_info *type, const flow_choices *choices,
                              cJSON *definitions)
{
    cJSON *schema = cJSON_CreateObject(), *required = NULL;
    cJSON_AddStringToObject(schema, "type", "object");
    if (type != NULL)
        cJSON_AddStringToObject(schema, "description", type->help);
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    if (type != NULL)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(properties, "type"), "const", type->name);
    for (const flow_option *option = table; option->key != NULL; option++) {
        cJSON_AddItemToObject(properties, option->key,
                              schema_of_option(option, flow_option_fallback(option, type), choices, definitions));
        if (!flow_option_is_required(option))
            continue;
        required = required != NULL ? required : cJSON_AddArrayToObject(schema, "required");
        cJSON_AddItemToArray(required, cJSON_CreateString(option->key));
    }
    cJSON_AddFalseToObject(schema, "additionalProperties");
    return schema;
}

static cJSON *schema_of_type(const flow_type_info *type, const flow_choices *choices, cJSON *definitions)
{
    cJSON *schema = schema_of_table(type->options, type, choices, definitions);
    if (type->repeats) {
        const flow_option *repeat = &flow_option_repeat;
        cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(schema, "properties"), "repeat",
                              schema_of_option(repeat, flow_option_fallback(repeat, type), choices, definitions));
    }
    return schema;
}

cJSON *flow_schema_object(const flow_option *table, cJSON *definitions)
{
    return schema_of_table(table, NULL, NULL, definitions);
}
