/* Bounds that the validation and the test data break: rows outside of a support are refused, or have no density. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "run/init_plan.h"

/* The limit under `key` goes where the values reach beyond it: of a lattice to the furthest of them, else away. */
static flow_status held_out_move(const init_plan *plan, init_column *column, const char *key, double value, int side,
                                 flow_error *err)
{
    cJSON *limit = cJSON_GetObjectItemCaseSensitive(column->support, key);
    if (column->is_angle || !cJSON_IsNumber(limit) || side * (value - limit->valuedouble) <= 0)
        return FLOW_OK;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(column->support, "discrete")))
        cJSON_SetNumberHelper(limit, value);
    else
        cJSON_DeleteItemFromObjectCaseSensitive(column->support, key);
    if (column->support->child == NULL) {
        cJSON_Delete(column->support);
        column->support = NULL;
    }
    return init_say(plan, column, INIT_QUESTION, err, "held-out rows reach to %.6g", value);
}

static flow_status held_out_look(init_plan *plan, const init_set *set, flow_error *err)
{
    const int n = plan->n_surveyed;
    if (set->source == NULL)
        return FLOW_OK;
    const char **names = malloc((size_t)n * sizeof *names);
    if (names == NULL)
        return flow_error_memory(err, "columns");
    for (int i = 0; i < n; i++)
        names[i] = plan->columns[i].name;
    const flow_dataset_options options = {.columns = names,
                                          .n_columns = n,
                                          .skip_invalid = true,
                                          .missing = plan->missing,
                                          .csv = flow_csv_words_format(&plan->options->csv),
                                          .memory_bytes = 1};
    flow_dataset *data = NULL;
    flow_status status = flow_dataset_open(&data, set->source, &options, err);
    free(names);
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        status = held_out_move(plan, &plan->columns[i], "lower", data->summary[i].least, -1, err);
        if (status == FLOW_OK)
            status = held_out_move(plan, &plan->columns[i], "upper", data->summary[i].most, 1, err);
    }
    flow_dataset_close(data);
    return status;
}

flow_status init_look_at_held_out(init_plan *plan, flow_error *err)
{
    FLOW_TRY(held_out_look(plan, &plan->sets[INIT_VALIDATION], err));
    return held_out_look(plan, &plan->sets[INIT_TEST], err);
}
