/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "base/text.h"

static const char *const flow_example =
    "\"flow\": [ { \"type\": \"standardize\" }, { \"type\": \"maf\", \"repeat\": 5 } ]";

/* ---- the tables ---- */

typedef struct top {
    const char *schema, *name, *output;
    flow_json data, flow, base, embedding, train;
    int64_t seed;
} top;

static const flow_option top_options[] = {
    {"$schema", FLOW_OPTION_TEXT, offsetof(top, schema), NULL, 0, 0, NULL, NULL,
     "for editors: where the JSON Schema of this format is"},
    {"name", FLOW_OPTION_TEXT, offsetof(top, name), NULL, 0, 0, NULL, NULL,
     "a name for the model; without it, the name of the spec file"},
    {"data", FLOW_OPTION_JSON, offsetof(top, data), NULL, 0, 0, NULL, "data", "what to train on"},
    {"flow", FLOW_OPTION_JSON, offsetof(top, flow), NULL, 0, 0, NULL, "flow", "the maps from the data to the base"},
    {"base", FLOW_OPTION_JSON, offsetof(top, base), "\"normal\"", 0, 0, NULL, "base",
     "the distribution at the latent end"},
    {"embedding", FLOW_OPTION_JSON, offsetof(top, embedding), NULL, 0, 0, NULL, "embedding",
     "a network that the context goes through first, once for all conditioners: for wide contexts"},
    {"train", FLOW_OPTION_JSON, offsetof(top, train), "{}", 0, 0, NULL, "train", "how to train"},
    {"seed", FLOW_OPTION_INT, offsetof(top, seed), "1", 0, 9007199254740992.0, NULL, NULL,
     "everything random follows from it: initial weights, random orders, shuffling, the held-out share"},
    {"output", FLOW_OPTION_TEXT, offsetof(top, output), NULL, 0, 0, NULL, NULL,
     "the model file, relative to the spec; without it, the name with .h5"},
    FLOW_OPTIONS_END,
};

typedef struct data_options {
    const char *train, *test;
    flow_json validation, columns, context;
    const char *weight;
    bool allow_negative_weights, skip_invalid;
    double memory;
} data_options;

