/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/column/supports.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const flow_option flow_support_rule_table[] = {
    {.key = "lower", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_support_rule, lower), .least = -1e300,
     .most = 1e300, .absent_is_nan = true,
     .help = "no value is below; of a periodic column, where the values of samples begin"},
    {.key = "upper", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_support_rule, upper), .least = -1e300,
     .most = 1e300, .absent_is_nan = true, .help = "no value is above"},
    {.key = "periodic", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_support_rule, period), .least = 1e-300,
     .most = 1e300, .absent_is_nan = true,
     .help = "values this far apart mean the same: an angle, a phase, a time of day"},
    FLOW_KEY_FLAG(flow_support_rule, discrete, "false",
                  "the values are whole numbers, or those of a lattice: log p holds their probability"),
    {.key = "step", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_support_rule, step), .fallback = "1",
     .only_with = "discrete", .least = 1e-300, .most = 1e300, .absent_is_nan = true,
     .help = "distance of the values of a discrete column"},
    {.key = "origin", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_support_rule, origin), .least = -1e300,
     .most = 1e300, .absent_is_nan = true,
     .help = "one of the values of a discrete column, if neither a bound nor 0 is one"},
    {.key = "spikes", .kind = FLOW_OPTION_NUMBERS, .offset = offsetof(flow_support_rule, spikes), .least = -1e300,
     .most = 1e300, .help = "values that have a probability of their own, beside a density elsewhere: [0]"},
    FLOW_OPTIONS_END,
};

/* ---- the lattice ---- */

double flow_support_value(const flow_support *s, double k)
{
    return s->per_unit > 0 ? (s->first + k) / s->per_unit : s->origin + k * s->step;
}

static double support_number_in_bounds(const flow_support *s, double k)
{
    double least = rint((s->lower - s->origin) / s->step), most = rint((s->upper - s->origin) / s->step);
    return fmin(fmax(k, least), most);
}

double flow_support_nearest(const flow_support *s, double x)
{
    return support_number_in_bounds(s, rint((x - s->origin) / s->step));
}

double flow_support_floor(const flow_support *s, double x)
{
    double k = floor((x - s->origin) / s->step);
    /* the quotient may have been rounded over a whole number */
    if (flow_support_value(s, k) > x)
        k--;
    else if (flow_support_value(s, k + 1) <= x)
        k++;
    return support_number_in_bounds(s, k);
}

/* ---- which values it has ---- */

/* Data are rounded, in single precision perhaps: this close to a value, in steps, they are the value. */
static const double on_lattice = 0.01;

static bool support_is_value(const flow_support *s, double x)
{
    double k = rint((x - s->origin) / s->step);
    return fabs(x - flow_support_value(s, k)) <= on_lattice * s->step;
}

/* Bounds of discrete columns are values, and known as well as those. */
static double support_slack(const flow_support *s)
{
    return s->discrete ? on_lattice * s->step : 0;
}

bool flow_support_holds(const flow_support *s, double x)
{
    double slack = support_slack(s);
    return s->period > 0 ||
           (x >= s->lower - slack && x <= s->upper + slack && (!s->discrete || support_is_value(s, x)));
}

