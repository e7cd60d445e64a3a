/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/option.h"
#include "core/text.h"
#include "model/spec_data.h"

static const char *const flow_example =
    "\"flow\": [ { \"type\": \"standardize\" }, { \"type\": \"maf\", \"repeat\": 5 } ]";

/* ---- the tables ---- */

typedef struct top {
    const char *schema, *name, *output;
    flow_json data, flow, base, embedding, train;
    int64_t seed;
} top;

static const flow_option top_options[] = {
    {.key = "$schema", .kind = FLOW_OPTION_TEXT, .offset = offsetof(top, schema),
     .help = "for editors: where the JSON Schema of this format is"},
    {.key = "name", .kind = FLOW_OPTION_TEXT, .offset = offsetof(top, name),
     .help = "a name for the model; without it, the name of the spec file"},
    {.key = "data", .kind = FLOW_OPTION_JSON, .offset = offsetof(top, data), .refers = "data",
     .help = "what to train on"},
    {.key = "flow", .kind = FLOW_OPTION_JSON, .offset = offsetof(top, flow), .refers = "flow",
     .help = "the maps from the data to the base"},
    {.key = "base", .kind = FLOW_OPTION_JSON, .offset = offsetof(top, base), .fallback = "\"normal\"",
     .refers = "base",
     .help = "the distribution at the latent end"},
    {.key = "embedding", .kind = FLOW_OPTION_JSON, .offset = offsetof(top, embedding), .refers = "embedding",
     .help = "a network that the context goes through first, once for all conditioners: for wide contexts"},
    {.key = "train", .kind = FLOW_OPTION_JSON, .offset = offsetof(top, train), .fallback = "{}", .refers = "train",
     .help = "how to train"},
    {.key = "seed", .kind = FLOW_OPTION_INT, .offset = offsetof(top, seed), .fallback = "1", .least = 0,
     .most = 9007199254740992.0,
     .help = "everything random follows from it: initial weights, random orders, shuffling, the held-out share"},
    {.key = "output", .kind = FLOW_OPTION_TEXT, .offset = offsetof(top, output),
     .help = "the model file, relative to the spec; without it, the name with .h5"},
    FLOW_OPTIONS_END,
};

/* ---- reading ---- */

/* "data": "file.csv" for {"train": "file.csv"}, "maf" for {"type": "maf"}: short forms become long ones, so that
 * everybody else meets one form only and an override may reach into it. */
static flow_status expand(flow_json at, const char *inner, flow_error *err)
{
    if (!cJSON_IsString(at.node))
        return FLOW_OK;
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || cJSON_AddStringToObject(object, inner, at.node->valuestring) == NULL) {
        cJSON_Delete(object);
        return flow_error_memory(err, "the spec");
    }
    flow_json_replace(&at, object);
    return FLOW_OK;
}

static flow_status expand_short_forms(cJSON *document, flow_error *err)
{
    flow_json root = flow_json_root(document), list = flow_json_member(&root, "flow");
    flow_status status = expand(flow_json_member(&root, "data"), "train", err);
    if (status == FLOW_OK)
        status = expand(flow_json_member(&root, "base"), "type", err);
    int n = cJSON_IsArray(list.node) ? cJSON_GetArraySize(list.node) : 0;
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        status = expand(flow_json_element(&list, i), "type", err);
        flow_json map = flow_json_element(&list, i);
        if (status == FLOW_OK)
            status = expand(flow_json_member(&map, "univariate"), "type", err);
        if (status == FLOW_OK)
            status = expand(flow_json_member(&map, "solver"), "type", err);
    }
    return status;
}

/* ---- the output ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Whether `location` ("FILE" or "FILE:/path") lies in the file `output`. */
static bool lies_in(const char *location, const char *output)
{
    size_t n = strlen(output);
    return location != NULL && strncmp(location, output, n) == 0 && (location[n] == '\0' || location[n] == ':');
}

