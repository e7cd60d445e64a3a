/* Model files of both kinds: a model at the root, or an ensemble of models in groups. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "h5/array.h"
#include "h5/check.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"
#include "model/file.h"
#include "model/group.h"
#include "model/layout.h"

/* ---- what can be mixed ---- */

static flow_status models_check_weights(const double *weights, int n, flow_error *err)
{
    const double tolerance = 1e-6;
    double sum = 0;
    for (int k = 0; k < n; k++) {
        if (!(weights[k] > 0 && weights[k] <= 1))
            return flow_error_set(err, FLOW_FORMAT,
                                  "the weight of member %d is %g, and it must be above 0 and at most 1", k + 1,
                                  weights[k]);
        sum += weights[k];
    }
    if (!(fabs(sum - 1) <= tolerance))
        return flow_error_set(err, FLOW_FORMAT, "the sum of its %s is %.9g and not 1", FLOW_MODEL_WEIGHTS, sum);
    return FLOW_OK;
}

static flow_status models_check_names(const char *const *names, int n, const char *const *first, int n_first,
                                      const char *what, int k, flow_error *err)
{
    if (n != n_first)
        return flow_error_set(err, FLOW_FORMAT, "member 1 has %d columns of %s, and member %d has %d", n_first, what,
                              k + 1, n);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], first[i]) != 0)
            return flow_error_set(err, FLOW_FORMAT,
                                  "column %d of the %s is \"%.60s\" in member 1, and \"%.60s\" in "
                                  "member %d",
                                  i + 1, what, first[i], names[i], k + 1);
    return FLOW_OK;
}

/* Before anything of member k is built. */
static flow_status models_check_columns(const flow_model *model, const flow_model *first, int k, flow_error *err)
{
    const flow_data_options *data = model->spec->data, *other = first->spec->data;
    FLOW_TRY(models_check_names((const char *const *)model->columns, model->n_columns,
                                (const char *const *)first->columns, first->n_columns, "data", k, err));
    FLOW_TRY(
        models_check_names(data->context.at, data->context.n, other->context.at, other->context.n, "context", k, err));
    if (data->classes != other->classes)
        return flow_error_set(err, FLOW_FORMAT, "member 1 has %lld classes, and member %d has %lld",
                              (long long)other->classes, k + 1, (long long)data->classes);
    return FLOW_OK;
}

static flow_status models_check_pair(const flow_model *model, const flow_model *first, int k, flow_error *err)
{
    flow_status status = flow_ensemble_check_pair(first->f, model->f, (const char *const *)first->columns, err);
    return flow_error_prefix(err, status, "members 1 and %d: ", k + 1);
}

/* The status of a check of what is in a file, or of what goes into one. */
static flow_status models_recode(flow_error *err, flow_status status, flow_status code)
{
    if (status != FLOW_FORMAT && status != FLOW_ARGUMENT)
        return status;
    if (err != NULL)
        err->code = code;
    return code;
}

/* ---- loading ---- */

/* A model without contents. */
static flow_status models_add(flow_models *models, const flow_head *head, flow_error *err)
{
    flow_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return flow_error_memory(err, models->path);
    models->members[models->n++] = model;
    model->path = flow_strdup(models->path);
    model->program_version = flow_strdup(head->program);
    model->n_bytes = head->bytes;
    model->checksum = head->crc32;
    return model->path != NULL && model->program_version != NULL ? FLOW_OK : flow_error_memory(err, "its description");
}

static flow_status models_make_room(flow_models *models, size_t n, flow_error *err)
{
    models->members = calloc(n, sizeof(flow_model *));
    models->weights = calloc(n, sizeof *models->weights);
    return models->members != NULL && models->weights != NULL ? FLOW_OK : flow_error_memory(err, models->path);
}

static flow_status models_read_one(flow_models *models, const flow_head *head, hid_t file, flow_error *err)
{
    size_t left = (size_t)head->bytes;
    FLOW_TRY(models_make_room(models, 1, err));
    FLOW_TRY(models_add(models, head, err));
    models->weights[0] = 1;
    FLOW_TRY(model_read_columns(models->members[0], file, err));
    return model_read_contents(models->members[0], file, &left, err);
}

static flow_status models_read_weights(flow_models *models, size_t *n, hid_t file, flow_error *err)
{
    flow_array array;
    FLOW_TRY(flow_h5_look(&array, file, FLOW_MODEL_WEIGHTS, err));
    if (array.kind != FLOW_ARRAY_DOUBLE || array.cols != 1 || array.rows < 1 || array.rows > FLOW_MEMBERS_MAX)
        return flow_error_set(err, FLOW_FORMAT,
                              "%s is %zu x %zu, and an ensemble has 1 to %d members, with one weight "
                              "each",
                              FLOW_MODEL_WEIGHTS, array.rows, array.cols, FLOW_MEMBERS_MAX);
    *n = array.rows;
    FLOW_TRY(models_make_room(models, *n, err));
    array.data = models->weights;
    FLOW_TRY(flow_h5_read_array(&array, file, true, err));
    return models_check_weights(models->weights, (int)*n, err);
}

