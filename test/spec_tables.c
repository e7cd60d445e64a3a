/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/option.h"
#include "core/text.h"
#include "spec_tables.h"
#include "values.h"

static const char begin[] = "<!-- keys: ", end[] = "<!-- end of keys -->";

/* What a table is made of: the words of its comment. */
typedef struct request {
    char text[300];
    const char *definition, *type; /* type: NULL for a definition without types */
    bool only;                     /* the keys that are listed, otherwise all but these */
    int n_keys;
    const char *keys[16];
} request;

static void request_read(request *r, const char *line, size_t length)
{
    *r = (request){.definition = NULL};
    ASSERT_LT(length, sizeof r->text);
    memcpy(r->text, line, length);
    bool listing = false;
    for (char *word = strtok(r->text, " "); word != NULL; word = strtok(NULL, " ")) {
        if (strcmp(word, "without") == 0 || strcmp(word, "only") == 0) {
            listing = true;
            r->only = strcmp(word, "only") == 0;
        } else if (listing) {
            ASSERT_LT(r->n_keys, 16);
            r->keys[r->n_keys++] = word;
        } else if (r->definition == NULL) {
            r->definition = word;
        } else {
            r->type = word;
        }
    }
}

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool request_has(const request *r, const char *key)
{
    bool listed = false;
    for (int i = 0; i < r->n_keys; i++)
        listed = listed || strcmp(r->keys[i], key) == 0;
    return listed == r->only && strcmp(key, "type") != 0;
}

/* The first object below `at` with properties, and with that type if it is not NULL; NULL when there is none. */
static const cJSON *find_object(const cJSON *at, const char *type)
{
    const cJSON *properties = member(at, "properties");
    if (properties != NULL) {
        const cJSON *name = member(member(properties, "type"), "const");
        if (type == NULL || (name != NULL && strcmp(name->valuestring, type) == 0))
            return at;
    }
    const cJSON *child, *found;
    cJSON_ArrayForEach(child, at)
        if ((found = find_object(child, type)) != NULL)
            return found;
    return NULL;
}

/* The object of a definition with that type, or for "type/key" the one below a key of it. */
static const cJSON *find_named(const cJSON *definition, const char *name)
{
    char type[100];
    const char *slash = name != NULL ? strchr(name, '/') : NULL;
    if (slash == NULL)
        return find_object(definition, name);
    snprintf(type, sizeof type, "%.*s", (int)(slash - name), name);
    const cJSON *object = find_object(definition, type);
    return object != NULL ? find_object(member(member(object, "properties"), slash + 1), NULL) : NULL;
}

/* 1e+18 as 1e18, and 2^53 as what it is */
static void add_number(flow_text *out, const cJSON *number)
{
    if (number->valuedouble == 9007199254740992) {
        flow_text_add(out, "2^53");
        return;
    }
    char *text = cJSON_PrintUnformatted(number), *plus = strchr(text, '+');
    if (plus != NULL)
        memmove(plus, plus + 1, strlen(plus));
    flow_text_add(out, "%s", text);
    free(text);
}

static void add_range(flow_text *out, const cJSON *of)
{
    const cJSON *least = member(of, "minimum"), *most = member(of, "maximum");
    bool inside = least == NULL && most == NULL;
    if (inside)
        least = member(of, "exclusiveMinimum"), most = member(of, "exclusiveMaximum");
    if (least == NULL || most == NULL) {
        flow_text_add(out, "a number");
        return;
    }
    if (least->valuedouble <= -1e300 || most->valuedouble >= 1e300) {
        flow_text_add(out, least->valuedouble < 0 ? "a number" : "a number above 0");
        return;
    }
    flow_text_add(out, inside ? "a number between " : "");
    add_number(out, least);
    flow_text_add(out, inside ? " and " : " to ");
    add_number(out, most);
}

