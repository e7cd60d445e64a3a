/* Columns that the user says are angles, or have another period: --angles phi,hour=24. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "num/real.h"
#include "run/init_plan.h"

/* Cuts "=24" off a word; 0: there is none. */
static double angles_cut_period(char *word)
{
    char *sign = strrchr(word, '=');
    double period = 0;
    if (sign == NULL || !flow_number_parse(sign + 1, &period) || !(period > 0) || !isfinite(period))
        return 0;
    *sign = '\0';
    return period;
}

flow_status init_read_angles(init_plan *plan, flow_error *err)
{
    const char *text = plan->options->angles;
    flow_name_list words = {0};
    if (text == NULL)
        return FLOW_OK;
    flow_status status = flow_name_list_split(&words, text, err);
    if (status == FLOW_OK) {
        plan->periods = flow_arena_take(plan->arena, (size_t)words.n, sizeof *plan->periods);
        if (plan->periods == NULL)
            status = flow_error_memory(err, "columns");
    }
    for (int i = 0; i < words.n && status == FLOW_OK; i++) {
        plan->periods[i] = angles_cut_period(words.at[i]);
        status = flow_name_list_add(&plan->angles, words.at[i], strlen(words.at[i]), err);
    }
    flow_name_list_free(&words);
    return status;
}

/* The usual period that the values are in, the shortest one that has them; false: none. */
static bool angles_guess(double *period, double *lower, double least, double most)
{
    static const double periods[] = {2 * FLOW_PI, 360};
    static const double slack = 1e-5;
    for (size_t i = 0; i < 2 * sizeof periods / sizeof *periods; i++) {
        *period = periods[i / 2];
        *lower = i % 2 == 0 ? 0 : -*period / 2;
        if (least >= *lower - slack * *period && most <= *lower + (1 + slack) * *period)
            return true;
    }
    return false;
}

static flow_status angles_make(const init_plan *plan, init_column *column, const flow_survey_column *facts,
                               flow_error *err)
{
    double period = column->period, lower = facts->least >= 0 ? 0 : -period / 2;
    if (period == 0 && !angles_guess(&period, &lower, facts->least, facts->most))
        return flow_error_set(
            err, FLOW_ARGUMENT,
            "--angles: the values of \"%.80s\" reach from %.6g to %.6g, which is no usual period; name "
            "it, as in %.80s=%.3g",
            column->name, facts->least, facts->most, column->name, facts->most - facts->least);
    column->support = cJSON_CreateObject();
    if (cJSON_AddNumberToObject(column->support, "periodic", period) == NULL ||
        cJSON_AddNumberToObject(column->support, "lower", lower) == NULL)
        return flow_error_memory(err, "a support");
    return init_say(plan, column, INIT_ANGLE, err, "%.6g to %.6g", lower, lower + period);
}

flow_status init_make_angles(const init_plan *plan, flow_error *err)
{
    for (int i = plan->n_context; i < plan->n_surveyed; i++)
        if (plan->columns[i].is_angle && !plan->columns[i].is_left_out)
            FLOW_TRY(angles_make(plan, &plan->columns[i], &plan->survey->columns[i], err));
    return FLOW_OK;
}
