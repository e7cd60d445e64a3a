/* The rules of init about columns: what follows from each finding of a survey.
 *
 * A rule sees one finding about one column. It leaves the column out, gives it a support, marks it for the robust map,
 * or asks. Findings come in the order of their kinds, and nothing follows a column that is left out.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "run/finding_words.h"
#include "run/format.h"
#include "run/init_plan.h"

/* ---- saying and doing ---- */

flow_status init_say(const init_plan *plan, init_column *column, init_topic topic, flow_error *err, const char *format,
                     ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    column->said[topic] = flow_arena_text(plan->arena, text);
    return column->said[topic] != NULL ? FLOW_OK : flow_error_memory(err, "a remark");
}

/* Leaves it out, or asks where the user named it. */
static flow_status columns_leave(const init_plan *plan, init_column *column, const char *why, flow_error *err)
{
    if (column->is_forced)
        return init_say(plan, column, INIT_QUESTION, err, "%s; modelled since --columns names it", why);
    column->is_left_out = true;
    return init_say(plan, column, INIT_LEFT_OUT, err, "%s", why);
}

static flow_status columns_put(init_column *column, const char *key, double value, flow_error *err)
{
    if (column->support == NULL)
        column->support = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(column->support, key);
    return cJSON_AddNumberToObject(column->support, key, value) != NULL ? FLOW_OK : flow_error_memory(err, "a support");
}

static bool columns_has(const init_column *column, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(column->support, key) != NULL;
}

static bool columns_is_on_lattice(double value, double origin, double step)
{
    const double steps = (value - origin) / step;
    return fabs(steps - nearbyint(steps)) <= 1e-6 * fmax(1, fabs(steps));
}

/* A code for missing values in a column of a lattice, which is far from all others: one more value of the lattice. */
static bool columns_take_codes(init_column *column, double origin, double step)
{
    const cJSON *spikes = cJSON_GetObjectItemCaseSensitive(column->support, "spikes"), *spike;
    cJSON_ArrayForEach(spike, spikes) if (!columns_is_on_lattice(spike->valuedouble, origin, step)) return false;
    cJSON_DeleteItemFromObjectCaseSensitive(column->support, "spikes");
    return true;
}

/* The values lower, lower + step, ... up to `upper`. A limit that is NaN is none. Does nothing to a column
 * whose codes are on no such lattice. */
static flow_status columns_make_discrete(init_column *column, double lower, double upper, double step, flow_error *err)
{
    if (column->spiked > 0 && !columns_take_codes(column, isnan(lower) ? 0 : lower, step))
        return FLOW_OK;
    if (column->spiked > 0)
        lower = upper = NAN;
    if (!isnan(lower))
        FLOW_TRY(columns_put(column, "lower", lower, err));
    if (!isnan(upper))
        FLOW_TRY(columns_put(column, "upper", upper, err));
    if (column->support == NULL)
        column->support = cJSON_CreateObject();
    if (cJSON_AddTrueToObject(column->support, "discrete") == NULL)
        return flow_error_memory(err, "a support");
    return step != 1 ? columns_put(column, "step", step, err) : FLOW_OK;
}

/* ---- columns that have no density beside the others ---- */

static flow_status columns_constant(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    char why[120];
    snprintf(why, sizeof why, "constant, %.6g", f->value);
    return columns_leave(plan, column, why, err);
}

static flow_status columns_nearly_constant(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    char why[120];
    if (f->rows > 0)
        snprintf(why, sizeof why, "%.6g in all rows but %lld", f->value, (long long)f->rows);
    else
        snprintf(why, sizeof why, "constant but for rounding, %.6g", f->value);
    return columns_leave(plan, column, why, err);
}

static flow_status columns_row_number(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    (void)f;
    return columns_leave(plan, column, "numbers the rows", err);
}

static flow_status columns_copy(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    char why[160];
    snprintf(why, sizeof why, "the same as %.80s", plan->columns[f->terms[0].column].name);
    return columns_leave(plan, column, why, err);
}

static flow_status columns_linear(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    flow_text sum = {0};
    flow_finding_add_sum(&sum, plan->survey, f);
    flow_status status = sum.failed ? flow_error_memory(err, "a remark") : columns_leave(plan, column, sum.data, err);
    flow_text_free(&sum);
    return status;
}

/* ---- values that repeat ---- */

static flow_status columns_boolean(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    FLOW_TRY(columns_make_discrete(column, f->lower, f->upper, f->upper - f->lower, err));
    return init_say(plan, column, INIT_WHOLE, err, "%.6g or %.6g", f->lower, f->upper);
}

static flow_status columns_classes(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    FLOW_TRY(columns_make_discrete(column, f->lower, f->upper, 1, err));
    return init_say(plan, column, INIT_WHOLE, err, "%lld values, %.6g to %.6g", (long long)f->distinct, f->lower,
                    f->upper);
}

