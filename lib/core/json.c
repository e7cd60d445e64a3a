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
#include <sys/stat.h>

#include "core/bytes.h"
#include "core/memory.h"
#include "core/text.h"

flow_json flow_json_root(cJSON *document)
{
    return (flow_json){.node = document};
}

/* The member `key` of an object; with `key` NULL, element [index] of a list. */
static flow_json json_below(const flow_json *parent, cJSON *node, const char *key, int index)
{
    flow_json at = flow_json_root(node);
    if (key != NULL)
        snprintf(at.path, sizeof at.path, "%.*s%s%s", FLOW_JSON_PATH_SIZE / 2, parent->path,
                 parent->path[0] != '\0' ? "." : "", key);
    else
        snprintf(at.path, sizeof at.path, "%.*s[%d]", FLOW_JSON_PATH_SIZE - 16, parent->path, index);
    return at;
}

flow_json flow_json_member(const flow_json *object, const char *key)
{
    return json_below(object, cJSON_GetObjectItemCaseSensitive(object->node, key), key, 0);
}

flow_json flow_json_child(const flow_json *object, cJSON *node)
{
    return json_below(object, node, node->string, 0);
}

flow_json flow_json_element(const flow_json *array, int index)
{
    return json_below(array, cJSON_GetArrayItem(array->node, index), NULL, index);
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
    char number[FLOW_NUMBER_SIZE];
    if (cJSON_IsNumber(node))
        flow_number_print(number, node->valuedouble);
    if (cJSON_IsString(node))
        snprintf(out, size, "\"%.60s\"", node->valuestring);
    else
        snprintf(out, size, "%s",
                 node == NULL           ? "nothing"
                 : cJSON_IsNumber(node) ? number
                 : cJSON_IsObject(node) ? "an object"
                 : cJSON_IsArray(node)  ? "a list"
                 : cJSON_IsTrue(node)   ? "true"
                 : cJSON_IsFalse(node)  ? "false"
                                        : "null");
}

flow_status flow_json_unknown(const flow_json *object, const char *key, const char *const *known, int n_known,
                              flow_error *err)
{
    char hint[FLOW_HINT_SIZE];
    flow_hint(hint, key, known, n_known, "the keys here are");
    return flow_json_fail(object, err, "unknown key \"%.60s\"; %s", key, hint);
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
    if (cJSON_IsObject(json->node))
        FLOW_TRY(refuse_duplicates(json, err));
    int index = 0;
    for (cJSON *child = json->node->child; child != NULL; child = child->next, index++) {
        if (child->child == NULL && !cJSON_IsNumber(child))
            continue;
        flow_json below = json_below(json, child, child->string, index);
        FLOW_TRY(check_document(&below, err));
    }
    return FLOW_OK;
}

