/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/parallel.h"

int session_threads(const common_args *common)
{
    return common->threads > 0 ? (int)common->threads : flow_processors();
}

/* Models of the first versions do not say; names that look like numbers are then taken for them. */
static bool is_numbered(const flow_model *model)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(model->provenance, "data");
    const cJSON *named = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(data, "train"), "has_names");
    return cJSON_IsFalse(named) || named == NULL;
}

/* The rest, once the model is there. */
static flow_status start(session *out, const common_args *common, flow_error *err)
{
    out->dim = out->model->f->dim;
    out->n_context = out->model->f->context.n;
    out->width = flow_width(out->model->f);
    out->context = out->model->spec->context;
    out->columns = (const char *const *)out->model->columns;
    out->numbered = is_numbered(out->model);
    out->chosen = out->model->spec->n_columns > 0;
    return flow_runner_new(&out->runner, out->model->f, out->model->weights, session_threads(common), err);
}

flow_status session_open(session *out, const char *path, const common_args *common, flow_error *err)
{
    *out = (session){0};
    flow_status status = flow_model_load(&out->model, path, err);
    return status == FLOW_OK ? start(out, common, err) : status;
}

flow_status session_open_in_steps(session *out, const char *path, const common_args *common, const char *method,
                                  int64_t steps, flow_error *err)
{
    *out = (session){0};
    flow_status status = flow_model_load(&out->model, path, err);
    if (status == FLOW_OK)
        status = flow_model_set_steps(out->model, method, steps, err);
    return status == FLOW_OK ? start(out, common, err) : status;
}

const char **session_names(const session *s, const char *const *first)
{
    const char **names = malloc(((size_t)s->width + 2) * sizeof *names);
    for (int i = 0; names != NULL && i < s->width; i++)
        names[i] = i < s->dim ? first[i] : s->context[i - s->dim];
    return names;
}

void session_add_evaluations(cJSON *object, const session *s, flow_direction to)
{
    const flow_effort effort = flow_runner_effort(s->runner, to);
    if (effort.rows == 0)
        return;
    cJSON *evaluations = cJSON_AddObjectToObject(object, "evaluations");
    cJSON_AddNumberToObject(evaluations, "mean", flow_effort_mean(&effort, s->model->f));
    cJSON_AddNumberToObject(evaluations, "most", flow_effort_most(&effort, s->model->f));
}

const char *session_evaluations(char out[FORMAT_SIZE], const session *s, flow_direction to)
{
    const flow_effort effort = flow_runner_effort(s->runner, to);
    out[0] = '\0';
    if (effort.rows > 0)
        snprintf(out, FORMAT_SIZE, "; %.1f evaluations a solve", flow_effort_mean(&effort, s->model->f));
    return out;
}

void session_close(session *s)
{
    flow_runner_free(s->runner);
    flow_model_free(s->model);
    *s = (session){0};
}

flow_status session_check_output(const common_args *common, const char *output, flow_error *err)
{
    if (common->json && output != NULL && strcmp(output, "-") == 0)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--json and -o - would both write to standard output; name a file with -o FILE");
    return FLOW_OK;
}