/* Counts and the like begin at 0; others have no limit. */
static double columns_start(const flow_survey_column *facts, double step)
{
    const bool near = facts->least >= 0 && facts->least <= facts->quantiles[FLOW_QUANTILE_50] / 4;
    return near && columns_is_on_lattice(facts->least, 0, step) ? 0 : NAN;
}

static flow_status columns_lattice(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    const flow_survey_column *facts = &plan->survey->columns[f->column];
    const double lower = columns_start(facts, f->step);
    const bool through_0 = columns_is_on_lattice(facts->least, 0, f->step);
    FLOW_TRY(columns_make_discrete(column, lower, NAN, f->step, err));
    if (!columns_has(column, "discrete"))
        return FLOW_OK;
    if (!through_0)
        FLOW_TRY(columns_put(column, "origin", facts->least, err));
    if (facts->whole && f->step == 1)
        return init_say(plan, column, INIT_WHOLE, err, "%s", lower == 0 ? "0 and more" : "");
    return init_say(plan, column, INIT_LATTICE, err, "steps of %.4g", f->step);
}

/* A value with a probability of its own, in a share of the rows. */
static flow_status columns_add_spike(const init_plan *plan, init_column *column, double value, double share,
                                     flow_error *err)
{
    if (column->support == NULL)
        column->support = cJSON_CreateObject();
    cJSON *list = cJSON_GetObjectItemCaseSensitive(column->support, "spikes");
    if (list == NULL)
        list = cJSON_AddArrayToObject(column->support, "spikes");
    const cJSON *other;
    cJSON_ArrayForEach(other, list) if (other->valuedouble == value) return FLOW_OK;
    cJSON *number = cJSON_CreateNumber(value);
    if (!cJSON_AddItemToArray(list, number)) {
        cJSON_Delete(number);
        return flow_error_memory(err, "a support");
    }
    column->spiked += share;
    if (cJSON_GetArraySize(list) > 1)
        return init_say(plan, column, INIT_SPIKE, err, "%d values in %.3g %% of the rows", cJSON_GetArraySize(list),
                        100 * column->spiked);
    return init_say(plan, column, INIT_SPIKE, err, "%.6g in %.3g %% of the rows", value, 100 * share);
}

static bool columns_has_room(const init_column *column)
{
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(column->support, "spikes")) < FLOW_LIST_MAX;
}

static flow_status columns_spike(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    return columns_has_room(column) ? columns_add_spike(plan, column, f->value, f->share, err) : FLOW_OK;
}

/* Of several codes the first is told. */
static flow_status columns_say_code(const init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    char value[FLOW_NUMBER_SIZE], count[FLOW_FORMAT_SIZE];
    flow_number_print(value, f->value);
    if (column->said[INIT_CODE] != NULL)
        return FLOW_OK;
    return init_say(plan, column, INIT_CODE, err, "%s in %s row%s, first in row %lld", value,
                    flow_format_count(count, f->rows), f->rows == 1 ? "" : "s", (long long)f->row + 1);
}

static flow_status columns_code(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    FLOW_TRY(columns_spike(plan, column, f, err));
    column->said[INIT_SPIKE] = NULL; /* it is said in its own place */
    return columns_say_code(plan, column, f, err);
}

/* Few values are spikes, all of them; the survey keeps those at both ends. */
static flow_status columns_few(init_plan *plan, init_column *column, const flow_survey_column *facts, flow_error *err)
{
    const double n = (double)plan->n_rows;
    const int n_low = facts->n_lowest, n_high = (int)facts->distinct - n_low;
    for (int i = 0; i < n_low; i++)
        FLOW_TRY(columns_add_spike(plan, column, facts->lowest[i].value, (double)facts->lowest[i].rows / n, err));
    for (int i = n_high - 1; i >= 0; i--)
        FLOW_TRY(columns_add_spike(plan, column, facts->highest[i].value, (double)facts->highest[i].rows / n, err));
    return FLOW_OK;
}

/* So large a share of the most frequent value matters, as it does to the warning of train. */
static const double many_ties = 0.02;

static flow_status columns_repeated(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    const flow_survey_column *facts = &plan->survey->columns[f->column];
    const bool known = !facts->many && facts->distinct <= facts->n_lowest + facts->n_highest;
    if (known && facts->distinct <= FLOW_LIST_MAX && column->support == NULL)
        return columns_few(plan, column, facts, err);
    if (f->share < many_ties)
        return FLOW_OK;
    return init_say(plan, column, INIT_QUESTION, err, "few different values, on no lattice: likelihoods mean little");
}

/* ---- where the values are ---- */

/* A share of the rows in spikes that leaves nothing else to describe. */
static const double nearly_all = 0.999;

/* Of fewer rows, several in a hundred of the density may lie beyond the last one: no ground for a density of 0. */
enum { ROWS_FOR_A_BOUND = 300 };

