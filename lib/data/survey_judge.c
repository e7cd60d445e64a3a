/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_judge.h"

#include <math.h>
#include <stdlib.h>

#include "data/survey_discrete.h"
#include "data/survey_shape.h"

enum { LEAST_ROWS = 20 }; /* of a table in which something regular is no coincidence */

/* ---- constants ---- */

/* So few rows may differ in a column that is nearly constant: a thousandth, or one of a hundred. */
static int64_t judge_few_rows(int64_t n)
{
    return n < 2000 ? n >= 100 : n / 1000;
}

/* Spread, as a share of the size of the values, that is no more than rounding. */
static const double rounding_of_doubles = 1e-10;
static const double rounding_of_floats = 3e-7;

static flow_status judge_constants(const flow_judge *j, bool *found, flow_error *err)
{
    const flow_survey_column *c = j->facts;
    const flow_survey_value *top = &c->frequent[0];
    const int64_t n = j->survey->n_rows, differ = c->n_frequent > 0 ? n - top->rows : n;
    const int64_t others = differ > c->distinct - 1 ? differ : c->distinct - 1; /* rows may be an estimate */
    const double rounding = j->scan->lattice.has_doubles ? rounding_of_doubles : rounding_of_floats;
    *found = true;
    if (c->least == c->most)
        return flow_judge_add(j, FLOW_FINDING_CONSTANT,
                              (flow_finding){.value = c->least, .lower = NAN, .upper = NAN, .rows = n}, err);
    if (others <= judge_few_rows(n))
        return flow_judge_add(j, FLOW_FINDING_NEARLY_CONSTANT,
                              (flow_finding){.value = top->value, .lower = NAN, .upper = NAN, .rows = others}, err);
    if (!c->whole && c->deviation <= rounding * fabs(c->mean))
        return flow_judge_add(
            j, FLOW_FINDING_NEARLY_CONSTANT,
            (flow_finding){.value = c->mean, .lower = NAN, .upper = NAN, .ratio = c->deviation / fabs(c->mean)}, err);
    *found = false;
    return FLOW_OK;
}

/* ---- row numbers ---- */

static flow_status judge_row_numbers(const flow_judge *j, bool *found, flow_error *err)
{
    const flow_column_scan *s = j->scan;
    flow_finding finding = {.rows = s->n, .lower = NAN, .upper = NAN};
    *found = s->in_sequence || flow_column_scan_is_permutation(s);
    if (!*found)
        return FLOW_OK;
    finding.step = s->in_sequence ? s->step : 0;
    finding.value = s->in_sequence ? s->first - s->step * (double)s->first_number : j->facts->least;
    return flow_judge_add(j, FLOW_FINDING_ROW_NUMBER, finding, err);
}

/* ---- codes for missing values ---- */

/* A code is repeated, and lies apart: a known one by a part of the range of all other values, any other one by several
 * times that range. */
static const double apart_of_known = 0.05;
static const double apart_of_others = 3;

/* What is no known code has to be in some more rows; 0 is rather a value of its own. */
static bool judge_may_be_code(const flow_judge *j, const flow_survey_value *value)
{
    const int64_t share = j->survey->n_rows / 2000, least = share > 3 ? share : 3;
    return flow_survey_is_usual_code(value->value) ? value->rows > 1 : value->rows >= least && value->value != 0;
}

/* How many of the n values at an end are codes; `far` is the other end. */
static int judge_count_codes(const flow_judge *j, const flow_survey_value *at, int n, double far)
{
    enum { MOST = 3, LEAST_OTHERS = 3 };
    bool known = true;
    for (int i = 0; i < MOST && i + LEAST_OTHERS < n && judge_may_be_code(j, &at[i]); i++) {
        double gap = fabs(at[i + 1].value - at[i].value), range = fabs(far - at[i + 1].value), next = 0;
        known = known && flow_survey_is_usual_code(at[i].value);
        for (int k = i + 1; k + 1 < n; k++)
            next = fmax(next, fabs(at[k + 1].value - at[k].value));
        if (range > 0 && gap > 3 * next && gap >= (known ? apart_of_known : apart_of_others) * range)
            return i + 1;
    }
    return 0;
}

/* Of codes at both ends, those that are further out are found first. */
static flow_status judge_codes(flow_judge *j, flow_error *err)
{
    const flow_survey_column *c = j->facts;
    int low = judge_count_codes(j, c->lowest, c->n_lowest, c->most);
    int high = judge_count_codes(j, c->highest, c->n_highest, low > 0 ? c->lowest[low].value : c->least);
    if (low == 0 && high > 0)
        low = judge_count_codes(j, c->lowest, c->n_lowest, c->highest[high].value);
    for (int i = 0; i < low + high; i++) {
        const flow_survey_value *code = i < low ? &c->lowest[i] : &c->highest[i - low];
        FLOW_TRY(flow_judge_add(
            j, FLOW_FINDING_CODE,
            (flow_finding){.value = code->value, .rows = code->rows, .row = code->row, .lower = NAN, .upper = NAN},
            err));
        flow_judge_set_aside(j, code->value, code->rows);
    }
    j->low_codes = low;
    j->high_codes = high;
    return FLOW_OK;
}

flow_status flow_survey_judge(flow_survey *survey, int column, flow_column_scan *scan, double *sample, size_t n,
                              flow_error *err)
{
    flow_judge j = {.survey = survey,
                    .column = column,
                    .facts = &survey->columns[column],
                    .scan = scan,
                    .sample = sample,
                    .n_sample = n,
                    .rows = survey->n_rows,
                    .distinct = scan->values.n};
    bool found;
    FLOW_TRY(judge_constants(&j, &found, err));
    if (!found && survey->n_rows < LEAST_ROWS)
        return FLOW_OK;
    if (!found)
        FLOW_TRY(judge_row_numbers(&j, &found, err));
    if (found)
        return FLOW_OK;
    FLOW_TRY(judge_codes(&j, err));
    FLOW_TRY(flow_survey_judge_discrete(&j, &found, err));
    return found ? FLOW_OK : flow_survey_judge_shape(&j, err);
}
