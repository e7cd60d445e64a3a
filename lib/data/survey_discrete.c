/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_discrete.h"

#include <math.h>

enum {
    MOST_CLASSES = 10,
    STEPS = 1000,     /* a lattice counts as one if the deviation is less than so many steps */
    LEAST_TIED = 3,   /* rows of a spike */
    TIMES_OTHERS = 10 /* a spike has so many times the rows of the values next to it */
};

static const double least_spike = 0.02;  /* share of the rows */
static const double least_code = 0.0005; /* the same of a usual code for missing values */
static const double few_different = 0.2; /* of so many rows */
static const double off_lattice = 0.009; /* of a step: a discrete column of a support accepts a hundredth */
static const double same_step = 2e-5;    /* relative: steps that rounded values cannot tell apart */

static bool discrete_is_aside(const flow_judge *j, double value)
{
    for (int i = 0; i < j->n_aside; i++)
        if (j->aside[i] == value)
            return true;
    return false;
}

/* The most frequent value that is not set aside; NULL: none is known. */
static const flow_survey_value *discrete_top(const flow_judge *j)
{
    for (int i = 0; i < j->facts->n_frequent; i++)
        if (!discrete_is_aside(j, j->facts->frequent[i].value))
            return &j->facts->frequent[i];
    return NULL;
}

/* Different values in the sample, as a share of it. */
static double discrete_share_of_sample(const flow_judge *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_sample; i++)
        n += i == 0 || j->sample[i] != j->sample[i - 1];
    return j->n_sample > 0 ? (double)n / (double)j->n_sample : 1;
}

