/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/memory.h"
#include "core/text.h"
#include "flow/design.h"
#include "h5/array.h"
#include "h5/check.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"
#include "model/file.h"
#include "model/group.h"
#include "model/layout.h"

enum { HISTORY_COLUMNS_MOST = 64, TEXT_MOST = 4096 };

/* An error of the spec inside a model file is an error of the file. */
static flow_status as_format(flow_error *err, flow_status status)
{
    if (status != FLOW_SPEC && status != FLOW_NUMERIC && status != FLOW_DATA)
        return status;
    if (err != NULL)
        err->code = FLOW_FORMAT;
    return FLOW_FORMAT;
}

flow_status model_check_format(hid_t file, flow_error *err)
{
    char *format = NULL;
    int64_t version = 0;
    flow_status status = flow_h5_attr_read_text(&format, file, FLOW_MODEL_FORMAT, TEXT_MOST, err);
    if (status == FLOW_OK && strcmp(format, FLOW_MODEL_FORMAT_NAME) != 0)
        status =
            flow_error_set(err, FLOW_FORMAT, "the format is \"%.40s\" and not \"%s\"", format, FLOW_MODEL_FORMAT_NAME);
    if (status == FLOW_OK)
        status = flow_h5_attr_read_number(&version, file, FLOW_MODEL_FORMAT_VERSION, err);
    if (status == FLOW_OK && version != FLOW_MODEL_VERSION)
        status = flow_error_set(err, FLOW_FORMAT, "the format version is %lld, and this program reads version %d",
                                (long long)version, FLOW_MODEL_VERSION);
    free(format);
    return status;
}

/* Relative paths of the spec start from the folder of the spec; if that is unknown, from the folder of the model. */
static char *load_directory(hid_t file, const char *path)
{
    char *dir = NULL;
    flow_error ignored;
    if (flow_h5_attr_read_text(&dir, file, FLOW_MODEL_DIRECTORY, TEXT_MOST, &ignored) == FLOW_OK && dir[0] != '\0') {
        flow_bytes_unescape(dir, strlen(dir));
        return dir;
    }
    free(dir);
    return flow_path_dir(path);
}

static flow_status read_spec(flow_model *model, hid_t file, flow_error *err)
{
    char *text = NULL, *dir = load_directory(file, model->path);
    flow_status status = dir == NULL ? flow_error_memory(err, model->path) : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_h5_read_text(&text, file, FLOW_MODEL_SPEC, FLOW_JSON_MAX_BYTES, err);
    if (status == FLOW_OK)
        status = flow_spec_parse(&model->spec, text, strlen(text), "its spec", dir, NULL, 0, err);
    free(text);
    free(dir);
    return as_format(err, status);
}

/* The file must be as large as its parameters before memory is allocated for them; takes their size from *left. */
static flow_status load_check_size(const flow_model *model, size_t *left, flow_error *err)
{
    const flow_params *params = &model->f->params;
    size_t bytes = 0;
    for (int e = 0; e < params->n_entries; e++) {
        size_t values = (size_t)params->entries[e].rows;
        if (!flow_size_mul(&values, (size_t)params->entries[e].cols) || !flow_size_mul(&values, sizeof(float)) ||
            !flow_size_add(&bytes, values))
            return flow_error_set(err, FLOW_FORMAT, "its spec has more parameters than any memory can hold");
    }
    if (bytes > *left)
        return flow_error_set(err, FLOW_FORMAT, "its spec has %zu bytes of parameters, and the file has %zu bytes",
                              bytes, *left);
    *left -= bytes;
    return FLOW_OK;
}

/* Masked weights are zero: the structure of the flow and its log-determinant depend on it. */
static flow_status load_check_entry(const flow_model *model, const flow_param *entry, flow_error *err)
{
    for (int r = 0; r < entry->rows; r++) {
        int live = entry->extent != NULL ? entry->extent[r] : entry->cols;
        for (int c = 0; c < entry->cols; c++) {
            size_t k = entry->offset + (size_t)r * (size_t)entry->cols + (size_t)c;
            double value = entry->trainable ? (double)model->weights[k] : model->f->params.fitted[k];
            if (!isfinite(value))
                return flow_error_set(err, FLOW_FORMAT, "%s[%d][%d] is not a finite %s", entry->name, r, c,
                                      entry->trainable ? FLOW_PRECISION : "number");
            if (c >= live && value != 0)
                return flow_error_set(err, FLOW_FORMAT, "%s[%d][%d] is masked and must be zero", entry->name, r, c);
        }
    }
    return FLOW_OK;
}