static const flow_option data_table[] = {
    {"train", FLOW_OPTION_TEXT, offsetof(data_options, train), NULL, 0, 0, NULL, NULL,
     "the training data: FILE.csv, FILE.h5:/dataset or FILE.h5:/group, relative to the spec"},
    {"validation", FLOW_OPTION_JSON, offsetof(data_options, validation), NULL, 0, 0, NULL, "share_or_location",
     "held-out data that decide which weights are best: a location, or the share of the training rows to hold out"},
    {"test", FLOW_OPTION_TEXT, offsetof(data_options, test), NULL, 0, 0, NULL, NULL,
     "data that are evaluated once, after training"},
    {"columns", FLOW_OPTION_JSON, offsetof(data_options, columns), NULL, 0, 0, NULL, "column_names",
     "the columns to model, in this order; without it, all that are neither context nor weight"},
    {"context", FLOW_OPTION_JSON, offsetof(data_options, context), NULL, 0, 0, NULL, "column_names",
     "columns that are given: the flow is the density of the others conditional on these"},
    {"weight", FLOW_OPTION_TEXT, offsetof(data_options, weight), NULL, 0, 0, NULL, NULL,
     "a column of weights: what each row counts in training and in means"},
    {"allow_negative_weights", FLOW_OPTION_FLAG, offsetof(data_options, allow_negative_weights), "false", 0, 0, NULL,
     NULL, "take rows of negative weight, as some event generators make them; their sum has to be positive"},
    {"skip_invalid", FLOW_OPTION_FLAG, offsetof(data_options, skip_invalid), "false", 0, 0, NULL, NULL,
     "drop rows with missing or non-finite values instead of refusing the data"},
    {"memory", FLOW_OPTION_NUMBER, offsetof(data_options, memory), "4", 0.001, 1e6, NULL, NULL,
     "GiB that rows held in memory may take; larger data are read again each epoch"},
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
    flow_json training = flow_json_member(&root, "train");
    flow_status status = expand(flow_json_member(&root, "data"), "train", err);
    if (status == FLOW_OK)
        status = expand(flow_json_member(&root, "base"), "type", err);
    if (status == FLOW_OK)
        status = expand(flow_json_member(&training, "objective"), "type", err);
    if (status == FLOW_OK)
        status = expand(flow_json_member(&training, "optimizer"), "type", err);
    if (status == FLOW_OK)
        status = expand(flow_json_member(&training, "schedule"), "type", err);
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

static flow_status fail_expected(const flow_json *at, flow_error *err, const char *expected)
{
    char found[80];
    flow_json_describe(found, sizeof found, at);
    return flow_json_fail(at, err, "expected %s, found %s", expected, found);
}

static flow_status refuse_empty(const flow_json *object, const char *key, flow_error *err)
{
    flow_json at = flow_json_member(object, key);
    if (cJSON_IsString(at.node) && at.node->valuestring[0] == '\0')
        return flow_json_fail(&at, err, "the text is empty; name something or leave the key out");
    return FLOW_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static flow_status refuse_twice(const flow_json *at, const char *const *names, int n_names, flow_error *err)
{
    size_t n = (size_t)n_names;
    const char **sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL)
        return flow_error_memory(err, "the list of columns");
    memcpy(sorted, names, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_texts);
    flow_status status = FLOW_OK;
    for (size_t i = 1; i < n && status == FLOW_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = flow_json_fail(at, err, "the column \"%.60s\" is listed twice", sorted[i]);
    free(sorted);
    return status;
}

/* A list of names into *names (owned by the caller, also after an error). */
static flow_status read_names(const char ***names, int *n_names, const flow_json *at, flow_error *err)
{
    if (at->node == NULL)
        return FLOW_OK;
    if (!cJSON_IsArray(at->node))
        return fail_expected(at, err, "a list of column names such as [\"mass\", \"energy\"]");
    int n = cJSON_GetArraySize(at->node);
    if (n < 1 || n > FLOW_SPEC_COLUMNS_MAX)
        return flow_json_fail(at, err, "%d columns; allowed are 1 to %d, or leave the key out", n,
                              FLOW_SPEC_COLUMNS_MAX);
    *names = malloc((size_t)n * sizeof **names);
    if (*names == NULL)
        return flow_error_memory(err, "the list of columns");
    for (cJSON *name = at->node->child; name != NULL; name = name->next) {
        if (!cJSON_IsString(name) || name->valuestring[0] == '\0') {
            flow_json element = flow_json_element(at, *n_names);
            return fail_expected(&element, err, "the name of a column");
        }
        (*names)[(*n_names)++] = name->valuestring;
    }
    return refuse_twice(at, *names, *n_names, err);
}

static bool is_among(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* A column is modelled, or given, or a weight. */
static flow_status refuse_two_roles(const flow_spec *spec, const flow_json *data, flow_error *err)
{
    flow_json context = flow_json_member(data, "context"), weight = flow_json_member(data, "weight");
    for (int i = 0; i < spec->n_context; i++)
        if (is_among(spec->context[i], spec->columns, spec->n_columns))
            return flow_json_fail(&context, err,
                                  "the column \"%.60s\" is in data.columns too; it is modelled or given, "
                                  "not both",
                                  spec->context[i]);
    if (spec->weight != NULL && (is_among(spec->weight, spec->columns, spec->n_columns) ||
                                 is_among(spec->weight, spec->context, spec->n_context)))
        return flow_json_fail(&weight, err, "the column \"%.60s\" is in data.%s too; a weight is neither modelled nor "
                              "given", spec->weight,
                              is_among(spec->weight, spec->context, spec->n_context) ? "context" : "columns");
    return FLOW_OK;
}

static flow_status read_validation(flow_spec *spec, const flow_json *at, flow_error *err)
{
    if (at->node == NULL)
        return FLOW_OK;
    if (cJSON_IsString(at->node) && at->node->valuestring[0] != '\0') {
        spec->validation = at->node->valuestring;
        return FLOW_OK;
    }
    if (!cJSON_IsNumber(at->node))
        return fail_expected(at, err, "the location of data such as \"file.h5:/validation\", or the share of the "
                             "training rows to hold out, such as 0.1");
    double share = at->node->valuedouble;
    if (!(share > 0 && share < 1)) {
        char found[FLOW_NUMBER_SIZE];
        flow_number_print(found, share);
        return flow_json_fail(at, err, "%s is out of range; a share to hold out is between 0 and 1, for example 0.1",
                              found);
    }
    spec->share = share;
    return FLOW_OK;
}

static flow_status read_data(flow_spec *spec, flow_json *at, flow_error *err)
{
    data_options options = {0};
    flow_status status = flow_options_read(&options, data_table, at, NULL, err);
    if (status == FLOW_OK)
        status = refuse_empty(at, "train", err);
    if (status == FLOW_OK)
        status = refuse_empty(at, "test", err);
    if (status == FLOW_OK)
        status = read_validation(spec, &options.validation, err);
    if (status == FLOW_OK)
        status = refuse_empty(at, "weight", err);
    if (status == FLOW_OK)
        status = read_names(&spec->columns, &spec->n_columns, &options.columns, err);
    if (status == FLOW_OK)
        status = read_names(&spec->context, &spec->n_context, &options.context, err);
    spec->weight = options.weight;
    spec->allow_negative_weights = options.allow_negative_weights;
    if (status == FLOW_OK)
        status = refuse_two_roles(spec, at, err);
    spec->train = options.train;
    spec->test = options.test;
    spec->skip_invalid = options.skip_invalid;
    spec->memory = options.memory;
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
    if (strcmp(output, "-") == 0)
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
        status = refuse_empty(&root, "name", err);
    if (status == FLOW_OK)
        status = refuse_empty(&root, "output", err);
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
        return fail_expected(&spec->training, err, "an object such as { \"epochs\": 100 }");
    spec->memory = 4;
    if (options.data.node != NULL)
        status = read_data(spec, &options.data, err);
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
        status = fail_expected(&root, err, "an object { ... }");
        flow_error_prefix(err, "%s: ", source);
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
        flow_error_prefix(err, "%s: ", source);
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
    if (strcmp(file, "-") == 0)
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

static cJSON *object_schema(const flow_option *table)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON_AddItemToObject(schema, "properties", flow_options_schema(table));
    cJSON_AddFalseToObject(schema, "additionalProperties");
    return schema;
}

static void add_copy(cJSON *object, const char *key, const char *json)
{
    cJSON_AddItemToObject(object, key, cJSON_Parse(json));
}

void flow_spec_schema(cJSON *schema)
{
    cJSON_AddStringToObject(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    cJSON_AddStringToObject(schema, "title", "flowctl model spec");
    cJSON *document = object_schema(top_options);
    while (document != NULL && document->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(document, document->child);
        cJSON_AddItemToObject(schema, item->string, item);
    }
    cJSON_Delete(document);
    add_copy(schema, "required", "[\"flow\"]");
    cJSON *definitions = cJSON_GetObjectItemCaseSensitive(schema, "definitions");
    if (definitions == NULL)
        definitions = cJSON_AddObjectToObject(schema, "definitions");
    cJSON *data = cJSON_AddObjectToObject(definitions, "data");
    cJSON *forms = cJSON_AddArrayToObject(data, "anyOf");
    cJSON_AddItemToArray(forms, cJSON_Parse("{\"type\": \"string\", \"minLength\": 1}"));
    cJSON_AddItemToArray(forms, object_schema(data_table));
    add_copy(definitions, "share_or_location",
             "{\"anyOf\": [{\"type\": \"string\", \"minLength\": 1},"
             " {\"type\": \"number\", \"exclusiveMinimum\": 0, \"exclusiveMaximum\": 1}]}");
    add_copy(definitions, "column_names",
             "{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1},"
             " \"minItems\": 1, \"uniqueItems\": true}");
}
