/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/ensemble.h"

#include <math.h>
#include <stdlib.h>

#include "model/file.h"
#include "run/train_summary.h"

#define SCORES(member) FLOW_MEMBER(flow_ensemble_scores, member)

const flow_report_field flow_ensemble_scores_fields[] = {
    FLOW_REPORT_GROUP_ROW("validation", flow_ensemble_scores, validation, flow_mean_fields),
    FLOW_REPORT_GROUP_ROW("gain", flow_ensemble_scores, gain, flow_mean_fields),
    {"validation_rows", SCORES(validation_rows)},
    FLOW_REPORT_GROUP_ROW("test", flow_ensemble_scores, test, flow_mean_fields),
    FLOW_REPORT_GROUP_ROW("test_gain", flow_ensemble_scores, test_gain, flow_mean_fields),
    {"test_rows", SCORES(test_rows)},
    FLOW_REPORT_END,
};

#define MEMBER(member) FLOW_MEMBER(flow_ensemble_member_info, member)

const flow_report_field flow_ensemble_member_info_fields[] = {
    {"member", MEMBER(member)},
    {"weight", MEMBER(weight)},
    {"model", MEMBER(model)},
    {"settings", MEMBER(settings)},
    {"parameters", MEMBER(parameters)},
    {"epochs", MEMBER(epochs)},
    FLOW_REPORT_GROUP_ROW("validation", flow_ensemble_member_info, validation, flow_mean_fields),
    {"summary", MEMBER(summary)},
    {"provenance", MEMBER(provenance)},
    {"spec", MEMBER(spec)},
    FLOW_REPORT_END,
};

static const char members_key[] = "members", model_key[] = "model", settings_key[] = "settings";

static const char *ensemble_text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

flow_status flow_ensemble_list_members(flow_list *out, const flow_models *models, flow_error *err)
{
    flow_ensemble_member_info *list = calloc((size_t)models->n, sizeof *list);
    *out = (flow_list){list, (size_t)models->n};
    if (list == NULL)
        return flow_error_memory(err, "the members of an ensemble");
    const cJSON *origins = cJSON_GetObjectItemCaseSensitive(models->provenance, members_key);
    for (int k = 0; k < models->n; k++) {
        const flow_model *model = models->members[k];
        const cJSON *origin = cJSON_GetArrayItem(origins, k);
        flow_train_summary summary = {.status = ""};
        flow_train_summary_read(&summary, model->summary);
        list[k] = (flow_ensemble_member_info){
            .member = k + 1,
            .weight = models->weights[k],
            .model = ensemble_text(origin, model_key),
            .settings = ensemble_text(origin, settings_key),
            .parameters = (int64_t)flow_params_count(&model->f->params),
            .epochs = summary.epochs,
            .validation = summary.validation.any ? summary.validation.logprob : (flow_mean){NAN, NAN},
            .spec = model->spec->document,
            .summary = model->summary,
            .provenance = model->provenance,
        };
    }
    return FLOW_OK;
}

cJSON *flow_ensemble_provenance(const flow_models *models, const char *const *files, const char *const *settings)
{
    cJSON *object = cJSON_CreateObject(), *list = cJSON_CreateArray();
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(models->members[0]->provenance, "data");
    bool good = object != NULL && list != NULL && cJSON_AddStringToObject(object, "program", "flowctl") != NULL &&
                cJSON_AddStringToObject(object, "version", flow_program_version()) != NULL &&
                (data == NULL || flow_report_add(object, "data", cJSON_Duplicate(data, 1)));
    for (int k = 0; k < models->n && good; k++) {
        cJSON *member = cJSON_CreateObject();
        good = flow_report_add(list, NULL, member) && cJSON_AddStringToObject(member, model_key, files[k]) != NULL &&
               cJSON_AddStringToObject(member, settings_key, settings[k]) != NULL;
    }
    if (good)
        return flow_report_add(object, members_key, list) ? object : (cJSON_Delete(object), NULL);
    cJSON_Delete(object);
    cJSON_Delete(list);
    return NULL;
}
