/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/info_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/objective.h"

/* ---- provenance ---- */

static bool info_read_runs(flow_list *out, const cJSON *provenance)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(provenance, "runs");
    flow_training_run *runs = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *runs);
    out->items = runs;
    for (const cJSON *run = runs != NULL && list != NULL ? list->child : NULL; run != NULL; run = run->next) {
        runs[out->n] = (flow_training_run){.command = "?", .host = "?", .date = "?", .version = "?"};
        flow_report_read(&runs[out->n++], flow_training_run_fields, run);
    }
    return runs != NULL;
}

/* ---- history ---- */

static double history_at(const flow_model *model, int64_t row, const char *column)
{
    for (int i = 0; i < model->n_history_columns; i++)
        if (strcmp(model->history_columns[i], column) == 0)
            return model->history[row * model->n_history_columns + i];
    return NAN;
}

/* Of training, unless it is a loss, and validation: where the flow counts bits, in bits per dimension. */
static void info_count_bits(flow_history_row *row, const flow_model *model)
{
    const flow_objective objective = flow_objective_of(&model->spec->train->objective);
    row->in_bits = flow_counts_bits(model->f);
    row->training_in_bits = row->in_bits && flow_objective_interpolant(&objective) == NULL;
    if (row->in_bits)
        row->validation = flow_bits_of(model->f, row->validation).per_dimension;
    if (row->training_in_bits)
        row->training = flow_bits_per_dimension(model->f, row->training);
}

static bool info_read_history(flow_list *out, const flow_model *model, bool all)
{
    enum { LAST_EPOCHS = 10 };
    const int64_t n = model->n_epochs, first = all || n <= LAST_EPOCHS ? 0 : n - LAST_EPOCHS;
    const bool solves = n > 0 && history_at(model, n - 1, "evaluations") > 0;
    flow_history_row *rows = calloc((size_t)(n - first) + 1, sizeof *rows);
    *out = (flow_list){rows, (size_t)(n - first)};
    for (int64_t i = first; i < n && rows != NULL; i++) {
        const double evaluations = history_at(model, i, "evaluations"), epoch = history_at(model, i, "epoch");
        rows[i - first] = (flow_history_row){
            .epoch = isfinite(epoch) ? llround(epoch) : i + 1, .training = history_at(model, i, "training"),
            .rate = history_at(model, i, "rate"), .seconds = history_at(model, i, "seconds"),
            .evaluations = evaluations > 0 ? evaluations : NAN,
            .validation = {history_at(model, i, "validation"), history_at(model, i, "validation_error")},
            .best = history_at(model, i, "best") > 0, .solves = solves, .is_part = first > 0,
        };
        info_count_bits(&rows[i - first], model);
    }
    return rows != NULL;
}

/* What an epoch was in bits per dimension, beside its columns. */
static bool info_add_bits(cJSON *object, const flow_model *model, int64_t epoch)
{
    flow_history_row row = {.training = history_at(model, epoch, "training"),
                            .validation = {history_at(model, epoch, "validation"),
                                           history_at(model, epoch, "validation_error")}};
    info_count_bits(&row, model);
    return (!row.training_in_bits ||
            flow_report_add(object, "training_bits_per_dimension", cJSON_CreateNumber(row.training))) &&
           (!row.in_bits ||
            (flow_report_add(object, "validation_bits_per_dimension", cJSON_CreateNumber(row.validation.mean)) &&
             flow_report_add(object, "validation_bits_per_dimension_error", cJSON_CreateNumber(row.validation.error))));
}

static cJSON *info_history_json(const flow_model *model)
{
    const int n_columns = model->n_history_columns;
    cJSON *list = cJSON_CreateArray();
    bool good = list != NULL;
    for (int64_t i = 0; i < model->n_epochs && good; i++) {
        cJSON *row = cJSON_CreateObject();
        good = flow_report_add(list, NULL, row);
        for (int k = 0; k < n_columns && good; k++)
            good = flow_report_add(row, model->history_columns[k],
                                   cJSON_CreateNumber(model->history[i * n_columns + k]));
        good = good && info_add_bits(row, model, i);
    }
    if (good)
        return list;
    cJSON_Delete(list);
    return NULL;
}

/* ---- an ensemble ---- */

static flow_status info_read_members(flow_run_info_model_result *out, flow_error *err)
{
    out->kind = "ensemble";
    out->n_members = out->models->n;
    flow_report_read(&out->scores, flow_ensemble_scores_fields, out->models->summary);
    return flow_ensemble_list_members(&out->members, out->models, err);
}

flow_status flow_run_info_model(flow_run_info_model_result *out, const char *path, bool all, flow_error *err)
{
    *out = (flow_run_info_model_result){.kind = "model"};
    FLOW_TRY(flow_models_load(&out->models, path, err));
    const flow_model *model = out->model = out->models->members[0];
    const cJSON *origins = cJSON_GetObjectItemCaseSensitive(model->provenance, "data");
    out->spec = model->spec;
    out->options = model->spec->data;
    out->columns = (flow_text_list){model->f->dim, (const char *const *)model->columns};
    if (flow_shape_pixels(model->f->shape) > 1)
        out->image = model->f->shape;
    out->data = flow_data_origin_read(origins, "train");
    out->density = flow_data_origin_read(origins, "density");
    flow_train_summary_read(&out->summary, model->summary);
    out->history_json = info_history_json(model);
    if (out->history_json == NULL || !info_read_runs(&out->runs, model->provenance) ||
        !info_read_history(&out->history, model, all))
        return flow_error_memory(err, "the history of a model");
    if (out->models->n > 1)
        FLOW_TRY(info_read_members(out, err));
    return flow_describe(&out->flow, model->f, err);
}

void flow_run_info_model_free(flow_run_info_model_result *result)
{
    flow_description_free(&result->flow);
    free(result->runs.items);
    free(result->history.items);
    cJSON_Delete(result->history_json);
    free(result->members.items);
    flow_models_free(result->models);
}
