/* `flowctl info` of a model file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "run/format.h"
#include "info.h"
#include "model/model.h"
#include "report.h"
#include "run/train.h"

enum { LAST_EPOCHS = 10 };

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(node) ? node->valuestring : NULL;
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(node) ? node->valuedouble : NAN;
}

static void data_line(flow_text *text, const cJSON *provenance, const char *key)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(provenance, "data"), key);
    const char *location = text_of(data, "location");
    char rows[FLOW_FORMAT_SIZE];
    const char *checksum = text_of(data, "checksum") != NULL ? text_of(data, "checksum") : "no checksum";
    const char *label = strcmp(key, "validation") == 0 ? key : "trained on";
    if (location == NULL)
        return;
    if (strcmp(key, "density") == 0) {
        flow_text_add(text, "  %-12s  the density of %s, %s\n", label, location, checksum);
        return;
    }
    flow_text_add(text, "  %-12s  %s, %s rows", label, location, flow_format_count(rows, (int64_t)number_of(data, "rows")));
    if (isfinite(number_of(data, "effective_rows")))
        flow_text_add(text, " (effectively %s)", flow_format_count(rows, llround(number_of(data, "effective_rows"))));
    flow_text_add(text, ", %s\n", checksum);
}

static void run_lines(flow_text *text, const cJSON *provenance)
{
    const cJSON *run;
    bool first = true;
    cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(provenance, "runs"))
    {
        const char *typed = text_of(run, "command"), *date = text_of(run, "date"), *host = text_of(run, "host");
        const char *version = text_of(run, "version");
        flow_text_add(text, "  %-12s  %s\n", first ? "command" : "", typed ? typed : "?");
        first = false;
        flow_text_add(text, "  %-12s  %s on %s, flowctl %s\n", "", date ? date : "?", host ? host : "?",
                      version ? version : "?");
    }
}

static int column_of(const flow_model *model, const char *name)
{
    for (int i = 0; i < model->n_history_columns; i++)
        if (strcmp(model->history_columns[i], name) == 0)
            return i;
    return -1;
}

static double history_at(const flow_model *model, int64_t row, int column)
{
    return column < 0 ? NAN : model->history[row * model->n_history_columns + column];
}

static void history_lines(flow_text *text, const flow_model *model, bool all)
{
    if (model->n_epochs == 0)
        return;
    int epoch = column_of(model, "epoch"), training = column_of(model, "training");
    int validation = column_of(model, "validation"), error = column_of(model, "validation_error");
    int rate = column_of(model, "rate"), seconds = column_of(model, "seconds"), best = column_of(model, "best");
    int evaluations = column_of(model, "evaluations");
    bool solves = history_at(model, model->n_epochs - 1, evaluations) > 0;
    int64_t first = all || model->n_epochs <= LAST_EPOCHS ? 0 : model->n_epochs - LAST_EPOCHS;
    flow_text_add(text, "\n  %5s  %12s  %-22s  %8s  %8s%s%s\n", "epoch", "training", "  validation", "rate", "time",
                  solves ? "  evaluations" : "", first > 0 ? "    (--history shows all epochs)" : "");
    for (int64_t i = first; i < model->n_epochs; i++) {
        char estimate[FLOW_FORMAT_SIZE], time[FLOW_FORMAT_SIZE], count[FLOW_FORMAT_SIZE] = "";
        if (history_at(model, i, evaluations) > 0) /* NaN in epochs of an older program */
            snprintf(count, sizeof count, "  %11.1f", history_at(model, i, evaluations));
        double held_out = history_at(model, i, validation);
        flow_text_add(text, "  %5.0f  %12.4f  %-22s  %8.2g  %8s%s%s\n", history_at(model, i, epoch),
                      history_at(model, i, training),
                      isnan(held_out) ? "" : flow_format_estimate_fixed(estimate, held_out, history_at(model, i, error)),
                      history_at(model, i, rate), flow_format_duration(time, history_at(model, i, seconds)), count,
                      history_at(model, i, best) > 0 ? "  best so far" : "");
    }
}