static flow_status columns_bound(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    if (columns_has(column, "discrete") || column->spiked > nearly_all)
        return FLOW_OK;
    if (plan->n_rows < ROWS_FOR_A_BOUND)
        return init_say(plan, column, INIT_QUESTION, err, "%s at %.6g; if no value can lie beyond, say so in a support",
                        isnan(f->lower) ? "ends" : "begins", isnan(f->lower) ? f->upper : f->lower);
    if (!isnan(f->lower))
        FLOW_TRY(columns_put(column, "lower", f->lower, err));
    if (!isnan(f->upper))
        FLOW_TRY(columns_put(column, "upper", f->upper, err));
    if (!isnan(f->lower) && !isnan(f->upper))
        return init_say(plan, column, INIT_BOUND, err, "%.6g to %.6g", f->lower, f->upper);
    return !isnan(f->lower) ? init_say(plan, column, INIT_BOUND, err, "%.6g and more", f->lower)
                            : init_say(plan, column, INIT_BOUND, err, "up to %.6g", f->upper);
}

static flow_status columns_angle(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    return init_say(plan, column, INIT_QUESTION, err, "fills %.6g to %.6g; if it is an angle, say so with --angles",
                    f->lower, f->lower + f->step);
}

/* The logarithm of positive values, which is what a support from 0 on takes. */
static flow_status columns_decades(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    if (column->spiked > 0 || columns_has(column, "lower") || plan->survey->columns[f->column].least <= 0)
        return FLOW_OK;
    FLOW_TRY(columns_put(column, "lower", 0, err));
    return init_say(plan, column, INIT_BOUND, err, "0 and more, over %.2g decades", f->ratio);
}

static flow_status columns_tails(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    char value[FLOW_NUMBER_SIZE];
    if (columns_has(column, "lower") || columns_has(column, "upper") || column->spiked > nearly_all)
        return FLOW_OK;
    if (f->rows == 0)
        return init_say(plan, column, INIT_TAILS, err, "%s", "");
    flow_number_print(value, f->value);
    return init_say(plan, column, INIT_TAILS, err, "%s in row %lld, far from all others", value, (long long)f->row + 1);
}

/* ---- all of them ---- */

typedef flow_status init_rule(init_plan *plan, init_column *column, const flow_finding *finding, flow_error *err);

static init_rule *const init_rules[FLOW_N_FINDINGS] = {
    [FLOW_FINDING_CONSTANT] = columns_constant,
    [FLOW_FINDING_NEARLY_CONSTANT] = columns_nearly_constant,
    [FLOW_FINDING_ROW_NUMBER] = columns_row_number,
    [FLOW_FINDING_COPY] = columns_copy,
    [FLOW_FINDING_LINEAR] = columns_linear,
    [FLOW_FINDING_CODE] = columns_code,
    [FLOW_FINDING_BOOLEAN] = columns_boolean,
    [FLOW_FINDING_CLASSES] = columns_classes,
    [FLOW_FINDING_LATTICE] = columns_lattice,
    [FLOW_FINDING_REPEATED] = columns_repeated,
    [FLOW_FINDING_SPIKE] = columns_spike,
    [FLOW_FINDING_BOUND] = columns_bound,
    [FLOW_FINDING_ANGLE] = columns_angle,
    [FLOW_FINDING_DECADES] = columns_decades,
    [FLOW_FINDING_TAILS] = columns_tails,
    [FLOW_FINDING_OUTLIERS] = columns_tails,
};

flow_status init_judge_columns(init_plan *plan, flow_error *err)
{
    const flow_survey *survey = plan->survey;
    int n_modelled = 0;
    for (size_t i = 0; i < survey->n_findings; i++) {
        const flow_finding *finding = &survey->findings[i];
        init_column *column = &plan->columns[finding->column];
        const bool has_rule = !column->is_angle || finding->kind <= FLOW_FINDING_LINEAR; /* what it is, is known */
        if (finding->kind == FLOW_FINDING_CODE && column->is_context)
            FLOW_TRY(columns_say_code(plan, column, finding, err));
        if (has_rule && !column->is_context && !column->is_left_out && init_rules[finding->kind] != NULL)
            FLOW_TRY(init_rules[finding->kind](plan, column, finding, err));
    }
    for (int i = plan->n_context; i < plan->n_columns; i++)
        n_modelled += !plan->columns[i].is_left_out;
    plan->is_chosen = plan->is_chosen || n_modelled < plan->n_columns - plan->n_context;
    plan->out->n_modelled = n_modelled;
    return n_modelled > 0 ? FLOW_OK
                          : flow_error_set(err, FLOW_DATA,
                                           "%s: no column is left to model: all are constant or follow "
                                           "from each other; --columns takes columns as they are",
                                           plan->sets[INIT_TRAIN].source);
}
