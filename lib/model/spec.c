/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec.h"

#include <stdlib.h>
#include <string.h>

#include "core/read.h"
#include "core/read_value.h"
#include "core/schema.h"
#include "core/text.h"
#include "data/location.h"

/* ---- the table ---- */

static const flow_option spec_table[] = {
    {.key = "$schema", .kind = FLOW_OPTION_TEXT, .offset = offsetof(flow_spec, schema), .may_change = true,
     .help = "for editors: where the JSON Schema of this format is"},
    {FLOW_KEY(flow_spec, name, TEXT, NULL), .may_change = true,
     .help = "a name for the model; without it, the name of the spec file"},
    {FLOW_KEY(flow_spec, data, OBJECT, "{}"), .table = flow_data_options_table, .size = sizeof(flow_data_options),
     .definition = "data", .short_for = "train", .help = "what to train on"},
    {FLOW_KEY(flow_spec, image, OBJECT, NULL), .table = flow_image_options_table, .size = sizeof(flow_image_options),
     .definition = "image", .short_for = "shape",
     .help = "the rows are images: [HEIGHT, WIDTH, CHANNELS], or an object; without it, those of an array of 3 or 4 "
             "dimensions are"},
    FLOW_DESIGN_OPTIONS(flow_spec, design),
    {FLOW_KEY(flow_spec, train, OBJECT, "{}"), .table = flow_train_table, .size = sizeof(flow_train_options),
     .definition = "train", .help = "how to train"},
    {FLOW_KEY(flow_spec, tune, OBJECT, NULL), .table = flow_tune_table, .size = sizeof(flow_tune_options),
     .definition = "tune", .may_change = true, .help = "what flowctl tune varies; train does not use it"},
    FLOW_KEY_INT(flow_spec, seed, "1", 0, 9007199254740992.0,
                 "everything random follows from it: initial weights, random orders, shuffling, the held-out share"),
    {FLOW_KEY(flow_spec, output, TEXT, NULL), .may_change = true,
     .help = "the model file, relative to the spec; without it, the name with .h5"},
    FLOW_OPTIONS_END,
};

/* ---- the output ---- */

static bool spec_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Whether `location` ("FILE" or "FILE:/path", or several with commas in between) lies in the file `output`. */
static bool spec_lies_in(const char *location, const char *output)
{
    const size_t n = strlen(output);
    bool lies = false;
    for (const char *at = location; at != NULL && !lies; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL)
        lies = strncmp(at, output, n) == 0 && (at[n] == '\0' || at[n] == ':' || at[n] == ',');
    return lies;
}

static flow_status spec_check_output(const flow_spec *spec, const flow_json *root, flow_error *err)
{
    flow_json at = flow_json_member(root, "output");
    const char *output = spec->output;
    if (flow_is_standard(output))
        return flow_json_fail(&at, err, "a model cannot go to standard output; name a file such as \"model.h5\"");
    if (spec_ends_with(output, "/"))
        return flow_json_fail(&at, err, "\"%.100s\" is a folder; name a file such as \"%.100smodel.h5\"", output,
                              output);
    if (spec_ends_with(output, ".json") || spec_ends_with(output, ".csv"))
        return flow_json_fail(&at, err, "a model is an HDF5 file; call it .h5, not \"%.100s\"", output);
    if (strstr(output, ".h5:") != NULL)
        return flow_json_fail(&at, err, "a model is a whole file; leave out what stands behind \"%.*s\"",
                              (int)(strstr(output, ".h5:") + 3 - output), output);
    const flow_data_options *data = spec->data;
    if (spec_lies_in(data->train, output) || spec_lies_in(data->validation.text, output) ||
        spec_lies_in(data->test.text, output))
        return flow_json_fail(&at, err, "the model would replace the data in \"%.100s\"; choose another name", output);
    return FLOW_OK;
}

static const char *const standard_input = "standard input";

/* "moons" for "configs/moons.json". */
static char *spec_stem_of(const char *name)
{
    if (strcmp(name, standard_input) == 0)
        return flow_strdup("model");
    const char *slash = strrchr(name, '/');
    const char *start = slash == NULL ? name : slash + 1;
    const char *point = strrchr(start, '.');
    int length = point == NULL || point == start ? (int)strlen(start) : (int)(point - start);
    return length == 0 ? flow_strdup("model") : flow_format("%.*s", length, start);
}