#define SUMMARY(member) FLOW_FIELD(flow_train_summary, member)
#define WHEN(member) FLOW_FIELD_WHEN(flow_train_summary, member)

static const flow_field summary_fields[] = {
    {NULL, "epochs", "%d", SUMMARY(epochs)},
    {NULL, NULL, ", best %d", SUMMARY(best_epoch)},
    {NULL, NULL, ", %t", SUMMARY(seconds)},
    {NULL, NULL, " (%s)", SUMMARY(status)},
    {NULL, "validation", "%s nats", SUMMARY(validation.logprob), WHEN(validation.any)},
    {NULL, "test", "%s nats", SUMMARY(test.logprob), WHEN(test.any)},
    {.kind = FLOW_FIELD_GROUP, .fields = flow_train_summary_fields},
    FLOW_FIELD_END,
};

static void model_text(flow_text *text, const flow_model *model, bool all)
{
    flow_text_add(text, "%s: model \"%s\"\n", model->path, model->spec->name);
    const flow_spec *spec = model->spec;
    describe_names(text, "columns", (const char *const *)model->columns, model->f->dim);
    describe_names(text, "given", spec->context, spec->n_context);
    if (spec->weight != NULL)
        flow_text_add(text, "  %-12s  %s%s\n", "weighted by", spec->weight,
                      spec->allow_negative_weights ? ", which may be negative" : "");
    data_line(text, model->provenance, "train");
    data_line(text, model->provenance, "density");
    flow_train_summary summary;
    flow_train_summary_read(&summary, model->summary);
    if (model->summary != NULL)
        flow_report_text(text, summary_fields, &summary, 2, 12);
    run_lines(text, model->provenance);
    describe_flow(text, model->f);
    history_lines(text, model, all);
}

static cJSON *history_json(const flow_model *model)
{
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i < model->n_epochs; i++) {
        cJSON *row = cJSON_CreateObject();
        for (int k = 0; k < model->n_history_columns; k++)
            cJSON_AddNumberToObject(row, model->history_columns[k], history_at(model, i, k));
        cJSON_AddItemToArray(list, row);
    }
    return list;
}

static cJSON *model_json(const flow_model *model)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", "model");
    cJSON_AddStringToObject(object, "model", model->path);
    cJSON *columns = cJSON_AddArrayToObject(object, "columns");
    for (int i = 0; i < model->f->dim; i++)
        cJSON_AddItemToArray(columns, cJSON_CreateString(model->columns[i]));
    cJSON_AddItemToObject(object, "context", cJSON_CreateStringArray(model->spec->context, model->spec->n_context));
    if (model->spec->weight != NULL)
        cJSON_AddStringToObject(object, "weight", model->spec->weight);
    describe_flow_json(object, model->f);
    if (model->summary != NULL)
        cJSON_AddItemToObject(object, "summary", cJSON_Duplicate(model->summary, 1));
    if (model->provenance != NULL)
        cJSON_AddItemToObject(object, "provenance", cJSON_Duplicate(model->provenance, 1));
    cJSON_AddItemToObject(object, "spec", cJSON_Duplicate(model->spec->document, 1));
    cJSON_AddItemToObject(object, "history", history_json(model));
    return object;
}

flow_status info_model(const info_args *args, flow_error *err)
{
    flow_model *model = NULL;
    flow_text text = {0};
    flow_status status = flow_model_load(&model, args->file, err);
    if (status != FLOW_OK)
        goto done;
    if (args->common.json) {
        cJSON *object = model_json(model);
        status = report_json(object, err);
        goto done;
    }
    model_text(&text, model, args->history);
    status = report_take(&text, err);
done:
    flow_text_free(&text);
    flow_model_free(model);
    return status;
}