static flow_status models_read_member(flow_models *models, int k, hid_t at, size_t *left, flow_error *err)
{
    flow_model *model = models->members[k];
    FLOW_TRY(model_read_columns(model, at, err));
    FLOW_TRY(models_check_columns(model, models->members[0], k, err));
    FLOW_TRY(model_read_contents(model, at, left, err));
    return models_recode(err, models_check_pair(model, models->members[0], k, err), FLOW_FORMAT);
}

static void models_name_group(char *out, size_t size, int k)
{
    snprintf(out, size, "%s/%d", FLOW_MODEL_MEMBERS, k + 1);
}

static flow_status models_read_members(flow_models *models, const flow_head *head, hid_t file, flow_error *err)
{
    size_t n = 0, left = (size_t)head->bytes;
    FLOW_TRY(models_read_weights(models, &n, file, err));
    for (int k = 0; k < (int)n; k++) {
        char name[32];
        hid_t group;
        models_name_group(name, sizeof name, k);
        FLOW_TRY(flow_h5_enter_group(&group, file, name, err));
        flow_status status = models_add(models, head, err);
        if (status == FLOW_OK)
            status = models_read_member(models, k, group, &left, err);
        flow_h5_close(group);
        FLOW_TRY(flow_error_prefix(err, status, "%s: ", name));
    }
    FLOW_TRY(model_read_json(&models->provenance, file, FLOW_MODEL_PROVENANCE, err));
    return model_read_json(&models->summary, file, FLOW_MODEL_SUMMARY, err);
}

static flow_status models_read(flow_models *models, const flow_head *head, hid_t file, flow_error *err)
{
    FLOW_TRY(model_check_format(file, err));
    return flow_h5_exists(file, FLOW_MODEL_MEMBERS) ? models_read_members(models, head, file, err)
                                                    : models_read_one(models, head, file, err);
}

/* The sum is right and the contents are not: another program or another version wrote them. */
static void load_diagnose(flow_error *err, const char *path, const char *program)
{
    flow_error_prefix(err, FLOW_FORMAT, "%s: is not a model that this program can read: ", path);
    size_t used = err != NULL ? strlen(err->message) : 0;
    if (err != NULL && strcmp(program, flow_program_version()) != 0)
        snprintf(err->message + used, sizeof err->message - used,
                 " (it was written by flowctl %.40s, this is flowctl %s)", program, flow_program_version());
}

static flow_status load_file(flow_models **out, const char *path, flow_error *err)
{
    flow_head head;
    FLOW_TRY(flow_file_verify(&head, path, err));
    flow_models *models = calloc(1, sizeof *models);
    if (models == NULL)
        return flow_error_memory(err, path);
    hid_t file = H5I_INVALID_HID;
    models->path = flow_strdup(path);
    flow_status status = models->path != NULL ? flow_h5_open(&file, path, err) : flow_error_memory(err, path);
    if (status == FLOW_OK)
        status = models_read(models, &head, file, err);
    if (status == FLOW_FORMAT)
        load_diagnose(err, path, head.program);
    else
        flow_error_prefix(err, status, "%s: ", path);
    flow_h5_close(file);
    FLOW_RETURN_MADE(out, models, flow_models_free, status);
}

/* The model file that a spec leads to. */
static flow_status load_follow_spec(char **out, const char *spec_path, flow_error *err)
{
    flow_spec *spec;
    FLOW_TRY(flow_spec_read(&spec, spec_path, NULL, 0, err));
    *out = flow_spec_path(spec, spec->output);
    flow_spec_free(spec);
    if (*out == NULL)
        return flow_error_memory(err, spec_path);
    switch (flow_file_identify(*out)) {
    case FLOW_FILE_MISSING:
        return flow_error_set(err, FLOW_IO, "%s: its model %s does not exist yet; make it with flowctl train %s",
                              spec_path, *out, spec_path);
    case FLOW_FILE_JSON:
        return flow_error_set(err, FLOW_FORMAT, "%s: its \"output\" %s is a JSON file, not a model", spec_path, *out);
    default:
        return FLOW_OK;
    }
}