/* For a text that cannot be read beyond `stop`. */
static flow_status refuse_syntax(const char *text, const char *end, const char *stop, const char *name, flow_error *err)
{
    int line = 1, column = 1;
    const char *start = text;
    while (start < end && isspace((unsigned char)*start))
        start++;
    if (start == end)
        return flow_error_set(err, FLOW_SPEC, "%s: is empty; a JSON object { ... } was expected", name);
    for (const char *c = text; c < stop && c < end; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    if (stop < end && *stop == '{')
        return flow_error_set(err, FLOW_SPEC,
                              "%s:%d:%d: another JSON object begins here, and a spec is a single one; if "
                              "these are rows of data, write them as CSV",
                              name, line, column);
    return flow_error_set(err, FLOW_SPEC, "%s:%d:%d: this is not valid JSON; look for a missing comma, quote or "
                          "bracket here or just before", name, line, column);
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
    char *bytes = NULL;
    const bool has_bytes = length > 0 && memmem(text, length, "\\u", 2) != NULL;
    if (has_bytes) {
        bytes = malloc(length + 1);
        if (bytes == NULL)
            return flow_error_memory(err, name);
        memcpy(bytes, text, length);
        length = flow_bytes_unescape(bytes, length);
        text = bytes;
    }
    const char *stop = text, *end = text + length;
    cJSON *document = cJSON_ParseWithLengthOpts(text, length, &stop, 0);
    while (document != NULL && stop < end && (isspace((unsigned char)*stop) || *stop == '\0'))
        stop++; /* only white space may follow the document */
    flow_json root = flow_json_root(document);
    flow_status status = document == NULL || stop < end
                             ? refuse_syntax(text, end, stop, name, err)
                             : flow_error_prefix(err, check_document(&root, err), "%s: ", name);
    free(bytes);
    FLOW_RETURN_MADE(out, document, cJSON_Delete, status);
}

bool flow_json_begins(const char *text, size_t size)
{
    size_t i = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (i < size && isspace((unsigned char)text[i]))
        i++;
    return i < size && text[i] == '{';
}

/* Whether the text in a pipe is something else, such as a table. */
static bool json_is_other_pipe(FILE *in, const char *text, size_t length)
{
    struct stat about;
    return length > 0 && !flow_json_begins(text, length) && fstat(fileno(in), &about) == 0 && !S_ISREG(about.st_mode);
}

flow_status flow_json_read(cJSON **out, const char *file, flow_error *err)
{
    enum { READ_BYTES = 1 << 16 };
    *out = NULL;
    bool standard = flow_is_standard(file);
    FILE *in = standard ? stdin : fopen(file, "rb");
    if (in == NULL)
        return flow_error_open(err, file, errno);
    flow_status status;
    char *text = NULL;
    size_t length = 0, capacity = 0;
    bool grown = true, ended = false;
    while (!ended && length <= FLOW_JSON_MAX_BYTES && (grown = flow_grow(&text, &capacity, length + READ_BYTES, 1))) {
        const size_t n = fread(text + length, 1, READ_BYTES, in);
        length += n;
        ended = n < READ_BYTES;
    }
    if (!grown)
        status = flow_error_memory(err, file);
    else if (ferror(in))
        status = flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", file, strerror(errno));
    else if (json_is_other_pipe(in, text, length))
        status = flow_error_set(err, FLOW_SPEC,
                                "%s: is not a spec, a JSON object { ... }; if these are data: a spec is made for data "
                                "in a file, which are read several times, as in COMMAND >rows.csv and then flowctl "
                                "train rows.csv",
                                standard ? "standard input" : file);
    else
        status = flow_json_parse(out, text, length, standard ? "standard input" : file, err);
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

cJSON *flow_json_find(cJSON *document, const char *path)
{
    char text[FLOW_JSON_PATH_SIZE + 1], key[64]; /* "PATH=", as steps are taken in an assignment */
    const char *rest = text;
    int index;
    const int length = snprintf(text, sizeof text, "%s=", path);
    cJSON *node = length > 0 && (size_t)length < sizeof text ? document : NULL;
    while (node != NULL && *rest != '=') {
        if (!next_step(&rest, key, sizeof key, &index))
            return NULL;
        node = index < 0                ? cJSON_GetObjectItemCaseSensitive(node, key)
               : cJSON_IsArray(node)    ? cJSON_GetArrayItem(node, index)
                                        : NULL;
    }
    return node;
}

/* Why an assignment has no element [index] or member `key` of `node`, whose path is the first `length` characters. */
static flow_status refuse_step(const cJSON *node, const char *assignment, int length, const char *key, int index,
                               flow_error *err)
{
    const int n = cJSON_GetArraySize(node);
    if (index >= 0 && cJSON_IsArray(node) && length > 0)
        return flow_error_set(err, FLOW_SPEC, "\"%.80s\": there is no list element [%d]: the list has %d element%s, "
                              "counted from 0; set the whole list, %.*s=[...]", assignment, index, n, n == 1 ? "" : "s",
                              length, assignment);
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
            return flow_error_set(err, FLOW_SPEC, "\"%.80s\": the part before \"=\" is not a path such as train.epochs "
                                  "or flow[1].hidden", assignment);
        if (index >= 0 ? !cJSON_IsArray(node) || index >= cJSON_GetArraySize(node) : !cJSON_IsObject(node))
            return refuse_step(node, assignment, before, key, index, err);
        cJSON *next = index >= 0 ? cJSON_GetArrayItem(node, index) : cJSON_GetObjectItemCaseSensitive(node, key);
        if (next == NULL && *path == '[')
            return flow_error_set(err, FLOW_SPEC, "\"%.80s\": %.*s is not in the spec; set the whole list, %.*s=[...]",
                                  assignment, (int)(path - assignment), assignment, (int)(path - assignment),
                                  assignment);
        if (next == NULL)
            next = cJSON_AddObjectToObject(node, key);
        if (next == NULL)
            return flow_error_memory(err, "a value of the spec");
        flow_json at = flow_json_root(next), root = flow_json_root(document);
        if (*path == '=') {
            cJSON *value = cJSON_ParseWithOpts(path + 1, NULL, 1);
            if (value == NULL && (value = cJSON_CreateString(path + 1)) == NULL)
                return flow_error_memory(err, "a value of the spec");
            flow_json_replace(&at, value);
            return flow_error_prefix(err, check_document(&root, err), "\"%.80s\": ", assignment);
        }
        FLOW_TRY(flow_json_expand(&at, "type", err)); /* of a word: "nsf" stands for {"type": "nsf"} */
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

flow_status flow_json_wrap(flow_json *json, const char *key, flow_error *err)
{
    cJSON *object = cJSON_CreateObject(), *value = cJSON_Duplicate(json->node, 1);
    if (object == NULL || value == NULL || !cJSON_AddItemToObject(object, key, value)) {
        cJSON_Delete(object);
        cJSON_Delete(value);
        return flow_error_memory(err, "a spec");
    }
    flow_json_replace(json, object);
    return FLOW_OK;
}

flow_status flow_json_expand(flow_json *json, const char *key, flow_error *err)
{
    return cJSON_IsString(json->node) ? flow_json_wrap(json, key, err) : FLOW_OK;
}
