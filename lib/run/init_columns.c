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
#include "run/init_plan.h"

/* A column that follows from others but for this share of its deviation has no density beside them. */
static const double exact = 1e-3;

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
        return init_say(plan, column, INIT_QUESTION, err, "%s, and is modelled since --columns names it", why);
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

/* The values lower, lower + step, ... up to `upper`. A limit that is NaN is none. */
static flow_status columns_make_discrete(init_column *column, double lower, double upper, double step, flow_error *err)
{
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

/* "px + py - 2 pz + 7" */
static void columns_print_sum(char *out, size_t size, const init_plan *plan, const flow_finding *f)
{
    enum { SHOWN = 6 };
    const double scale = plan->survey->columns[f->column].deviation;
    size_t used = 0;
    for (int i = 0; i < f->n_terms && i < SHOWN && used < size; i++) {
        const flow_finding_term *term = &f->terms[i];
        const double factor = fabs(term->factor);
        const char *sign = i == 0 ? (term->factor < 0 ? "-" : "") : term->factor < 0 ? " - " : " + ";
        used += (size_t)snprintf(out + used, size - used, "%s", sign);
        if (used < size && fabs(factor - 1) > 1e-6)
            used += (size_t)snprintf(out + used, size - used, "%.5g ", factor);
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%.40s", plan->columns[term->column].name);
    }
    if (f->n_terms > SHOWN && used < size)
        used += (size_t)snprintf(out + used, size - used, " + %d more", f->n_terms - SHOWN);
    if (fabs(f->offset) > 1e-6 * scale && used < size)
        snprintf(out + used, size - used, " %s %.5g", f->offset < 0 ? "-" : "+", fabs(f->offset));
}

static flow_status columns_linear(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    char sum[320] = "", why[360];
    columns_print_sum(sum, sizeof sum, plan, f);
    snprintf(why, sizeof why, "%s%s", f->residual > exact ? "nearly " : "= ", sum);
    return f->residual > exact ? init_say(plan, column, INIT_QUESTION, err, "is %s", why)
                               : columns_leave(plan, column, why, err);
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

/* Counts and the like begin at 0. Others have a limit only if their lattice would not begin at 0 without. */
static double columns_start(const flow_survey_column *facts, double step)
{
    const double steps = facts->least / step;
    if (fabs(steps - nearbyint(steps)) > 1e-6 * fmax(1, fabs(steps)))
        return facts->least;
    const double reach = facts->quantiles[FLOW_QUANTILE_50];
    return facts->least >= 0 && facts->least <= reach / 4 ? 0 : NAN;
}

static flow_status columns_lattice(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    const flow_survey_column *facts = &plan->survey->columns[f->column];
    const double lower = isnan(f->lower) ? columns_start(facts, f->step) : f->lower;
    char from[80] = "";
    if (!isnan(lower))
        snprintf(from, sizeof from, "%.6g and more", lower);
    FLOW_TRY(columns_make_discrete(column, lower, NAN, f->step, err));
    if (f->step == 1)
        return init_say(plan, column, INIT_WHOLE, err, "%s", from);
    return init_say(plan, column, INIT_LATTICE, err, "step %.6g%s%s", f->step, from[0] != '\0' ? ", " : "", from);
}

static flow_status columns_repeated(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    return init_say(plan, column, INIT_QUESTION, err,
                    "has only %lld different values, which are on no lattice: its "
                    "density means little",
                    (long long)f->distinct);
}

static flow_status columns_spike(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    return init_say(plan, column, INIT_QUESTION, err, "is %.6g in %.3g %% of the rows", f->value, 100 * f->share);
}

static flow_status columns_code(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    if (column->is_forced)
        return columns_spike(plan, column, f, err);
    return flow_error_set(err, FLOW_DATA,
                          "%s: the column \"%.80s\" is %.6g in %lld rows, which probably stands for a "
                          "missing value: write nothing in its place, and the rows are skipped; or leave the column "
                          "out with --drop %.80s; --columns takes it as it is",
                          plan->source, column->name, f->value, (long long)f->rows, column->name);
}

/* ---- where the values are ---- */

static flow_status columns_bound(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    if (columns_has(column, "discrete"))
        return FLOW_OK;
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
    return init_say(plan, column, INIT_QUESTION, err,
                    "fills %.6g to %.6g: if it is an angle, give it \"periodic\": "
                    "%.10g in a map \"support\"",
                    f->lower, f->lower + f->step, f->step);
}

/* The logarithm of positive values, which is what a support from 0 on takes. */
static flow_status columns_decades(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    if (column->support != NULL || plan->survey->columns[f->column].least <= 0)
        return FLOW_OK;
    FLOW_TRY(columns_put(column, "lower", 0, err));
    return init_say(plan, column, INIT_BOUND, err, "0 and more, over %.2g decades", f->ratio);
}

static flow_status columns_tails(init_plan *plan, init_column *column, const flow_finding *f, flow_error *err)
{
    (void)f;
    if (column->support != NULL)
        return FLOW_OK;
    column->has_tails = true;
    return init_say(plan, column, INIT_TAILS, err, "%s", "");
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
        if (!column->is_context && !column->is_left_out && init_rules[finding->kind] != NULL)
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
                                           plan->source);
}
