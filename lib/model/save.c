/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/replace.h"
#include "h5/array.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"
#include "model/file.h"
#include "model/group.h"
#include "model/layout.h"

static flow_status save_check_weights(const flow_model_contents *contents, flow_error *err)
{
    const flow_params *params = &contents->f->params;
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        size_t n = (size_t)entry->rows * (size_t)entry->cols;
        for (size_t k = 0; k < n; k++) {
            double value =
                entry->trainable ? (double)contents->weights[entry->offset + k] : params->fitted[entry->offset + k];
            if (!isfinite(value))
                return flow_error_set(err, FLOW_NUMERIC, "value %zu of %s is not finite, so the model is not saved", k,
                                      entry->name);
        }
    }
    flow_status status = flow_check(contents->f, err);
    if (status != FLOW_OK && err != NULL)
        err->code = FLOW_NUMERIC;
    return status == FLOW_OK ? FLOW_OK : FLOW_NUMERIC;
}

flow_status model_write_json(hid_t file, const char *name, const cJSON *document, flow_error *err)
{
    if (document == NULL)
        return FLOW_OK;
    char *text = flow_json_print(document);
    if (text == NULL)
        return flow_error_memory(err, name);
    bool too_long = strlen(text) > FLOW_JSON_MAX_BYTES;
    flow_status status =
        too_long ? flow_error_set(err, FLOW_ARGUMENT, "%s is longer than %d bytes", name, FLOW_JSON_MAX_BYTES)
                 : flow_h5_write_text(file, name, text, err);
    free(text);
    return status;
}

/* The folder from which relative paths of the spec start, absolute: the model may be moved. */
static flow_status save_directory(hid_t file, const flow_spec *spec, flow_error *err)
{
    char *absolute = realpath(spec->dir, NULL);
    const char *directory = absolute != NULL ? absolute : spec->dir;
    char *text = flow_bytes_escape(directory);
    flow_status status = text != NULL ? flow_h5_attr_write_text(file, FLOW_MODEL_DIRECTORY, text, err)
                                      : flow_error_memory(err, "the folder of a spec");
    free(text);
    free(absolute);
    return status;
}

flow_status model_write_format(hid_t file, flow_error *err)
{
    FLOW_TRY(flow_h5_attr_write_text(file, FLOW_MODEL_FORMAT, FLOW_MODEL_FORMAT_NAME, err));
    FLOW_TRY(flow_h5_attr_write_number(file, FLOW_MODEL_FORMAT_VERSION, FLOW_MODEL_VERSION, err));
    FLOW_TRY(flow_h5_attr_write_text(file, FLOW_MODEL_PROGRAM_VERSION, flow_program_version(), err));
    return flow_h5_attr_write_text(file, FLOW_MODEL_PRECISION, FLOW_PRECISION, err);
}

static flow_status save_description(hid_t file, const flow_model_contents *contents, flow_error *err)
{
    FLOW_TRY(model_write_format(file, err));
    FLOW_TRY(save_directory(file, contents->spec, err));
    FLOW_TRY(model_write_json(file, FLOW_MODEL_SPEC, contents->spec->document, err));
    FLOW_TRY(flow_h5_write_names(file, FLOW_MODEL_COLUMNS, contents->columns, contents->f->dim, err));
    FLOW_TRY(model_write_json(file, FLOW_MODEL_PROVENANCE, contents->provenance, err));
    return model_write_json(file, FLOW_MODEL_SUMMARY, contents->summary, err);
}

static flow_status save_parameters(hid_t file, const flow_model_contents *contents, flow_error *err)
{
    const flow_params *params = &contents->f->params;
    flow_stored stored;
    for (int e = 0; e < params->n_entries; e++) {
        flow_stored_parameter(&stored, params, &params->entries[e], contents->weights);
        FLOW_TRY(flow_h5_write_array(file, &stored.array, err));
    }
    return FLOW_OK;
}

static flow_status write_state(hid_t file, const flow_model_contents *contents, flow_error *err)
{
    flow_stored stored;
    for (int i = 0; i < contents->n_state; i++) {
        FLOW_TRY(flow_stored_state(&stored, &contents->state[i], err));
        FLOW_TRY(flow_h5_write_array(file, &stored.array, err));
    }
    return FLOW_OK;
}

static flow_status write_history(hid_t file, const flow_model_contents *contents, flow_error *err)
{
    if (contents->n_epochs <= 0 || contents->n_history_columns <= 0)
        return FLOW_OK;
    const flow_array array = {.name = FLOW_MODEL_HISTORY,
                              .kind = FLOW_ARRAY_DOUBLE,
                              .rows = (size_t)contents->n_epochs,
                              .cols = (size_t)contents->n_history_columns,
                              .data = (void *)contents->history};
    FLOW_TRY(flow_h5_write_array(file, &array, err));
    hid_t dataset = H5Dopen2(file, FLOW_MODEL_HISTORY, H5P_DEFAULT);
    flow_status status = flow_h5_attr_write_names(dataset, FLOW_MODEL_COLUMNS, contents->history_columns,
                                                  contents->n_history_columns, err);
    flow_h5_close(dataset);
    return status;
}

flow_status model_write_contents(hid_t at, const flow_model_contents *contents, flow_error *err)
{
    FLOW_TRY(save_check_weights(contents, err));
    FLOW_TRY(save_description(at, contents, err));
    FLOW_TRY(save_parameters(at, contents, err));
    FLOW_TRY(write_state(at, contents, err));
    return write_history(at, contents, err);
}

static flow_status save_image(flow_h5_image *image, model_writer *write, const void *context, flow_error *err)
{
    FLOW_TRY(flow_h5_image_start(image, FLOW_HEAD_SIZE, err));
    FLOW_TRY(write(image->file, context, err));
    return flow_h5_image_finish(image, err);
}

flow_status model_save(const char *path, model_writer *write, const void *context, flow_error *err)
{
    flow_h5_scope scope = flow_h5_begin(path);
    flow_h5_image image = {.file = H5I_INVALID_HID};
    flow_status status = save_image(&image, write, context, err);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", path);
        flow_h5_image_release(&image);
    }
    flow_h5_end(&scope);
    if (status == FLOW_OK) {
        flow_head_seal(image.data, image.size);
        status = flow_replace_file(path, "a model", image.data, image.size, err);
    }
    flow_h5_image_release(&image);
    return status;
}

static flow_status save_one(hid_t file, const void *context, flow_error *err)
{
    return model_write_contents(file, context, err);
}

flow_status flow_model_save(const char *path, const flow_model_contents *contents, flow_error *err)
{
    return model_save(path, save_one, contents, err);
}