static flow_status spec_put_text(flow_spec *spec, const char *key, const char **out, char *text, flow_error *err)
{
    cJSON_DeleteItemFromObjectCaseSensitive(spec->document, key); /* a null stands for an absent key */
    bool added = text != NULL && cJSON_AddStringToObject(spec->document, key, text) != NULL;
    *out = added ? flow_arena_text(&spec->arena, text) : NULL;
    free(text);
    return *out != NULL ? FLOW_OK : flow_error_memory(err, "the spec");
}

static flow_status spec_name_output(flow_spec *spec, flow_error *err)
{
    if (spec->name == NULL)
        FLOW_TRY(spec_put_text(spec, "name", &spec->name, spec_stem_of(spec->source), err));
    if (spec->output != NULL)
        return FLOW_OK;
    char *output = flow_format("%s.h5", spec->name);
    for (char *c = output; c != NULL && *c != '\0'; c++)
        if (*c == '/')
            *c = '-';
    return spec_put_text(spec, "output", &spec->output, output, err);
}

/* ---- reading ---- */

/* What an override may reach into: {"train": "file.csv"} for the text, {"shape": [28, 28, 1]} for the list. */
static flow_status spec_expand(cJSON *document, flow_error *err)
{
    flow_json root = flow_json_root(document), data = flow_json_member(&root, "data");
    flow_json image = flow_json_member(&root, "image");
    flow_status status = flow_json_expand(&data, "train", err);
    return status == FLOW_OK && cJSON_IsArray(image.node) ? flow_json_wrap(&image, "shape", err) : status;
}

flow_status flow_spec_override(cJSON *document, const char *const *overrides, int n_overrides, flow_error *err)
{
    FLOW_TRY(spec_expand(document, err));
    for (int i = 0; i < n_overrides; i++) {
        FLOW_TRY(flow_json_assign(document, overrides[i], err));
        FLOW_TRY(spec_expand(document, err));
    }
    return FLOW_OK;
}

/* With the defaults for tables or for images. */
static flow_status spec_read_document(flow_spec *spec, bool images, flow_error *err)
{
    flow_json root = flow_json_root(spec->document);
    FLOW_TRY(spec_defaults_add(spec->document, images, spec->added, err));
    return flow_read_options(spec, spec_table, &root, &spec->arena, err);
}

static flow_status spec_resolve(flow_spec *spec, flow_error *err)
{
    flow_json root = flow_json_root(spec->document);
    FLOW_TRY(spec_read_document(spec, false, err));
    flow_json data = flow_json_member(&root, "data");
    FLOW_TRY(flow_data_options_check(spec->data, &data, err));
    flow_json image = flow_json_member(&root, "image");
    if (spec->image != NULL)
        FLOW_TRY(flow_image_options_check(spec->image, &image, err));
    FLOW_TRY(spec_name_output(spec, err));
    return spec_check_output(spec, &root, err);
}

flow_status flow_spec_make(flow_spec **out, cJSON *document, const char *name, const char *dir,
                           const char *const *overrides, int n_overrides, flow_error *err)
{
    *out = NULL;
    flow_spec *spec = calloc(1, sizeof *spec);
    if (spec == NULL) {
        cJSON_Delete(document);
        return flow_error_memory(err, "the spec");
    }
    spec->document = document;
    spec->source = flow_arena_text(&spec->arena, name);
    spec->dir = flow_arena_text(&spec->arena, dir == NULL ? "." : dir);
    flow_status status;
    flow_json root = flow_json_root(document);
    if (spec->arena.failed)
        status = flow_error_memory(err, "the spec");
    else if (!cJSON_IsObject(document))
        status = flow_error_prefix(err, flow_read_expected(&root, "an object { ... }", err), "%s: ", name);
    else
        status = flow_spec_override(document, overrides, n_overrides, err); /* the message names the override */
    if (status == FLOW_OK) {
        status = spec_resolve(spec, err);
        if (status == FLOW_SPEC)
            flow_error_prefix(err, status, "%s: ", name);
    }
    FLOW_RETURN_MADE(out, spec, flow_spec_free, status);
}

flow_status flow_spec_read(flow_spec **out, const char *file, const char *const *overrides, int n_overrides,
                           flow_error *err)
{
    *out = NULL;
    cJSON *document;
    FLOW_TRY(flow_json_read(&document, file, err));
    if (flow_is_standard(file))
        return flow_spec_make(out, document, standard_input, ".", overrides, n_overrides, err);
    char *dir = flow_path_dir(file);
    if (dir == NULL) {
        cJSON_Delete(document);
        return flow_error_memory(err, file);
    }
    flow_status status = flow_spec_make(out, document, file, dir, overrides, n_overrides, err);
    free(dir);
    return status;
}

