/* The list of candidates: their states, how they are described, and what their models come to in the end. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/tune_search.h"

const char *const flow_tune_state_names[] = {"waiting", "training", "done", "late", "out", "failed", "refused", "best"};

void tune_set_state(flow_tune_candidate *c, flow_tune_state state)
{
    c->state = state;
    c->state_name = flow_tune_state_names[state];
}

#define CANDIDATE(member) FLOW_MEMBER(flow_tune_candidate, member)

const flow_report_field flow_tune_candidate_fields[] = {
    {"candidate", CANDIDATE(number)},
    {"state", CANDIDATE(state_name)},
    {"rung", CANDIDATE(rung)},
    {"epochs", CANDIDATE(epochs)},
    {"seconds", CANDIDATE(seconds)},
    FLOW_REPORT_GROUP_ROW("validation", flow_tune_candidate, validation, flow_mean_fields),
    FLOW_REPORT_GROUP_ROW("behind", flow_tune_candidate, behind, flow_mean_fields),
    {"problem", CANDIDATE(problem)},
    {"settings", CANDIDATE(settings)},
    {"set", CANDIDATE(set)},
    FLOW_REPORT_END,
};

/* ---- for people ---- */

/* "maf/mixture" of {"type": "maf", "univariate": {"type": "mixture"}} */
static void candidate_describe_map(flow_text *text, const cJSON *map)
{
    const cJSON *type = cJSON_IsObject(map) ? cJSON_GetObjectItemCaseSensitive(map, "type") : map;
    const cJSON *univariate = cJSON_GetObjectItemCaseSensitive(map, "univariate");
    flow_text_add(text, "%s", cJSON_IsString(type) ? type->valuestring : "?");
    if (univariate != NULL) {
        flow_text_add(text, "/");
        candidate_describe_map(text, univariate);
    }
}

/* "repeat 5" of flow[1].repeat, "student_t" of base, and the maps of flow. */
static void candidate_describe(flow_text *text, const cJSON *value)
{
    const char *dot = strrchr(value->string, '.'), *name = dot != NULL ? dot + 1 : value->string;
    flow_text_add(text, "%s", text->length > 0 ? ", " : "");
    if (strcmp(value->string, "flow") == 0 && cJSON_IsArray(value)) {
        for (const cJSON *map = value->child; map != NULL; map = map->next) {
            candidate_describe_map(text, map);
            flow_text_add(text, "%s", map->next != NULL ? " " : "");
        }
        return;
    }
    if (cJSON_GetObjectItemCaseSensitive(value, "type") != NULL) {
        flow_text_add(text, "%s ", name);
        candidate_describe_map(text, value);
        return;
    }
    char *plain = cJSON_PrintUnformatted(value);
    text->failed = text->failed || plain == NULL;
    const char *shown = cJSON_IsString(value) ? value->valuestring : plain;
    if (strcmp(value->string, "base") != 0 || !cJSON_IsString(value))
        flow_text_add(text, "%s ", name);
    flow_text_add(text, "%s", shown != NULL ? shown : "");
    free(plain);
}

flow_status tune_add(tune_search *s, cJSON *set, flow_error *err)
{
    flow_list *list = &s->out->candidates;
    flow_text text = {0};
    flow_text_add(&text, "%s", set != NULL && set->child == NULL ? "the spec itself" : "");
    for (const cJSON *value = set != NULL ? set->child : NULL; value != NULL; value = value->next)
        candidate_describe(&text, value);
    flow_tune_candidate *grown =
        set != NULL && !text.failed ? realloc(list->items, (list->n + 1) * sizeof *grown) : NULL;
    if (grown == NULL) {
        cJSON_Delete(set);
        flow_text_free(&text);
        return flow_error_memory(err, "the candidates");
    }
    list->items = grown;
    grown[list->n] = (flow_tune_candidate){.number = (int64_t)list->n + 1,
                                           .set = set,
                                           .settings = text.data,
                                           .validation = {NAN, NAN},
                                           .behind = {NAN, NAN}};
    tune_set_state(&grown[list->n++], FLOW_TUNE_WAITING);
    return FLOW_OK;
}

/* ---- models ---- */

flow_status tune_evaluate(const tune_search *s, flow_run_train_result *result, const char *spec, const char *model,
                          flow_error *err)
{
    const flow_run_train_options options = {
        .spec = spec,
        .output = model,
        .resume = true,
        .evaluate = true,
        .keep_scores = true,
        .n_threads = s->out->n_threads,
        .has_math = s->options->has_math,
        .argc = s->options->argc,
        .argv = s->options->argv,
        .hooks = s->hooks,
    };
    flow_status status = flow_run_train(result, &options, err);
    return status == FLOW_INTERRUPTED && result->model != NULL ? FLOW_OK : status;
}