static flow_status check_output(const flow_spec *spec, const flow_json *root, flow_error *err)
{
    flow_json at = flow_json_member(root, "output");
    const char *output = spec->output;
    if (flow_is_standard(output))
        return flow_json_fail(&at, err, "a model cannot go to standard output; name a file such as \"model.h5\"");
    if (ends_with(output, "/"))
        return flow_json_fail(&at, err, "\"%.100s\" is a folder; name a file such as \"%.100smodel.h5\"", output,
                              output);
    if (ends_with(output, ".json") || ends_with(output, ".csv"))
        return flow_json_fail(&at, err, "a model is an HDF5 file; call it .h5, not \"%.100s\"", output);
    if (strstr(output, ".h5:") != NULL)
        return flow_json_fail(&at, err, "a model is a whole file; leave out what stands behind \"%.*s\"",
                              (int)(strstr(output, ".h5:") + 3 - output), output);
    if (lies_in(spec->train, output) || lies_in(spec->validation, output) || lies_in(spec->test, output))
        return flow_json_fail(&at, err, "the model would replace the data in \"%.100s\"; choose another name", output);
    return FLOW_OK;
}

static const char *const standard_input = "standard input";

/* "moons" for "configs/moons.json". */
static char *stem_of(const char *name)
{
    if (strcmp(name, standard_input) == 0)
        return flow_strdup("model");
    const char *slash = strrchr(name, '/');
    const char *start = slash == NULL ? name : slash + 1;
    const char *point = strrchr(start, '.');
    int length = point == NULL || point == start ? (int)strlen(start) : (int)(point - start);
    return length == 0 ? flow_strdup("model") : flow_format("%.*s", length, start);
}

static flow_status put_text(cJSON *document, const char *key, const char **out, char *text, flow_error *err)
{
    cJSON_DeleteItemFromObjectCaseSensitive(document, key); /* a null stands for an absent key */
    cJSON *node = text == NULL ? NULL : cJSON_AddStringToObject(document, key, text);
    free(text);
    if (node == NULL)
        return flow_error_memory(err, "the spec");
    *out = node->valuestring;
    return FLOW_OK;
}

static flow_status name_output(flow_spec *spec, const char *source, flow_error *err)
{
    flow_status status = FLOW_OK;
    if (spec->name == NULL)
        status = put_text(spec->document, "name", &spec->name, stem_of(source), err);
    if (status == FLOW_OK && spec->output == NULL) {
        char *output = flow_format("%s.h5", spec->name);
        for (char *c = output; c != NULL && *c != '\0'; c++)
            if (*c == '/')
                *c = '-';
        status = put_text(spec->document, "output", &spec->output, output, err);
    }
    return status;
}

/* ---- all of it ---- */

static flow_status read_top(flow_spec *spec, const char *source, flow_error *err)
{
    flow_json root = flow_json_root(spec->document);
    top options = {0};
    flow_status status = flow_options_read(&options, top_options, &root, NULL, err);
    if (status == FLOW_OK)
        status = expand_short_forms(spec->document, err); /* the default of "base" is a short form */
    if (status == FLOW_OK)
        status = flow_spec_refuse_empty(&root, "name", err);
    if (status == FLOW_OK)
        status = flow_spec_refuse_empty(&root, "output", err);
    if (status != FLOW_OK)
        return status;
    spec->name = options.name;
    spec->output = options.output;
    spec->seed = (uint64_t)options.seed;
    spec->flow = options.flow;
    spec->base = options.base;
    spec->embedding = options.embedding;
    spec->training = options.train;
    if (spec->flow.node == NULL)
        return flow_json_fail(&root, err, "the key \"flow\" is missing: the list of maps from the data to the base, "
                              "for example %s", flow_example);
    if (!cJSON_IsArray(spec->flow.node)) {
        char found[80];
        flow_json_describe(found, sizeof found, &spec->flow);
        return flow_json_fail(&spec->flow, err, "expected a list of maps, found %s; for example %s", found,
                              flow_example);
    }
    if (!cJSON_IsObject(spec->training.node))
        return flow_spec_fail_expected(&spec->training, err, "an object such as { \"epochs\": 100 }");
    spec->memory = 4;
    if (options.data.node != NULL)
        status = flow_spec_read_data(spec, &options.data, err);
    if (status == FLOW_OK)
        status = name_output(spec, source, err);
    if (status == FLOW_OK)
        status = check_output(spec, &root, err);
    return status;
}