static const char *precision_of(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_DOUBLE ? "double" : "float";
}

static flow_status read_parameters(flow_model *model, hid_t file, size_t *left, flow_error *err)
{
    const flow_params *params = &model->f->params;
    FLOW_TRY(load_check_size(model, left, err));
    model->weights = flow_alloc_aligned(params->n_weights, sizeof(real));
    if (model->weights == NULL)
        return flow_error_memory(err, "the weights");
    model->precision = "";
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        flow_stored stored;
        flow_stored_parameter(&stored, params, entry, model->weights);
        if (entry->trainable && model->precision[0] == '\0') { /* the same for all */
            flow_array found;
            FLOW_TRY(flow_h5_look(&found, file, stored.path, err));
            model->precision = precision_of(found.kind);
        }
        FLOW_TRY(flow_h5_read_array(&stored.array, file, !entry->trainable, err));
        FLOW_TRY(load_check_entry(model, entry, err));
    }
    return as_format(err, flow_check(model->f, err));
}

static flow_status read_history(flow_model *model, hid_t file, size_t *left, flow_error *err)
{
    if (!flow_h5_exists(file, FLOW_MODEL_HISTORY))
        return FLOW_OK;
    flow_array array;
    FLOW_TRY(flow_h5_look(&array, file, FLOW_MODEL_HISTORY, err));
    size_t bytes = array.rows * array.cols * sizeof(double); /* flow_h5_look made sure that this fits */
    if (array.kind != FLOW_ARRAY_DOUBLE || array.rows < 1 || array.cols < 1 || array.cols > HISTORY_COLUMNS_MOST ||
        bytes > *left)
        return flow_error_set(err, FLOW_FORMAT, "history is not a table of epochs");
    *left -= bytes;
    hid_t dataset = H5Dopen2(file, FLOW_MODEL_HISTORY, H5P_DEFAULT);
    flow_status status = flow_h5_attr_read_names(&model->history_columns, &model->n_history_columns, dataset,
                                                 FLOW_MODEL_COLUMNS, HISTORY_COLUMNS_MOST, false, err);
    flow_h5_close(dataset);
    FLOW_TRY(status);
    if ((size_t)model->n_history_columns != array.cols)
        return flow_error_set(err, FLOW_FORMAT, "history has %zu columns and %d names", array.cols,
                              model->n_history_columns);
    model->history = malloc(bytes);
    if (model->history == NULL)
        return flow_error_memory(err, FLOW_MODEL_HISTORY);
    array.data = model->history;
    model->n_epochs = (int64_t)array.rows;
    return flow_h5_read_array(&array, file, true, err);
}

flow_status model_read_json(cJSON **out, hid_t file, const char *name, flow_error *err)
{
    if (!flow_h5_exists(file, name))
        return FLOW_OK;
    char *text;
    FLOW_TRY(flow_h5_read_text(&text, file, name, FLOW_JSON_MAX_BYTES, err));
    flow_status status = as_format(err, flow_json_parse(out, text, strlen(text), name, err));
    free(text);
    return status;
}

static flow_status load_flow(flow_model *model, flow_error *err)
{
    const flow_spec *spec = model->spec;
    const flow_row_layout layout = flow_spec_layout(spec, model->n_columns, (const char *const *)model->columns);
    return flow_build(&model->f, &spec->design, &layout, (uint64_t)spec->seed, err);
}

flow_status model_read_columns(flow_model *model, hid_t at, flow_error *err)
{
    FLOW_TRY(model_check_format(at, err));
    FLOW_TRY(read_spec(model, at, err));
    FLOW_TRY(flow_h5_read_names(&model->columns, &model->n_columns, at, FLOW_MODEL_COLUMNS, FLOW_DIM_MAX, err));
    int n_named = model->spec->data->columns.n;
    if (n_named > 0 && n_named != model->n_columns)
        return flow_error_set(err, FLOW_FORMAT, "its spec names %d columns, and it has %d", n_named, model->n_columns);
    return FLOW_OK;
}

