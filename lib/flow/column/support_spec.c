/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/column/support_spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a spec says; NAN is nothing. */
typedef struct rule {
    double lower, upper, step, period;
    bool discrete;
} rule;

static const flow_option options[] = {
    {.key = "lower",
     .kind = FLOW_OPTION_NUMBER,
     .offset = offsetof(rule, lower),
     .least = -1e300,
     .most = 1e300,
     .help = "no value is below; of a periodic column, where the values of samples begin"},
    {.key = "upper",
     .kind = FLOW_OPTION_NUMBER,
     .offset = offsetof(rule, upper),
     .least = -1e300,
     .most = 1e300,
     .help = "no value is above"},
    {.key = "periodic",
     .kind = FLOW_OPTION_NUMBER,
     .offset = offsetof(rule, period),
     .least = 1e-300,
     .most = 1e300,
     .help = "values this far apart mean the same: an angle, a phase, a time of day"},
    {.key = "discrete",
     .kind = FLOW_OPTION_FLAG,
     .offset = offsetof(rule, discrete),
     .fallback = "false",
     .help = "the values are whole numbers, or those of a lattice: log p holds their probability"},
    {.key = "step",
     .kind = FLOW_OPTION_NUMBER,
     .offset = offsetof(rule, step),
     .least = 1e-300,
     .most = 1e300,
     .help = "distance of the values of a discrete column; without it 1"},
    FLOW_OPTIONS_END,
};

void flow_supports_schema(cJSON *definitions)
{
    cJSON *supports = cJSON_AddObjectToObject(definitions, "supports");
    cJSON_AddStringToObject(supports, "type", "object");
    cJSON_AddStringToObject(supports, "description", "the names of columns, or their places: #1, #2, ...");
    cJSON *one = cJSON_AddObjectToObject(supports, "additionalProperties");
    cJSON_AddStringToObject(one, "type", "object");
    cJSON_AddItemToObject(one, "properties", flow_options_schema(options));
    cJSON_AddFalseToObject(one, "additionalProperties");
    cJSON_AddNumberToObject(one, "minProperties", 1);
}

/* ---- which values it has ---- */

/* Data are rounded, in single precision perhaps: this close to a value, in steps, they are the value. */
static const double on_lattice = 0.01;

static bool is_value(const flow_support *s, double x)
{
    double k = rint((x - s->origin) / s->step);
    return fabs(x - flow_support_value(s, k)) <= on_lattice * s->step;
}

/* Bounds of discrete columns are values, and known as well as those. */
static double slack(const flow_support *s)
{
    return s->discrete ? on_lattice * s->step : 0;
}

bool flow_support_holds(const flow_support *s, double x)
{
    return s->period > 0 || (x >= s->lower - slack(s) && x <= s->upper + slack(s) && (!s->discrete || is_value(s, x)));
}

flow_status flow_support_check(const flow_support *s, double x, flow_error *err)
{
    if (flow_support_holds(s, x))
        return FLOW_OK;
    char value[FLOW_NUMBER_SIZE], bound[FLOW_NUMBER_SIZE];
    flow_number_print(value, x);
    bool below = x < s->lower - slack(s);
    if (below || x > s->upper + slack(s)) {
        flow_number_print(bound, below ? s->lower : s->upper);
        return flow_error_set(err, FLOW_DATA, "column \"%.80s\" has the value %s, %s its %s bound %s", s->name, value,
                              below ? "below" : "above", below ? "lower" : "upper", bound);
    }
    flow_number_print(bound, s->step);
    return flow_error_set(err, FLOW_DATA, "column \"%.80s\" has the value %s, which is not on its lattice of step %s",
                          s->name, value, bound);
}

void flow_support_describe(const flow_support *s, flow_text *text)
{
    char lower[FLOW_NUMBER_SIZE], upper[FLOW_NUMBER_SIZE], step[FLOW_NUMBER_SIZE];
    flow_number_print(lower, s->lower);
    flow_number_print(upper, s->upper);
    flow_text_add(text, "%s: ", s->name);
    if (s->period > 0) {
        flow_number_print(upper, s->period);
        flow_text_add(text, "period %s%s%s", upper, isnan(s->lower) ? "" : " from ", isnan(s->lower) ? "" : lower);
        return;
    }
    flow_number_print(step, s->step);
    if (s->discrete && s->step != 1)
        flow_text_add(text, "steps of %s", step);
    else if (s->discrete)
        flow_text_add(text, "whole numbers");
    if (s->discrete && (isfinite(s->lower) || isfinite(s->upper)))
        flow_text_add(text, ", ");
    if (isfinite(s->lower) && isfinite(s->upper))
        flow_text_add(text, "%s to %s", lower, upper);
    else if (isfinite(s->lower))
        flow_text_add(text, "%s or more", lower);
    else if (isfinite(s->upper))
        flow_text_add(text, "%s or less", upper);
}

/* ---- reading ---- */

static bool is_whole(double x)
{
    return fabs(x - rint(x)) <= 1e-9 * fmax(1, fabs(x)) && fabs(x) < 1e15;
}

static flow_status set_lattice(flow_support *s, const flow_json *at, flow_error *err)
{
    s->origin = isfinite(s->lower) ? s->lower : isfinite(s->upper) ? s->upper : 0;
    if (isfinite(s->lower) && isfinite(s->upper) && !is_whole((s->upper - s->lower) / s->step))
        return flow_json_fail(at, err, "the upper bound is not a whole number of steps above the lower one");
    if (is_whole(1 / s->step) && is_whole(s->origin * rint(1 / s->step))) {
        s->per_unit = rint(1 / s->step);
        s->first = rint(s->origin * s->per_unit);
    }
    s->end = s->upper + s->step;
    if (s->end == s->upper && isfinite(s->upper))
        return flow_json_fail(at, err, "the step is lost beside the bound; numbers have 16 digits");
    return FLOW_OK;
}

