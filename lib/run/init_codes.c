/* Codes for missing values that have no place in a density: they become "missing" in the spec, and their rows are
 * skipped as those with NaN are. Other codes are spikes (init_columns.c). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "core/text.h"
#include "data/missing.h"
#include "run/format.h"
#include "run/init_plan.h"

/* How far the code is from the median, in robust deviations. */
static double codes_distance(const flow_survey_column *facts, double code)
{
    const double *q = facts->quantiles;
    double deviation = (q[FLOW_QUANTILE_75] - q[FLOW_QUANTILE_25]) / 1.349; /* of a normal distribution */
    if (!(deviation > 0))
        deviation = (q[FLOW_QUANTILE_95] - q[FLOW_QUANTILE_5]) / 3.29;
    return deviation > 0 ? fabs(code - q[FLOW_QUANTILE_50]) / deviation : 0;
}

/* Whole and rounded numbers are discrete, and have no spikes: a usual code far away is dropped. So is every code that
 * is so far away that arithmetic in single precision loses it. */
static bool codes_are_dropped(const flow_survey *survey, const flow_finding *code)
{
    static const double far_from_lattice = 30, too_far = 1e6;
    static const flow_finding_kind discrete[] = {FLOW_FINDING_BOOLEAN, FLOW_FINDING_CLASSES, FLOW_FINDING_LATTICE};
    const double distance = codes_distance(&survey->columns[code->column], code->value);
    bool is_discrete = false;
    for (size_t i = 0; i < sizeof discrete / sizeof *discrete; i++)
        is_discrete = is_discrete || flow_survey_find(survey, discrete[i], code->column) != NULL;
    return distance > too_far || (is_discrete && distance > far_from_lattice && flow_survey_is_usual_code(code->value));
}

flow_status init_drop_codes(init_plan *plan, bool *found, flow_error *err)
{
    const flow_survey *survey = plan->survey;
    char value[FLOW_NUMBER_SIZE], count[FLOW_FORMAT_SIZE];
    *found = false;
    for (size_t i = 0; i < survey->n_findings; i++) {
        const flow_finding *f = &survey->findings[i];
        init_column *column = &plan->columns[f->column];
        flow_number_list *codes = &plan->missing;
        if (f->kind != FLOW_FINDING_CODE || column->is_context || !codes_are_dropped(survey, f) ||
            codes->n == FLOW_LIST_MAX)
            continue;
        if (!flow_is_missing(codes, f->value))
            codes->at[codes->n++] = f->value;
        flow_number_print(value, f->value);
        FLOW_TRY(init_say(plan, column, INIT_MISSING, err, "%s in %s row%s, first in row %lld", value,
                          flow_format_count(count, f->rows), f->rows == 1 ? "" : "s", (long long)f->row + 1));
        *found = true;
    }
    return FLOW_OK;
}
