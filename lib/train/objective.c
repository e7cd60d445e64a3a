/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/objective.h"

#include <stdlib.h>

#include "train/kind.h"

#define ENTRY(name) &flow_objective_##name,
const flow_objective_type *const flow_objective_types[] = {FLOW_OBJECTIVES(ENTRY) NULL};
#undef ENTRY

enum { N_TYPES = sizeof flow_objective_types / sizeof *flow_objective_types - 1 };

static void list_kinds(flow_kind kinds[N_TYPES])
{
    for (int k = 0; k < N_TYPES; k++) {
        const flow_objective_type *type = flow_objective_types[k];
        kinds[k] = (flow_kind){type->type, type->help, type->options, type->options_size};
    }
}

flow_status flow_objective_new(flow_objective *out, flow_json *json, flow_error *err)
{
    flow_kind kinds[N_TYPES];
    list_kinds(kinds);
    int index = 0;
    *out = (flow_objective){0};
    flow_status status = flow_kind_read(&index, &out->options, json, kinds, N_TYPES, err);
    if (status == FLOW_OK)
        out->type = flow_objective_types[index];
    return status;
}

void flow_objective_release(flow_objective *objective)
{
    free(objective->options);
    *objective = (flow_objective){0};
}

const flow_draw_options *flow_objective_draws(const flow_objective *objective)
{
    return objective->type != NULL && objective->type->draws ? objective->options : NULL;
}

const struct flow_interpolant_options *flow_objective_interpolant(const flow_objective *objective)
{
    return objective->type != NULL && objective->type->interpolates ? objective->options : NULL;
}

flow_status flow_objective_check(const flow_objective *objective, const flow *f, bool weighted, flow_error *err)
{
    const flow_objective_type *type = objective->type;
    return type->check != NULL ? type->check(objective, f, weighted, err) : FLOW_OK;
}

void flow_objective_schema(cJSON *definitions)
{
    flow_kind kinds[N_TYPES];
    list_kinds(kinds);
    flow_kind_schema(definitions, "objective", kinds, N_TYPES);
}