/* A definition that is a page section of its own is linked; others are written out. */
static void add_allowed(flow_text *out, const cJSON *property, const cJSON *definitions)
{
    static const char *const sections[][2] = {
        {"univariate", "univariates"}, {"base", "base"},           {"objective", "objectives"},
        {"optimizer", "optimizers"},   {"schedule", "schedules"},  {"train", "train"}, {"tune", "tune"},
        {"data", "data"},              {"map", "flow"}, {"flow", "flow"},           {"embedding", "embedding"},
        {"solver", "ffjord"},          {"trace", "ffjord"},        {"conditioner", "networks"},
    };
    const cJSON *refers = member(property, "$ref"), *words = member(property, "enum"), *type = member(property, "type");
    const cJSON *forms = member(property, "anyOf"), *child;
    if (forms == NULL)
        forms = member(property, "oneOf");
    const char *kind = cJSON_IsString(type) ? type->valuestring : "";
    if (refers != NULL) {
        const char *name = strrchr(refers->valuestring, '/') + 1;
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
            if (strcmp(name, sections[i][0]) == 0) {
                flow_text_add(out, "see [%s](#%s)", sections[i][1], sections[i][1]);
                return;
            }
        add_allowed(out, member(definitions, name), definitions);
    } else if (words != NULL) {
        cJSON_ArrayForEach(child, words)
            flow_text_add(out, "%s`%s`", child == words->child ? "" : ", ", child->valuestring);
    } else if (forms != NULL) {
        cJSON_ArrayForEach(child, forms) {
            flow_text_add(out, child == forms->child ? "" : ", or ");
            add_allowed(out, child, definitions);
        }
    } else if (strcmp(kind, "boolean") == 0) {
        flow_text_add(out, "`true`, `false`");
    } else if (strcmp(kind, "integer") == 0 || strcmp(kind, "number") == 0) {
        add_range(out, property);
    } else if (strcmp(kind, "string") == 0) {
        flow_text_add(out, "text");
    } else if (strcmp(kind, "array") == 0) {
        const cJSON *items = member(property, "items");
        bool numbers = member(items, "minimum") != NULL;
        if (member(items, "$ref") != NULL) {
            flow_text_add(out, "list, ");
            add_allowed(out, items, definitions);
            return;
        }
        type = member(items, "type");
        flow_text_add(out, numbers ? "list, each " : type == NULL ? "list"
                           : strcmp(type->valuestring, "string") == 0 ? "list of texts" : "list of numbers");
        if (numbers)
            add_range(out, items);
    } else {
        flow_text_add(out, "object");
    }
}

/* `128`; {"type": "adam"} is "adam"; a space behind each comma and colon outside of texts */
static void add_default(flow_text *out, const cJSON *value)
{
    if (cJSON_IsObject(value) && cJSON_GetArraySize(value) == 1 && member(value, "type") != NULL)
        value = member(value, "type");
    char *text = cJSON_PrintUnformatted(value);
    flow_text_add(out, "`");
    bool quoted = false;
    for (const char *c = text; *c != '\0'; c++) {
        quoted = quoted != (*c == '"');
        flow_text_add(out, !quoted && (*c == ',' || *c == ':') ? "%c " : "%c", *c);
    }
    flow_text_add(out, "`");
    free(text);
}

static void add_row(flow_text *out, const cJSON *property, bool required, const cJSON *definitions)
{
    flow_text_add(out, "| `%s` | ", property->string);
    if (required)
        flow_text_add(out, "required");
    else if (member(property, "default") != NULL)
        add_default(out, member(property, "default"));
    else
        flow_text_add(out, "none");
    flow_text_add(out, " | ");
    add_allowed(out, property, definitions);
    flow_text_add(out, " | ");
    const cJSON *help = member(property, "description");
    for (const char *c = help != NULL ? help->valuestring : ""; *c != '\0'; c++)
        flow_text_add(out, *c == '|' ? "\\%c" : "%c", *c);
    flow_text_add(out, " |\n");
}

/* A key that stands for one of another object, which says what it may be. */
static bool is_short_form(const cJSON *property)
{
    return cJSON_GetArraySize(property) == 1 && member(property, "description") != NULL;
}

/* Every object has a note; the page says so once. */
static bool is_note(const cJSON *property)
{
    return strcmp(property->string, FLOW_NOTE) == 0;
}

