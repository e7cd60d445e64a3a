/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static flow_json cursor(cJSON *node)
{
    return (flow_json){.node = node};
}

flow_json flow_json_root(cJSON *document)
{
    return cursor(document);
}

static void name_member(flow_json *json, const flow_json *object, const char *key)
{
    snprintf(json->path, sizeof json->path, "%.*s%s%s", FLOW_JSON_PATH_SIZE / 2, object->path,
             object->path[0] != '\0' ? "." : "", key);
}

static void name_element(flow_json *json, const flow_json *array, int index)
{
    snprintf(json->path, sizeof json->path, "%.*s[%d]", FLOW_JSON_PATH_SIZE - 16, array->path, index);
}

flow_json flow_json_member(const flow_json *object, const char *key)
{
    flow_json json = cursor(cJSON_GetObjectItemCaseSensitive(object->node, key));
    name_member(&json, object, key);
    return json;
}

flow_json flow_json_child(const flow_json *object, cJSON *node)
{
    flow_json at = cursor(node);
    name_member(&at, object, node->string);
    return at;
}

flow_json flow_json_element(const flow_json *array, int index)
{
    flow_json json = cursor(cJSON_GetArrayItem(array->node, index));
    name_element(&json, array, index);
    return json;
}

flow_status flow_json_fail(const flow_json *json, flow_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flow_status code = flow_error_setv(err, FLOW_SPEC, format, args);
    va_end(args);
    return json->path[0] != '\0' ? flow_error_prefix(err, code, "%s: ", json->path) : code;
}

void flow_json_describe(char *out, size_t size, const flow_json *json)
{
    const cJSON *node = json->node;
    if (node == NULL) {
        snprintf(out, size, "nothing");
    } else if (cJSON_IsString(node)) {
        snprintf(out, size, "\"%.60s\"", node->valuestring);
    } else if (cJSON_IsNumber(node)) {
        char number[FLOW_NUMBER_SIZE];
        flow_number_print(number, node->valuedouble);
        snprintf(out, size, "%s", number);
    } else {
        const char *what = cJSON_IsObject(node)  ? "an object"
                           : cJSON_IsArray(node) ? "a list"
                           : cJSON_IsTrue(node)  ? "true"
                           : cJSON_IsFalse(node) ? "false"
                                                 : "null";
        snprintf(out, size, "%s", what);
    }
}

flow_status flow_json_unknown(const flow_json *object, const char *key, const char *const *known, int n_known,
                              flow_error *err)
{
    const char *nearest = flow_nearest(key, known, n_known);
    if (nearest != NULL)
        return flow_json_fail(object, err, "unknown key \"%.60s\"; did you mean \"%s\"?", key, nearest);
    flow_text list = {0};
    for (int i = 0; i < n_known; i++)
        flow_text_add(&list, "%s%s", i == 0 ? "" : ", ", known[i]);
    flow_status status = flow_json_fail(object, err, "unknown key \"%.60s\"; the keys here are: %s", key,
                                        list.data != NULL ? list.data : "none");
    flow_text_free(&list);
    return status;
}

/* cJSON accepts equal keys. */
static flow_status refuse_duplicates(const flow_json *object, flow_error *err)
{
    size_t n = (size_t)cJSON_GetArraySize(object->node), i = 0;
    const char *twice = NULL, **keys = malloc((n + 1) * sizeof *keys);
    if (keys == NULL)
        return flow_error_memory(err, "the keys of an object");
    for (const cJSON *child = object->node->child; child != NULL; child = child->next)
        keys[i++] = child->string;
    flow_status status = flow_find_repeated(&twice, keys, n, err);
    free(keys);
    return twice != NULL ? flow_json_fail(object, err, "the key \"%.60s\" occurs twice", twice) : status;
}

/* Refuses what cJSON accepts: equal keys, and numbers like 1e999, which it reads as infinity and prints as null. */
static flow_status check_document(const flow_json *json, flow_error *err)
{
    if (cJSON_IsNumber(json->node) && !isfinite(json->node->valuedouble))
        return flow_json_fail(json, err, "the number is too large");
    bool is_object = cJSON_IsObject(json->node);
    flow_status status = is_object ? refuse_duplicates(json, err) : FLOW_OK;
    int index = 0;
    for (cJSON *child = json->node->child; child != NULL && status == FLOW_OK; child = child->next, index++) {
        if (child->child == NULL && !cJSON_IsNumber(child))
            continue;
        flow_json below = cursor(child);
        if (is_object)
            name_member(&below, json, child->string);
        else
            name_element(&below, json, index);
        status = check_document(&below, err);
    }
    return status;
}