flow_status flow_models_load(flow_models **out, const char *path, flow_error *err)
{
    *out = NULL;
    flow_h5_scope scope = flow_h5_begin(path);
    flow_status status = FLOW_OK;
    char *followed = NULL;
    if (flow_is_standard(path))
        status = flow_error_set(err, FLOW_ARGUMENT, "a model cannot be read from standard input; name its file");
    else if (flow_file_identify(path) == FLOW_FILE_JSON)
        status = load_follow_spec(&followed, path, err);
    if (status == FLOW_OK)
        status = load_file(out, followed != NULL ? followed : path, err);
    free(followed);
    flow_h5_end(&scope);
    return status;
}

flow_status flow_model_load(flow_model **out, const char *path, flow_error *err)
{
    flow_models *models = NULL;
    *out = NULL;
    flow_status status = flow_models_load(&models, path, err);
    if (status != FLOW_OK || models == NULL)
        return status;
    if (models->n > 1)
        status = flow_error_set(err, FLOW_ARGUMENT,
                                "%s: is an ensemble of %d models, and a single model is needed "
                                "here; \"flowctl info %s\" lists the models that it was made of",
                                models->path, models->n, models->path);
    else
        *out = models->members[--models->n]; /* taken over */
    flow_models_free(models);
    return status;
}

void flow_models_free(flow_models *models)
{
    if (models == NULL)
        return;
    for (int k = 0; k < models->n; k++)
        flow_model_free(models->members[k]);
    free(models->members);
    free(models->weights);
    free(models->path);
    cJSON_Delete(models->provenance);
    cJSON_Delete(models->summary);
    free(models);
}

/* ---- saving ---- */

static flow_status models_write_member(hid_t file, const flow_model *model, int k, flow_error *err)
{
    const flow_model_contents contents = {
        .spec = model->spec,
        .f = model->f,
        .weights = model->weights,
        .columns = (const char *const *)model->columns,
        .history = model->history,
        .n_epochs = model->n_epochs,
        .history_columns = (const char *const *)model->history_columns,
        .n_history_columns = model->n_history_columns,
        .provenance = model->provenance,
        .summary = model->summary,
    };
    char name[32], path[40];
    hid_t group;
    models_name_group(name, sizeof name, k);
    snprintf(path, sizeof path, "%s/", name);
    if (!flow_h5_make_groups(file, path))
        return flow_h5_error(err, FLOW_IO, "%s cannot be written", name);
    FLOW_TRY(flow_h5_enter_group(&group, file, name, err));
    flow_status status = model_write_contents(group, &contents, err);
    flow_h5_close(group);
    return flow_error_prefix(err, status, "%s: ", name);
}

static flow_status models_write(hid_t file, const void *context, flow_error *err)
{
    const flow_models *models = context;
    const flow_array weights = {.name = FLOW_MODEL_WEIGHTS,
                                .kind = FLOW_ARRAY_DOUBLE,
                                .rows = (size_t)models->n,
                                .cols = 1,
                                .data = models->weights};
    FLOW_TRY(model_write_format(file, err));
    FLOW_TRY(flow_h5_write_array(file, &weights, err));
    FLOW_TRY(model_write_json(file, FLOW_MODEL_PROVENANCE, models->provenance, err));
    FLOW_TRY(model_write_json(file, FLOW_MODEL_SUMMARY, models->summary, err));
    for (int k = 0; k < models->n; k++)
        FLOW_TRY(models_write_member(file, models->members[k], k, err));
    return FLOW_OK;
}

static flow_status models_check(const flow_models *models, flow_error *err)
{
    if (models->n < 1 || models->n > FLOW_MEMBERS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "an ensemble has 1 to %d members, not %d", FLOW_MEMBERS_MAX,
                              models->n);
    FLOW_TRY(models_check_weights(models->weights, models->n, err));
    for (int k = 1; k < models->n; k++) {
        FLOW_TRY(models_check_columns(models->members[k], models->members[0], k, err));
        FLOW_TRY(models_check_pair(models->members[k], models->members[0], k, err));
    }
    return FLOW_OK;
}

flow_status flow_models_save(const char *path, const flow_models *models, flow_error *err)
{
    const flow_status status = models_recode(err, models_check(models, err), FLOW_ARGUMENT);
    if (status != FLOW_OK)
        return flow_error_prefix(err, status, "%s: ", path);
    return model_save(path, models_write, models, err);
}

flow_status flow_models_run(flow_ensemble **out, const flow_models *models, int n_threads, flow_error *err)
{
    flow_ensemble_member members[FLOW_MEMBERS_MAX];
    for (int k = 0; k < models->n; k++)
        members[k] = (flow_ensemble_member){models->members[k]->f, models->members[k]->weights, models->weights[k]};
    return flow_ensemble_new(out, members, models->n, n_threads, err);
}