flow_status flow_support_check(const flow_support *s, double x, flow_error *err)
{
    if (flow_support_holds(s, x))
        return FLOW_OK;
    char value[FLOW_NUMBER_SIZE], bound[FLOW_NUMBER_SIZE];
    flow_number_print(value, x);
    bool below = x < s->lower - support_slack(s);
    if (below || x > s->upper + support_slack(s)) {
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
    char lower[FLOW_NUMBER_SIZE], upper[FLOW_NUMBER_SIZE], step[FLOW_NUMBER_SIZE], origin[FLOW_NUMBER_SIZE];
    const bool is_bounded = isfinite(s->lower) || isfinite(s->upper);
    flow_number_print(lower, s->lower);
    flow_number_print(upper, s->upper);
    flow_text_add(text, "%s: ", s->name);
    if (s->period > 0) {
        flow_number_print(upper, s->period);
        flow_text_add(text, "period %s%s%s", upper, isnan(s->lower) ? "" : " from ", isnan(s->lower) ? "" : lower);
        return;
    }
    flow_number_print(step, s->step);
    flow_number_print(origin, s->origin);
    if (s->discrete && (s->step != 1 || s->origin != rint(s->origin)))
        flow_text_add(text, "steps of %s", step);
    else if (s->discrete)
        flow_text_add(text, "whole numbers");
    if (s->discrete && !is_bounded && s->origin != 0)
        flow_text_add(text, ", one of them at %s", origin);
    if (s->discrete && is_bounded)
        flow_text_add(text, ", ");
    if (isfinite(s->lower) && isfinite(s->upper))
        flow_text_add(text, "%s to %s", lower, upper);
    else if (isfinite(s->lower))
        flow_text_add(text, "%s or more", lower);
    else if (isfinite(s->upper))
        flow_text_add(text, "%s or less", upper);
    if (s->spikes.n > 0 && is_bounded)
        flow_text_add(text, ", ");
    flow_spikes_describe(&s->spikes, text);
}

/* ---- from the options ---- */

static bool support_is_whole(double x)
{
    return fabs(x - rint(x)) <= 1e-9 * fmax(1, fabs(x)) && fabs(x) < 1e15;
}

static flow_status support_set_lattice(flow_support *s, double origin, const char *key, flow_error *err)
{
    s->origin = isfinite(s->lower) ? s->lower : isfinite(s->upper) ? s->upper : isnan(origin) ? 0 : origin;
    if (!isnan(origin) && !support_is_whole((origin - s->origin) / s->step))
        return flow_option_fail(err, key, "the origin is not a whole number of steps away from the bound; leave it "
                                          "out, since the bound says where the values are");
    if (isfinite(s->lower) && isfinite(s->upper) && !support_is_whole((s->upper - s->lower) / s->step))
        return flow_option_fail(err, key, "the upper bound is not a whole number of steps above the lower one");
    if (support_is_whole(1 / s->step) && support_is_whole(s->origin * rint(1 / s->step))) {
        s->per_unit = rint(1 / s->step);
        s->first = rint(s->origin * s->per_unit);
    }
    s->end = s->upper + s->step;
    if (s->end == s->upper && isfinite(s->upper))
        return flow_option_fail(err, key, "the step is lost beside the bound; numbers have 16 digits");
    return FLOW_OK;
}

static flow_status support_set_period(flow_support *s, const flow_support_rule *r, const char *key, flow_error *err)
{
    if (!isnan(r->upper))
        return flow_option_fail(err, key,
                                "a periodic column has no \"upper\" bound; \"lower\" may say where a period begins");
    if (r->discrete || !isnan(r->step) || !isnan(r->origin))
        return flow_option_fail(err, key, "a column cannot be periodic and discrete at once");
    if (r->spikes.n > 0)
        return flow_option_fail(err, key, "a periodic column cannot have spikes");
    if (r->lower + r->period == r->lower)
        return flow_option_fail(err, key, "the period is lost beside \"lower\"; numbers have 16 digits");
    s->lower = r->lower;
    s->upper = s->end = INFINITY;
    s->period = r->period;
    s->step = 1;
    return FLOW_OK;
}

static flow_status support_set(flow_support *s, const flow_support_rule *rule, const char *key, flow_error *err)
{
    flow_support_rule r = *rule;
    if (r.discrete && isnan(r.step))
        r.step = 1;
    if (!isnan(r.period))
        return support_set_period(s, &r, key, err);
    if (!r.discrete && !isnan(r.step))
        return flow_option_fail(err, key,
                                "there is a \"step\", and the column is not \"discrete\"; say \"discrete\": true, "
                                "or leave the step out");
    if (!r.discrete && !isnan(r.origin))
        return flow_option_fail(err, key, "there is an \"origin\", and the column is not \"discrete\"; leave it out");
    if (!r.discrete && isnan(r.lower) && isnan(r.upper) && r.spikes.n == 0)
        return flow_option_fail(err, key,
                                "this says nothing; give a \"lower\" or an \"upper\" bound, \"discrete\": "
                                "true, a \"periodic\", or \"spikes\"");
    if (r.discrete && r.spikes.n > 0)
        return flow_option_fail(err, key, "all values of a discrete column have probabilities; leave the spikes out");
    if (r.lower > r.upper || (!r.discrete && r.lower == r.upper))
        return flow_option_fail(err, key, "the lower bound has to be below the upper one");
    s->lower = isnan(r.lower) ? -INFINITY : r.lower;
    s->upper = isnan(r.upper) ? INFINITY : r.upper;
    s->end = s->upper;
    s->discrete = r.discrete;
    s->step = r.discrete ? r.step : 1;
    return r.discrete ? support_set_lattice(s, r.origin, key, err)
                      : flow_spikes_set(&s->spikes, &r.spikes, s->lower, s->upper, key, err);
}

/* "#3" is 2; -1 for what is no place */
static int support_place_of(const char *key, int dim)
{
    double place;
    if (key[0] != '#' || !flow_number_parse(key + 1, &place) || !(place >= 1 && place <= dim) || place != floor(place))
        return -1;
    return (int)place - 1;
}

static flow_status support_find_column(int *out, const char *name, const char *key, const flow_block_context *context,
                                       flow_error *err)
{
    for (int i = 0; context->columns != NULL && i < context->dims.n; i++) {
        if (strcmp(context->columns[i], name) == 0) {
            *out = i;
            return FLOW_OK;
        }
    }
    *out = support_place_of(name, context->dims.n);
    if (*out >= 0 || (context->columns == NULL && name[0] != '#'))
        return FLOW_OK;
    const char *nearest = context->columns != NULL ? flow_nearest(name, context->columns, context->dims.n) : NULL;
    if (nearest != NULL)
        return flow_option_fail(err, key, "there is no column \"%.80s\"; did you mean \"%.80s\"?", name, nearest);
    return flow_option_fail(err, key, "there is no column \"%.80s\" among the %d that are modelled", name,
                            context->dims.n);
}

static flow_status support_set_all(flow_supports *out, const flow_option_map *columns,
                                   const flow_block_context *context, bool *taken, flow_error *err)
{
    const flow_support_rule *rules = columns->values;
    for (int i = 0; i < columns->n; i++) {
        const char *name = columns->keys[i];
        flow_support *s = &out->at[out->n];
        char key[120];
        snprintf(key, sizeof key, "columns.%.100s", name);
        FLOW_TRY(support_find_column(&s->column, name, key, context, err));
        if (s->column >= 0 && taken[s->column])
            return flow_option_fail(err, key, "this is column %d, which has another entry already", s->column + 1);
        FLOW_TRY(support_set(s, &rules[i], key, err));
        s->name = flow_strdup(context->columns != NULL ? context->columns[s->column] : name);
        if (s->name == NULL)
            return flow_error_memory(err, "the supports of columns");
        out->n++;
        out->n_discrete += s->discrete && s->column >= 0;
        out->n_periodic += s->period > 0 && s->column >= 0;
        if (s->spikes.n > 0 && s->column >= 0) {
            s->spikes.first = out->n_spikes;
            out->n_spikes += s->spikes.n;
            out->n_spiked++;
        }
        if (s->column >= 0)
            taken[s->column] = true;
    }
    return FLOW_OK;
}

flow_status flow_supports_configure(flow_supports *out, const flow_option_map *columns,
                                    const flow_block_context *context, flow_error *err)
{
    *out = (flow_supports){0};
    if (columns->n == 0)
        return flow_option_fail(err, "columns", "there is no column in it; leave \"support\" out");
    bool *taken = calloc((size_t)context->dims.n, sizeof *taken);
    out->at = calloc((size_t)columns->n, sizeof *out->at);
    flow_status status = taken == NULL || out->at == NULL ? flow_error_memory(err, "the supports of columns")
                                                          : support_set_all(out, columns, context, taken, err);
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