static void line_and_column(const char *text, const char *stop, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (const char *c = text; c < stop; c++) {
        *column = *c == '\n' ? 1 : *column + 1;
        *line += *c == '\n';
    }
}

flow_status flow_json_parse(cJSON **out, const char *text, size_t length, const char *name, flow_error *err)
{
    *out = NULL;
    if (length > FLOW_JSON_MAX_BYTES)
        return flow_error_set(err, FLOW_SPEC, "%s: a spec of more than %d bytes is not accepted", name,
                              FLOW_JSON_MAX_BYTES);
    if (!flow_is_utf8(text, length))
        return flow_error_set(err, FLOW_SPEC, "%s: is not in UTF-8; convert it, from Latin 1 for example by iconv -f "
                              "LATIN1 -t UTF-8", name);
    const char *stop = text;
    cJSON *document = cJSON_ParseWithLengthOpts(text, length, &stop, 0);
    if (document != NULL) { /* only white space may follow the document */
        const char *end = text + length;
        while (stop < end && (isspace((unsigned char)*stop) || *stop == '\0'))
            stop++;
        if (stop < end) {
            cJSON_Delete(document);
            document = NULL;
        }
    }
    if (document == NULL) {
        size_t blank = 0;
        while (blank < length && isspace((unsigned char)text[blank]))
            blank++;
        if (blank == length)
            return flow_error_set(err, FLOW_SPEC, "%s: is empty; a JSON object { ... } was expected", name);
        int line, column;
        line_and_column(text, stop < text + length ? stop : text + length, &line, &column);
        return flow_error_set(err, FLOW_SPEC, "%s:%d:%d: this is not valid JSON; look for a missing comma, quote or "
                              "bracket here or just before", name, line, column);
    }
    flow_json root = flow_json_root(document);
    flow_status status = check_document(&root, err);
    if (status != FLOW_OK) {
        cJSON_Delete(document);
        return flow_error_prefix(err, status, "%s: ", name);
    }
    *out = document;
    return FLOW_OK;
}

flow_status flow_json_read(cJSON **out, const char *file, flow_error *err)
{
    *out = NULL;
    bool standard = flow_is_standard(file);
    FILE *in = standard ? stdin : fopen(file, "rb");
    if (in == NULL)
        return flow_error_open(err, file, errno);
    flow_status status = FLOW_OK;
    char *text = malloc(FLOW_JSON_MAX_BYTES + 1);
    if (text == NULL) {
        status = flow_error_memory(err, file);
    } else {
        size_t length = fread(text, 1, FLOW_JSON_MAX_BYTES + 1, in);
        if (ferror(in))
            status = flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", file, strerror(errno));
        else
            status = flow_json_parse(out, text, length, standard ? "standard input" : file, err);
    }
    free(text);
    if (!standard)
        fclose(in);
    return status;
}

/* Takes the next step of "a.b[2].c" from *path: a key (index -1) or an index (key empty). False if it is malformed. */
static bool next_step(const char **path, char *key, size_t size, int *index)
{
    const char *c = *path;
    *index = -1;
    key[0] = '\0';
    if (*c == '[') {
        char *end;
        long value = strtol(c + 1, &end, 10);
        if (end == c + 1 || *end != ']' || value < 0 || value > INT_MAX)
            return false;
        *index = (int)value;
        c = end + 1;
    } else {
        size_t n = strcspn(c, ".[=");
        if (n == 0 || n >= size)
            return false;
        memcpy(key, c, n);
        key[n] = '\0';
        c += n;
    }
    if (*c == '.' && c[1] != '=') /* a key follows a point */
        c++;
    else if (*c != '[' && *c != '=')
        return false;
    *path = c;
    return true;
}

/* Puts `value` (taken over) under the key or the index. False when memory is out: `value` is then freed. */
static bool put(cJSON *parent, const char *key, int index, cJSON *value)
{
    /* without memory, cJSON_ReplaceItemInObject leaves an item without a key */
    cJSON *old = index >= 0 ? cJSON_GetArrayItem(parent, index) : cJSON_GetObjectItemCaseSensitive(parent, key);
    if (old != NULL) {
        flow_json at = cursor(old);
        flow_json_replace(&at, value);
        return true;
    }
    bool done = cJSON_AddItemToObject(parent, key, value);
    if (!done)
        cJSON_Delete(value);
    return done;
}