/* The most rows that one of the next few values in the sample has, in terms of all rows. */
static double discrete_rows_beside(const flow_judge *j, double value)
{
    enum { VALUES = 3 };
    const double *x = j->sample;
    size_t n = j->n_sample, low = 0, high = n, most = 1;
    while (low < high) { /* the first that is not less */
        size_t middle = low + (high - low) / 2;
        if (x[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < n && x[high] == value;)
        high++;
    for (int k = 0; k < VALUES && high < n; k++) {
        size_t first = high;
        while (high < n && x[high] == x[first])
            high++;
        most = high - first > most ? high - first : most;
    }
    for (int k = 0; k < VALUES && low > 0; k++) {
        size_t last = low;
        while (low > 0 && x[low - 1] == x[last - 1])
            low--;
        most = last - low > most ? last - low : most;
    }
    return (double)most * (double)j->rows / (double)(n > 0 ? n : 1);
}

/* How far the values that are not set aside are from first + k step, in steps. */
static double discrete_distance(const flow_judge *j, const flow_survey_value *values, double first, double step)
{
    double most = 0;
    for (int64_t i = 0; i < j->scan->values.n; i++) {
        double at = (values[i].value - first) / step;
        if (!discrete_is_aside(j, values[i].value))
            most = fmax(most, fabs(at - nearbyint(at)));
    }
    return most;
}

/* The step of the lattice on which the different values are but for rounding, in as few digits as will do; 0: none. For
 * values that are a lattice in other units. */
static double discrete_rounded_step(flow_judge *j)
{
    enum { LEAST = 5, MOST_STEPS = 100000, DIGITS = 9 };
    const flow_survey_value *values;
    if (j->facts->many || j->distinct < LEAST)
        return 0;
    flow_values_sort(&j->scan->values, &values);
    double step = INFINITY, first = NAN, last = NAN;
    for (int64_t i = 0; i < j->scan->values.n; i++) {
        if (discrete_is_aside(j, values[i].value))
            continue;
        if (!isnan(last))
            step = fmin(step, values[i].value - last);
        last = values[i].value;
        first = isnan(first) ? last : first;
    }
    if (!((last - first) / step < MOST_STEPS))
        return 0;
    step = (last - first) / nearbyint((last - first) / step);
    const double distance = discrete_distance(j, values, first, step);
    const double enough = fmin(off_lattice, fmax(1.5 * distance, 1e-6));
    for (int digits = 1; digits <= DIGITS; digits++) {
        double unit = pow(10, floor(log10(step)) - digits + 1), rounded = nearbyint(step / unit) * unit;
        /* a step of two digits that is this near is the one that the values had before they were rounded */
        bool near = digits <= 2 && fabs(rounded - step) <= same_step * step;
        if (discrete_distance(j, values, first, rounded) <= (near ? off_lattice : enough))
            return unit >= 1 ? rounded : nearbyint(rounded / unit) / nearbyint(1 / unit);
    }
    return distance <= off_lattice ? step : 0;
}

static double discrete_spread(const flow_judge *j)
{
    double robust = flow_judge_robust_deviation(j), range = flow_judge_quantile(j, 0.99) - flow_judge_quantile(j, 0.01);
    return fmax(robust, range / 4.653); /* of a normal distribution */
}

static flow_finding discrete_describe(const flow_judge *j)
{
    const flow_survey_value *top = discrete_top(j);
    return (flow_finding){
        .distinct = j->facts->many ? 0 : j->distinct,
        .value = top != NULL ? top->value : NAN,
        .rows = top != NULL ? top->rows : 0,
        .lower = NAN,
        .upper = NAN,
    };
}

static flow_status discrete_judge_few(const flow_judge *j, bool *few, flow_error *err)
{
    const double least = flow_judge_least(j, NULL), most = flow_judge_most(j, NULL);
    flow_finding finding = {.distinct = j->distinct, .lower = least, .upper = most};
    *few = !j->facts->many && j->distinct <= MOST_CLASSES && j->rows >= 5 * j->distinct;
    if (*few && j->distinct == 2) {
        flow_judge_most(j, &finding.rows);
        return flow_judge_add(j, FLOW_FINDING_BOOLEAN, finding, err);
    }
    *few = *few && j->facts->whole && most - least < 10 * MOST_CLASSES;
    return *few ? flow_judge_add(j, FLOW_FINDING_CLASSES, finding, err) : FLOW_OK;
}

static flow_status discrete_judge_lattice(flow_judge *j, bool *found, flow_error *err)
{
    flow_finding finding = discrete_describe(j);
    double least = flow_judge_least(j, NULL), most = flow_judge_most(j, NULL);
    finding.step = discrete_rounded_step(j);
    if (!(finding.step > 1.5 * j->facts->step)) /* else those steps are of the digits that were written */
        finding.step = j->facts->step;
    *found = finding.step > 0 && most - least > 0 &&
             (discrete_spread(j) < STEPS * finding.step || most - least < STEPS * finding.step);
    if (!*found)
        return FLOW_OK;
    double at = fabs(least) / finding.step;
    bool holds_zero = fabs(at - nearbyint(at)) < 1e-9 * fmax(at, 1);
    if (!holds_zero || (least >= 0 && least <= finding.step))
        finding.lower = least;
    return flow_judge_add(j, FLOW_FINDING_LATTICE, finding, err);
}

/* A usual code for missing values that lies among the others: many rows have it, and none of its neighbours. */
static flow_status discrete_judge_codes(flow_judge *j, flow_error *err)
{
    const double least = fmax(LEAST_TIED, least_code * (double)j->survey->n_rows);
    for (int i = 0; i < j->facts->n_frequent; i++) {
        const flow_survey_value *v = &j->facts->frequent[i];
        if (!flow_survey_is_usual_code(v->value) || discrete_is_aside(j, v->value) || (double)v->rows < least ||
            (double)v->rows < TIMES_OTHERS * discrete_rows_beside(j, v->value))
            continue;
        FLOW_TRY(flow_judge_add(
            j, FLOW_FINDING_CODE,
            (flow_finding){.value = v->value, .rows = v->rows, .row = v->row, .lower = NAN, .upper = NAN}, err));
        flow_judge_set_aside(j, v->value, v->rows);
    }
    return FLOW_OK;
}

static flow_status discrete_judge_spikes(flow_judge *j, flow_error *err)
{
    for (const flow_survey_value *top; (top = discrete_top(j)) != NULL;) {
        if ((double)top->rows < least_spike * (double)j->survey->n_rows || top->rows < LEAST_TIED ||
            (double)top->rows < TIMES_OTHERS * discrete_rows_beside(j, top->value))
            return FLOW_OK;
        FLOW_TRY(flow_judge_add(
            j, FLOW_FINDING_SPIKE,
            (flow_finding){.value = top->value, .rows = top->rows, .row = top->row, .lower = NAN, .upper = NAN}, err));
        flow_judge_set_aside(j, top->value, top->rows);
    }
    return FLOW_OK;
}

static flow_status discrete_judge_repeated(const flow_judge *j, flow_error *err)
{
    double different = j->facts->many ? discrete_share_of_sample(j) : (double)j->distinct / (double)j->rows;
    return different < few_different ? flow_judge_add(j, FLOW_FINDING_REPEATED, discrete_describe(j), err) : FLOW_OK;
}

flow_status flow_survey_judge_discrete(flow_judge *j, bool *few, flow_error *err)
{
    FLOW_TRY(discrete_judge_few(j, few, err));
    if (*few)
        return FLOW_OK;
    FLOW_TRY(discrete_judge_lattice(j, &j->on_lattice, err));
    if (j->on_lattice)
        return FLOW_OK;
    FLOW_TRY(discrete_judge_codes(j, err));
    FLOW_TRY(discrete_judge_spikes(j, err));
    return discrete_judge_repeated(j, err);
}