/* Takes the document over, whatever happens. */
static flow_status make(flow_spec **out, cJSON *document, const char *source, const char *dir,
                        const char *const *overrides, int n_overrides, flow_error *err)
{
    *out = NULL;
    flow_spec *spec = calloc(1, sizeof *spec);
    if (spec == NULL) {
        cJSON_Delete(document);
        return flow_error_memory(err, "the spec");
    }
    spec->document = document;
    spec->source = flow_strdup(source);
    spec->dir = flow_strdup(dir == NULL ? "." : dir);
    flow_status status = spec->dir == NULL || spec->source == NULL ? flow_error_memory(err, "the spec") : FLOW_OK;
    if (status == FLOW_OK && !cJSON_IsObject(document)) {
        flow_json root = flow_json_root(document);
        status = flow_spec_fail_expected(&root, err, "an object { ... }");
        flow_error_prefix(err, status, "%s: ", source);
        goto done;
    }
    if (status == FLOW_OK)
        status = expand_short_forms(document, err);
    for (int i = 0; i < n_overrides && status == FLOW_OK; i++) {
        status = flow_json_assign(document, overrides[i], err);
        if (status == FLOW_OK)
            status = expand_short_forms(document, err);
    }
    if (status != FLOW_OK)
        goto done;
    status = read_top(spec, source, err);
    if (status == FLOW_SPEC)
        flow_error_prefix(err, status, "%s: ", source);
done:
    if (status == FLOW_OK)
        *out = spec;
    else
        flow_spec_free(spec);
    return status;
}

flow_status flow_spec_read(flow_spec **out, const char *file, const char *const *overrides, int n_overrides,
                           flow_error *err)
{
    *out = NULL;
    cJSON *document;
    flow_status status = flow_json_read(&document, file, err);
    if (status != FLOW_OK)
        return status;
    if (flow_is_standard(file))
        return make(out, document, standard_input, ".", overrides, n_overrides, err);
    char *dir = flow_path_dir(file);
    if (dir == NULL) {
        cJSON_Delete(document);
        return flow_error_memory(err, file);
    }
    status = make(out, document, file, dir, overrides, n_overrides, err);
    free(dir);
    return status;
}

flow_status flow_spec_parse(flow_spec **out, const char *text, size_t length, const char *name, const char *dir,
                            const char *const *overrides, int n_overrides, flow_error *err)
{
    *out = NULL;
    cJSON *document;
    flow_status status = flow_json_parse(&document, text, length, name, err);
    if (status != FLOW_OK)
        return status;
    return make(out, document, name, dir, overrides, n_overrides, err);
}

void flow_spec_free(flow_spec *spec)
{
    if (spec == NULL)
        return;
    cJSON_Delete(spec->document);
    free(spec->dir);
    free(spec->source);
    flow_arena_release(&spec->arena);
    free(spec->columns);
    free(spec->context);
    free(spec);
}

char *flow_spec_path(const flow_spec *spec, const char *path)
{
    return flow_path_join(spec->dir, path);
}

char *flow_spec_print(const flow_spec *spec)
{
    return flow_json_print(spec->document);
}

/* ---- the schema ---- */

void flow_spec_schema(cJSON *schema)
{
    cJSON_AddStringToObject(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    cJSON_AddStringToObject(schema, "title", "flowctl model spec");
    cJSON *document = flow_spec_object_schema(top_options);
    while (document != NULL && document->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(document, document->child);
        cJSON_AddItemToObject(schema, item->string, item);
    }
    cJSON_Delete(document);
    cJSON_AddItemToObject(schema, "required", cJSON_Parse("[\"flow\"]"));
    cJSON *definitions = cJSON_GetObjectItemCaseSensitive(schema, "definitions");
    if (definitions == NULL)
        definitions = cJSON_AddObjectToObject(schema, "definitions");
    flow_spec_data_schema(definitions);
}