/* Why an assignment has no element [index] or member `key` of `node`, whose path is the first `length` characters. */
static flow_status refuse_step(const cJSON *node, const char *assignment, int length, const char *key, int index,
                               flow_error *err)
{
    const int n = cJSON_GetArraySize(node);
    if (index >= 0 && cJSON_IsArray(node) && length > 0)
        return flow_error_set(err, FLOW_SPEC, "\"%.80s\": there is no list element [%d]: the list has %d element%s, "
                              "counted from 0; set the whole list, %.*s=[...]", assignment, index, n,
                              n == 1 ? "" : "s", length, assignment);
    if (index >= 0)
        return flow_error_set(err, FLOW_SPEC, "\"%.80s\": there is no list element [%d]: %.*s is not a list",
                              assignment, index, length > 0 ? length : 8, length > 0 ? assignment : "the spec");
    if (cJSON_IsArray(node) && length > 0)
        return flow_error_set(err, FLOW_SPEC, "\"%.80s\": %.*s is a list: write %.*s[%s]", assignment, length,
                              assignment, length, assignment, key[strspn(key, "0123456789")] == '\0' ? key : "0");
    return flow_error_set(err, FLOW_SPEC, "\"%.80s\": what should hold \"%s\" is not an object", assignment, key);
}

flow_status flow_json_assign(cJSON *document, const char *assignment, flow_error *err)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment)
        return flow_error_set(err, FLOW_SPEC, "\"%.80s\" is not of the form key=value, for example train.epochs=5",
                              assignment);
    cJSON *node = document;
    const char *path = assignment;
    for (;;) {
        char key[64];
        int index, before = (int)(path - assignment); /* the length of the path of `node` */
        before -= before > 0 && path[-1] == '.';
        if (!next_step(&path, key, sizeof key, &index))
            return flow_error_set(err, FLOW_SPEC, "\"%.80s\": the part before \"=\" is not a path such as "
                                  "train.epochs or flow[1].hidden", assignment);
        if (index >= 0 ? !cJSON_IsArray(node) || index >= cJSON_GetArraySize(node) : !cJSON_IsObject(node))
            return refuse_step(node, assignment, before, key, index, err);
        if (*path == '=') {
            cJSON *value = cJSON_ParseWithOpts(path + 1, NULL, 1);
            if (value == NULL)
                value = cJSON_CreateString(path + 1);
            if (value == NULL)
                return flow_error_memory(err, "a value of the spec");
            if (!put(node, key, index, value))
                return flow_error_memory(err, "a value of the spec");
            flow_json root = flow_json_root(document);
            flow_status status = check_document(&root, err);
            return flow_error_prefix(err, status, "\"%.80s\": ", assignment);
        }
        cJSON *next = index >= 0 ? cJSON_GetArrayItem(node, index) : cJSON_GetObjectItemCaseSensitive(node, key);
        if (next == NULL && *path == '[')
            return flow_error_set(err, FLOW_SPEC, "\"%.80s\": %.*s is not in the spec; set the whole list, %.*s=[...]",
                                  assignment, (int)(path - assignment), assignment, (int)(path - assignment),
                                  assignment);
        if (next == NULL) {
            next = cJSON_CreateObject();
            if (next == NULL || !put(node, key, index, next))
                return flow_error_memory(err, "a value of the spec");
        }
        if (cJSON_IsString(next)) { /* a word that a key is set in: "nsf" stands for {"type": "nsf"} */
            flow_json word = cursor(next);
            flow_status status = flow_json_expand(&word, "type", err);
            if (status != FLOW_OK)
                return status;
        }
        node = next;
    }
}

/* cJSON replaces an item of its parent, which a cursor does not have. Exchanging the contents keeps all links. */
void flow_json_replace(flow_json *json, cJSON *with)
{
    cJSON old = *json->node;
    json->node->type = with->type;
    json->node->valuestring = with->valuestring;
    json->node->valueint = with->valueint;
    json->node->valuedouble = with->valuedouble;
    json->node->child = with->child;
    with->type = old.type;
    with->valuestring = old.valuestring;
    with->child = old.child;
    cJSON_Delete(with);
}

flow_status flow_json_expand(flow_json *json, const char *key, flow_error *err)
{
    if (!cJSON_IsString(json->node))
        return FLOW_OK;
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || cJSON_AddStringToObject(object, key, json->node->valuestring) == NULL) {
        cJSON_Delete(object);
        return flow_error_memory(err, "a spec");
    }
    flow_json_replace(json, object);
    return FLOW_OK;
}

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
    flow_json json = cursor(node);
    flow_json_replace(&json, exact);
    return true;
}

char *flow_json_print(const cJSON *document)
{
    cJSON *spelled = cJSON_Duplicate(document, 1);
    char *text = spelled != NULL && spell_numbers(spelled) ? cJSON_Print(spelled) : NULL;
    cJSON_Delete(spelled);
    return text;
}