flow_status model_read_contents(flow_model *model, hid_t at, size_t *left, flow_error *err)
{
    FLOW_TRY(as_format(err, load_flow(model, err)));
    FLOW_TRY(read_parameters(model, at, left, err));
    FLOW_TRY(read_history(model, at, left, err));
    FLOW_TRY(model_read_json(&model->provenance, at, FLOW_MODEL_PROVENANCE, err));
    model->has_state = flow_h5_exists(at, FLOW_MODEL_TRAINING);
    return model_read_json(&model->summary, at, FLOW_MODEL_SUMMARY, err);
}

void flow_model_free(flow_model *model)
{
    if (model == NULL)
        return;
    free(model->path);
    free(model->program_version);
    flow_spec_free(model->spec);
    flow_free(model->f);
    flow_free_aligned(model->weights);
    free(model->columns);
    free(model->history);
    free(model->history_columns);
    cJSON_Delete(model->provenance);
    cJSON_Delete(model->summary);
    free(model);
}

/* ---- the training state ---- */

static flow_status check_state(const flow_array *wanted, const char *name, hid_t file, flow_error *err)
{
    flow_array found;
    if (!flow_h5_exists(file, name))
        return flow_error_set(err, FLOW_FORMAT,
                              "its training state has no \"%s\": it was trained with other options; "
                              "train again from the start",
                              wanted->name);
    FLOW_TRY(flow_h5_look(&found, file, name, err));
    if (found.kind != wanted->kind && found.kind != FLOW_ARRAY_INT64 && wanted->kind != FLOW_ARRAY_INT64)
        return flow_error_set(err, FLOW_FORMAT,
                              "it was trained in %s precision and cannot be resumed in %s, because "
                              "training would not go on as it was; use the %s program",
                              precision_of(found.kind), precision_of(wanted->kind), precision_of(found.kind));
    if (found.kind != wanted->kind || found.rows != wanted->rows || found.cols != wanted->cols)
        return flow_error_set(err, FLOW_FORMAT,
                              "\"%s\" of its training state is %zu x %zu, and %zu x %zu is needed: "
                              "it was trained with another spec or on other data; train again from the start",
                              wanted->name, found.rows, found.cols, wanted->rows, wanted->cols);
    return FLOW_OK;
}

static flow_status read_state(const flow_array *state, int n_state, hid_t file, flow_error *err)
{
    if (!flow_h5_exists(file, FLOW_MODEL_TRAINING))
        return flow_error_set(err, FLOW_FORMAT, "it was saved without its training state and cannot be resumed");
    for (int pass = 0; pass < 2; pass++) { /* check all, then fill all */
        for (int i = 0; i < n_state; i++) {
            flow_stored stored;
            FLOW_TRY(flow_stored_state(&stored, &state[i], err));
            if (state[i].optional && !flow_h5_exists(file, stored.path))
                continue;
            FLOW_TRY(pass == 0 ? check_state(&state[i], stored.path, file, err)
                               : flow_h5_read_array(&stored.array, file, true, err));
        }
    }
    return FLOW_OK;
}

flow_status flow_model_read_state(const flow_model *model, const flow_array *state, int n_state, flow_error *err)
{
    flow_h5_scope scope = flow_h5_begin(model->path);
    flow_head head;
    hid_t file = H5I_INVALID_HID;
    flow_status status = flow_file_verify(&head, model->path, err);
    if (status == FLOW_OK && (head.crc32 != model->checksum || head.bytes != model->n_bytes)) {
        status = flow_error_set(err, FLOW_IO,
                                "%s: another process has replaced it in the meantime; is the same "
                                "training running twice?",
                                model->path);
    } else if (status == FLOW_OK) {
        status = flow_h5_open(&file, model->path, err);
        if (status == FLOW_OK)
            status = read_state(state, n_state, file, err);
        flow_error_prefix(err, status, "%s: ", model->path);
    }
    flow_h5_close(file);
    flow_h5_end(&scope);
    return status;
}
