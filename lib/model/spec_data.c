/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec_data.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

typedef struct data_options {
    const char *train, *test;
    flow_json validation, columns, context;
    const char *weight;
    bool allow_negative_weights, skip_invalid;
    double memory;
} data_options;

static const flow_option data_table[] = {
    {.key = "train", .kind = FLOW_OPTION_TEXT, .offset = offsetof(data_options, train),
     .help = "the training data: FILE.csv, FILE.h5:/dataset or FILE.h5:/group, relative to the spec"},
    {.key = "validation", .kind = FLOW_OPTION_JSON, .offset = offsetof(data_options, validation),
     .refers = "share_or_location",
     .help = "held-out data that decide which weights are best: a location, or the share of the training rows "
             "to hold out"},
    {.key = "test", .kind = FLOW_OPTION_TEXT, .offset = offsetof(data_options, test),
     .help = "data that are evaluated once, after training"},
    {.key = "columns", .kind = FLOW_OPTION_JSON, .offset = offsetof(data_options, columns), .refers = "column_names",
     .help = "the columns to model, in this order; without it, all that are neither context nor weight"},
    {.key = "context", .kind = FLOW_OPTION_JSON, .offset = offsetof(data_options, context), .refers = "column_names",
     .help = "columns that are given: the flow is the density of the others conditional on these"},
    {.key = "weight", .kind = FLOW_OPTION_TEXT, .offset = offsetof(data_options, weight),
     .help = "a column of weights: what each row counts in training and in means"},
    {.key = "allow_negative_weights", .kind = FLOW_OPTION_FLAG,
     .offset = offsetof(data_options, allow_negative_weights), .fallback = "false",
     .help = "take rows of negative weight, as some event generators make them; their sum has to be positive"},
    {.key = "skip_invalid", .kind = FLOW_OPTION_FLAG, .offset = offsetof(data_options, skip_invalid),
     .fallback = "false",
     .help = "drop rows with missing or non-finite values instead of refusing the data"},
    {.key = "memory", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(data_options, memory), .fallback = "4",
     .least = 0.001, .most = 1e6,
     .help = "GiB that rows held in memory may take; larger data are read again each epoch"},
    FLOW_OPTIONS_END,
};

/* ---- what all of a spec is read with ---- */

flow_status flow_spec_fail_expected(const flow_json *at, flow_error *err, const char *expected)
{
    char found[80];
    flow_json_describe(found, sizeof found, at);
    return flow_json_fail(at, err, "expected %s, found %s", expected, found);
}

flow_status flow_spec_refuse_empty(const flow_json *object, const char *key, flow_error *err)
{
    flow_json at = flow_json_member(object, key);
    if (cJSON_IsString(at.node) && at.node->valuestring[0] == '\0')
        return flow_json_fail(&at, err, "the text is empty; name something or leave the key out");
    return FLOW_OK;
}

cJSON *flow_spec_object_schema(const flow_option *table)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON_AddItemToObject(schema, "properties", flow_options_schema(table));
    cJSON_AddFalseToObject(schema, "additionalProperties");
    return schema;
}

/* ---- reading ---- */

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
        return flow_spec_fail_expected(at, err, "a list of column names such as [\"mass\", \"energy\"]");
    int n = cJSON_GetArraySize(at->node);
    if (n < 1 || n > FLOW_SPEC_COLUMNS_MAX)
        return flow_json_fail(at, err, "%d columns; allowed are 1 to %d, or leave the key out", n,
                              FLOW_SPEC_COLUMNS_MAX);
    *names = calloc((size_t)n, sizeof **names);
    if (*names == NULL)
        return flow_error_memory(err, "the list of columns");
    for (cJSON *name = at->node->child; name != NULL; name = name->next) {
        if (!cJSON_IsString(name) || name->valuestring[0] == '\0') {
            flow_json element = flow_json_element(at, *n_names);
            return flow_spec_fail_expected(&element, err, "the name of a column");
        }
        (*names)[(*n_names)++] = name->valuestring;
    }
    return refuse_twice(at, *names, *n_names, err);
}

static bool is_among(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        assert(name != NULL && names[i] != NULL); /* read_names has seen to it */
        if (strcmp(names[i], name) == 0)
            return true;
    }
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
        return flow_spec_fail_expected(at, err,
                                       "the location of data such as \"file.h5:/validation\", or the share of the "
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

flow_status flow_spec_read_data(flow_spec *spec, flow_json *at, flow_error *err)
{
    data_options options = {0};
    flow_status status = flow_options_read(&options, data_table, at, NULL, err);
    if (status == FLOW_OK)
        status = flow_spec_refuse_empty(at, "train", err);
    if (status == FLOW_OK)
        status = flow_spec_refuse_empty(at, "test", err);
    if (status == FLOW_OK)
        status = read_validation(spec, &options.validation, err);
    if (status == FLOW_OK)
        status = flow_spec_refuse_empty(at, "weight", err);
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

/* ---- the schema ---- */

static void add_copy(cJSON *object, const char *key, const char *json)
{
    cJSON_AddItemToObject(object, key, cJSON_Parse(json));
}

void flow_spec_data_schema(cJSON *definitions)
{
    cJSON *data = cJSON_AddObjectToObject(definitions, "data");
    cJSON *forms = cJSON_AddArrayToObject(data, "anyOf");
    cJSON_AddItemToArray(forms, cJSON_Parse("{\"type\": \"string\", \"minLength\": 1}"));
    cJSON_AddItemToArray(forms, flow_spec_object_schema(data_table));
    add_copy(definitions, "share_or_location",
             "{\"anyOf\": [{\"type\": \"string\", \"minLength\": 1},"
             " {\"type\": \"number\", \"exclusiveMinimum\": 0, \"exclusiveMaximum\": 1}]}");
    add_copy(definitions, "column_names",
             "{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1},"
             " \"minItems\": 1, \"uniqueItems\": true}");
}