static void add_table(flow_text *out, const request *r, const cJSON *schema)
{
    const cJSON *definitions = member(schema, "definitions");
    bool whole = r->definition != NULL && strcmp(r->definition, "spec") == 0;
    const cJSON *object = whole ? schema : find_named(member(definitions, r->definition), r->type);
    if (object == NULL)
        fail_msg("docs/spec.md: no object of the schema is \"%s %s\"", r->definition, r->type != NULL ? r->type : "");
    flow_text_add(out, "| key | default | allowed | meaning |\n|---|---|---|---|\n");
    int n = 0;
    const cJSON *property, *key;
    cJSON_ArrayForEach(property, member(object, "properties")) {
        if (!request_has(r, property->string) || is_short_form(property) || is_note(property))
            continue;
        bool required = false;
        cJSON_ArrayForEach(key, member(object, "required"))
            required = required || strcmp(key->valuestring, property->string) == 0;
        add_row(out, property, required, definitions);
        n++;
    }
    if (n == 0 || (r->only && n != r->n_keys))
        fail_msg("docs/spec.md: \"%s %s\" has not these keys", r->definition, r->type != NULL ? r->type : "");
}

/* The next comment of the page; NULL when there is none. Its table begins at *table and ends at *stop. */
static const char *next_request(request *r, const char *page, const char **table, const char **stop)
{
    const char *mark = strstr(page, begin);
    if (mark == NULL)
        return NULL;
    const char *words = mark + strlen(begin), *close = strstr(words, " -->\n");
    *stop = strstr(words, end);
    if (close == NULL || *stop == NULL || *stop < close)
        fail_msg("docs/spec.md: the comment \"%.40s\" is not closed", mark);
    request_read(r, words, (size_t)(close - words));
    *table = close + strlen(" -->\n");
    return mark;
}

char *spec_tables_fill(const char *page, const cJSON *schema)
{
    flow_text out = {0};
    request r;
    for (const char *table, *stop; next_request(&r, page, &table, &stop) != NULL; page = stop) {
        flow_text_add(&out, "%.*s", (int)(table - page), page);
        add_table(&out, &r, schema);
    }
    flow_text_add(&out, "%s", page);
    return out.data;
}

static bool has_key(const char *page, const cJSON *schema, const char *definition, const char *type,
                    const cJSON *property)
{
    request r;
    for (const char *table, *stop; next_request(&r, page, &table, &stop) != NULL; page = stop) {
        if (strcmp(r.definition, definition) != 0 || !request_has(&r, property->string))
            continue;
        if (type == NULL || (r.type != NULL && strcmp(r.type, type) == 0))
            return true;
        const cJSON *object = find_named(member(member(schema, "definitions"), definition), r.type);
        const cJSON *same = member(member(object, "properties"), property->string);
        if (cJSON_Compare(same, property, true))
            return true;
    }
    return false;
}

/* The keys below `at`, which belong to the type `name` or, where that is NULL, to a type that is found on the way. */
static int missing_below(const char *page, const cJSON *schema, const char *definition, const char *name,
                         const cJSON *at, bool print)
{
    const cJSON *properties = member(at, "properties"), *child;
    const cJSON *type = member(member(properties, "type"), "const");
    int n = 0;
    if (properties == NULL) {
        cJSON_ArrayForEach(child, at)
            n += missing_below(page, schema, definition, name, child, print);
        return n;
    }
    name = type != NULL ? type->valuestring : name;
    cJSON_ArrayForEach(child, properties) {
        if (strcmp(child->string, "type") == 0 || is_short_form(child) || is_note(child))
            continue;
        if (!has_key(page, schema, definition, name, child)) {
            if (print)
                print_error("docs/spec.md: no table has the key %s; add <!-- keys: %s %s --> and <!-- end of keys -->, "
                            "and run make docs\n", child->string, definition, name != NULL ? name : "");
            n++;
        }
        char below[100];
        snprintf(below, sizeof below, "%s/%s", name != NULL ? name : "", child->string);
        n += missing_below(page, schema, definition, below, child, print);
    }
    return n;
}

int spec_tables_missing(const char *page, const cJSON *schema, bool print)
{
    int n = 0;
    const cJSON *definition;
    cJSON_ArrayForEach(definition, member(schema, "definitions"))
        n += missing_below(page, schema, definition->string, NULL, definition, print);
    return n;
}