flow_status flow_spec_parse(flow_spec **out, const char *text, size_t length, const char *name, const char *dir,
                            const char *const *overrides, int n_overrides, flow_error *err)
{
    *out = NULL;
    cJSON *document;
    FLOW_TRY(flow_json_parse(&document, text, length, name, err));
    return flow_spec_make(out, document, name, dir, overrides, n_overrides, err);
}

void flow_spec_free(flow_spec *spec)
{
    if (spec == NULL)
        return;
    cJSON_Delete(spec->document);
    flow_arena_release(&spec->arena);
    free(spec);
}

/* ---- use ---- */

char *flow_spec_path(const flow_spec *spec, const char *path)
{
    return flow_path_join(spec->dir, path);
}

char *flow_spec_location(const flow_spec *spec, const char *location)
{
    return flow_location_join(spec->dir, location);
}

/* Now that the rows are known to be images. */
static flow_status spec_add_defaults_again(flow_spec *spec, flow_error *err)
{
    spec_defaults_remove(spec->document, spec->added);
    return spec_read_document(spec, true, err);
}

flow_status flow_spec_set_shape(flow_spec *spec, flow_shape shape, flow_error *err)
{
    const int numbers[3] = {shape.height, shape.width, shape.channels};
    flow_image_options *options = flow_arena_take(&spec->arena, 1, sizeof *options);
    const flow_image now = flow_image_of_options(spec->image);
    cJSON *document = cJSON_CreateObject(), *list = cJSON_CreateIntArray(numbers, 3);
    cJSON *before = cJSON_GetObjectItemCaseSensitive(spec->document, "image");
    cJSON *note = cJSON_DetachItemFromObjectCaseSensitive(before, FLOW_NOTE);
    if (note != NULL)
        cJSON_AddItemToObject(document, FLOW_NOTE, note);
    cJSON_DeleteItemFromObjectCaseSensitive(spec->document, "image");
    if (!cJSON_AddItemToObject(document, "shape", list)) {
        cJSON_Delete(list);
        options = NULL;
    }
    if (options == NULL || cJSON_AddStringToObject(document, "layout", flow_image_layout_words[now.layout]) == NULL ||
        !cJSON_AddItemToObject(spec->document, "image", document)) {
        cJSON_Delete(document);
        return flow_error_memory(err, "the spec");
    }
    *options = (flow_image_options){.shape = {.n = 3, .at = {shape.height, shape.width, shape.channels}},
                                    .layout = (int)now.layout};
    spec->image = options;
    return spec_add_defaults_again(spec, err);
}

bool flow_spec_has_batch(const flow_spec *spec)
{
    return flow_json_find(spec->document, "train.batch") != NULL;
}

flow_status flow_spec_set_rows(flow_spec *spec, int64_t rows, int columns, flow_error *err)
{
    flow_json root = flow_json_root(spec->document);
    bool changed = false;
    FLOW_TRY(spec_defaults_add_by_rows(spec->document, rows, columns, &changed, err));
    return changed ? flow_read_options(spec, spec_table, &root, &spec->arena, err) : FLOW_OK;
}

flow_status flow_spec_set_classes(flow_spec *spec, int n, flow_error *err)
{
    flow_json root = flow_json_root(spec->document), data = flow_json_member(&root, "data");
    flow_data_options *options = flow_arena_take(&spec->arena, 1, sizeof *options);
    cJSON_DeleteItemFromObjectCaseSensitive(data.node, "classes"); /* a null stands for an absent key */
    if (options == NULL || cJSON_AddNumberToObject(data.node, "classes", n) == NULL)
        return flow_error_memory(err, "the spec");
    *options = *spec->data;
    options->classes = n;
    spec->data = options;
    return FLOW_OK;
}

flow_row_layout flow_spec_layout(const flow_spec *spec, int dim, const char *const *columns)
{
    const flow_data_options *data = spec->data;
    const int label = flow_data_options_label(data);
    return (flow_row_layout){.dim = dim,
                             .n_context = data->context.n,
                             .columns = columns,
                             .shape = flow_image_of_options(spec->image).shape,
                             .classes = {.n = (int)data->classes, .column = label}};
}

void flow_spec_compare(const flow_spec *was, const flow_spec *is, flow_report_difference *report, void *context)
{
    flow_json a = flow_json_root(was->document), b = flow_json_root(is->document);
    flow_options_compare(spec_table, &a, &b, report, context);
}

cJSON *flow_spec_schema(void)
{
    cJSON *definitions = cJSON_CreateObject(), *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    cJSON_AddStringToObject(schema, "title", "flowctl model spec");
    flow_schema_object(schema, spec_table, definitions);
    cJSON_AddItemToObject(schema, "definitions", definitions);
    return schema;
}
