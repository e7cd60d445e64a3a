/* A fixed budget for solving: other solvers in place of those of the spec. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/design.h"
#include "model/model.h"
#include "ode/solver.h"

static flow_status check_method(const char *method, flow_error *err)
{
    if (method == NULL || flow_choices_find(&flow_solvers, method) != NULL)
        return FLOW_OK;
    char hint[FLOW_HINT_SIZE];
    flow_choices_hint(hint, &flow_solvers, method);
    return flow_error_set(err, FLOW_ARGUMENT, "unknown solver \"%.60s\"; %s", method, hint);
}

/* {"type": method, "steps": n}, the method being that of `solver` when it is NULL. */
static cJSON *solver_of(const cJSON *solver, const char *method, int64_t steps)
{
    cJSON *type = cJSON_GetObjectItemCaseSensitive(solver, "type");
    cJSON *made = cJSON_CreateObject();
    if (method == NULL && cJSON_IsString(type))
        method = type->valuestring;
    if (made == NULL || method == NULL || cJSON_AddStringToObject(made, "type", method) == NULL ||
        cJSON_AddNumberToObject(made, "steps", (double)steps) == NULL) {
        cJSON_Delete(made);
        return NULL;
    }
    return made;
}

/* In the resolved list of a spec or of a group; counts the blocks. */
static flow_status replace_solvers(const cJSON *list, const char *method, int64_t steps, int *n, flow_error *err)
{
    cJSON *element;
    cJSON_ArrayForEach(element, list)
    {
        cJSON *solver = cJSON_GetObjectItemCaseSensitive(element, "solver");
        if (solver != NULL) {
            cJSON *made = solver_of(solver, method, steps);
            if (made == NULL)
                return flow_error_memory(err, "a solver");
            flow_json at = flow_json_root(solver);
            flow_json_replace(&at, made);
            ++*n;
        }
        FLOW_TRY(replace_solvers(cJSON_GetObjectItemCaseSensitive(element, "flow"), method, steps, n, err));
    }
    return FLOW_OK;
}

/* The spec of the model with other solvers. */
static flow_status steps_make_spec(flow_spec **out, const flow_model *model, const char *method, int64_t steps,
                                   flow_error *err)
{
    int n = 0;
    const flow_spec *spec = model->spec;
    cJSON *document = cJSON_Duplicate(spec->document, 1);
    if (document == NULL)
        return flow_error_memory(err, "a spec");
    flow_status status = replace_solvers(cJSON_GetObjectItemCaseSensitive(document, "flow"), method, steps, &n, err);
    if (status == FLOW_OK && n == 0)
        status = flow_error_set(err, FLOW_ARGUMENT, "%s has no block that solves a differential equation", model->path);
    if (status == FLOW_OK)
        return flow_spec_make(out, document, spec->source, spec->dir, NULL, 0, err);
    cJSON_Delete(document);
    return status;
}

flow_status flow_model_set_steps(flow_model *model, const char *method, int64_t steps, flow_error *err)
{
    flow_spec *spec = NULL;
    flow *f = NULL;
    const flow_row_layout layout =
        flow_spec_layout(model->spec, model->f->dim, (const char *const *)model->columns);
    FLOW_TRY(check_method(method, err));
    FLOW_TRY(steps_make_spec(&spec, model, method, steps, err));
    flow_status status = flow_build(&f, &spec->design, &layout, (uint64_t)spec->seed, err);
    if (status != FLOW_OK) {
        flow_spec_free(spec);
        return status;
    }
    /* The solver is no part of what was trained: the parameters are the same. */
    if (f->params.n_fitted > 0)
        memcpy(f->params.fitted, model->f->params.fitted, f->params.n_fitted * sizeof *f->params.fitted);
    flow_free(model->f);
    flow_spec_free(model->spec);
    model->f = f;
    model->spec = spec;
    return FLOW_OK;
}