static flow_status set_period(flow_support *s, const rule *r, const flow_json *at, flow_error *err)
{
    if (!isnan(r->upper))
        return flow_json_fail(at, err,
                              "a periodic column has no \"upper\" bound; \"lower\" may say where a period begins");
    if (r->discrete || !isnan(r->step))
        return flow_json_fail(at, err, "a column cannot be periodic and discrete at once");
    if (r->lower + r->period == r->lower)
        return flow_json_fail(at, err, "the period is lost beside \"lower\"; numbers have 16 digits");
    s->lower = r->lower;
    s->upper = s->end = INFINITY;
    s->period = r->period;
    s->step = 1;
    return FLOW_OK;
}

static flow_status read_one(flow_support *s, flow_json *at, flow_error *err)
{
    rule r = {.lower = NAN, .upper = NAN, .step = NAN, .period = NAN};
    flow_status status = flow_options_read(&r, options, at, NULL, err);
    if (status == FLOW_OK && r.discrete && isnan(r.step)) {
        r.step = 1;
        status = flow_option_default(at, "step", "1", err);
    }
    if (status != FLOW_OK)
        return status;
    if (!isnan(r.period))
        return set_period(s, &r, at, err);
    if (!r.discrete && !isnan(r.step))
        return flow_json_fail(at, err,
                              "there is a \"step\", and the column is not \"discrete\"; say \"discrete\": true, "
                              "or leave the step out");
    if (!r.discrete && isnan(r.lower) && isnan(r.upper))
        return flow_json_fail(at, err, "this says nothing; give a \"lower\" or an \"upper\" bound, \"discrete\": true, "
                              "or a \"periodic\"");
    if (r.lower > r.upper || (!r.discrete && r.lower == r.upper))
        return flow_json_fail(at, err, "the lower bound has to be below the upper one");
    s->lower = isnan(r.lower) ? -INFINITY : r.lower;
    s->upper = isnan(r.upper) ? INFINITY : r.upper;
    s->end = s->upper;
    s->discrete = r.discrete;
    s->step = r.discrete ? r.step : 1;
    return r.discrete ? set_lattice(s, at, err) : FLOW_OK;
}

/* "#3" is 2; -1 for what is no place */
static int place_of(const char *key, int dim)
{
    double place;
    if (key[0] != '#' || !flow_number_parse(key + 1, &place) || !(place >= 1 && place <= dim) || place != floor(place))
        return -1;
    return (int)place - 1;
}

static flow_status find_column(int *out, const flow_json *at, const flow_site *site, flow_error *err)
{
    const char *key = at->node->string;
    for (int i = 0; site->columns != NULL && i < site->dim; i++) {
        if (strcmp(site->columns[i], key) == 0) {
            *out = i;
            return FLOW_OK;
        }
    }
    *out = place_of(key, site->dim);
    if (*out >= 0 || (site->columns == NULL && key[0] != '#'))
        return FLOW_OK;
    const char *nearest = site->columns != NULL ? flow_nearest(key, site->columns, site->dim) : NULL;
    if (nearest != NULL)
        return flow_json_fail(at, err, "there is no column \"%.80s\"; did you mean \"%.80s\"?", key, nearest);
    return flow_json_fail(at, err, "there is no column \"%.80s\" among the %d that are modelled", key, site->dim);
}

static flow_status read_all(flow_supports *out, flow_json *columns, const flow_site *site, bool *taken, flow_error *err)
{
    for (cJSON *node = columns->node->child; node != NULL; node = node->next) {
        flow_json at = flow_json_member(columns, node->string);
        flow_support *s = &out->at[out->n];
        flow_status status = find_column(&s->column, &at, site, err);
        if (status == FLOW_OK && s->column >= 0 && taken[s->column])
            status = flow_json_fail(&at, err, "this is column %d, which has another entry already", s->column + 1);
        if (status == FLOW_OK)
            status = read_one(s, &at, err);
        if (status != FLOW_OK)
            return status;
        s->name = flow_strdup(site->columns != NULL ? site->columns[s->column] : node->string);
        if (s->name == NULL)
            return flow_error_memory(err, "the supports of columns");
        out->n++;
        out->n_discrete += s->discrete && s->column >= 0;
        out->n_periodic += s->period > 0 && s->column >= 0;
        if (s->column >= 0)
            taken[s->column] = true;
    }
    return FLOW_OK;
}

flow_status flow_supports_read(flow_supports *out, flow_json *columns, const flow_site *site, flow_error *err)
{
    *out = (flow_supports){0};
    if (!cJSON_IsObject(columns->node)) {
        char found[80];
        flow_json_describe(found, sizeof found, columns);
        return flow_json_fail(columns, err, "expected an object { \"COLUMN\": { ... }, ... }, found %s", found);
    }
    int n = cJSON_GetArraySize(columns->node);
    if (n == 0)
        return flow_json_fail(columns, err, "there is no column in it; leave \"support\" out");
    bool *taken = calloc((size_t)site->dim, sizeof *taken);
    out->at = calloc((size_t)n, sizeof *out->at);
    flow_status status = taken == NULL || out->at == NULL ? flow_error_memory(err, "the supports of columns")
                                                          : read_all(out, columns, site, taken, err);
    free(taken);
    return status;
}

void flow_supports_release(flow_supports *supports)
{
    for (int i = 0; i < supports->n; i++)
        free(supports->at[i].name);
    free(supports->at);
    *supports = (flow_supports){0};
}
