/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_shape.h"

#include <math.h>

#include "num/real.h"

enum {
    LEAST_ROWS = 50,         /* for a bound or an angle */
    LEAST_ROWS_TAILS = 1000, /* for quantiles at a thousandth */
    LEAST_DISTINCT = 50,     /* values of a column that has bounds */
    LEAST_PILE = 5           /* rows of a value on which others were piled up */
};

/* ---- bounds ---- */

/* Whether a density that ends at `bound` explains how near the values come to it. Of the N values up to the one at a
 * distance d, the nearest is at about d / N if the density is constant there, and at d / sqrt(N) if it falls to 0
 * linearly. `side` 1: a lower bound. */
static bool shape_reaches(const flow_judge *j, double bound, double nearest, int side)
{
    const size_t n = j->n_sample, k = n / 5;
    if (n < 2 * LEAST_ROWS)
        return false;
    double away = fabs((side > 0 ? j->sample[k] : j->sample[n - 1 - k]) - bound);
    return fabs(nearest - bound) <= away * pow((double)j->rows / 5, -0.6);
}

/* Whether a value at an end has many rows and the one next to it has few: what is beyond was moved there. */
static bool shape_is_pile(const flow_judge *j, const flow_survey_value *at, int n, int first)
{
    const int64_t share = j->survey->n_rows / 1000, least = share > LEAST_PILE ? share : LEAST_PILE;
    return first + 1 < n && at[first].rows >= least && at[first].rows >= 10 * at[first + 1].rows;
}

static flow_status shape_judge_bounds(const flow_judge *j, flow_error *err)
{
    static const double uppers[] = {1, 100};
    const flow_survey_column *c = j->facts;
    const double least = flow_judge_least(j, NULL), most = flow_judge_most(j, NULL);
    flow_finding finding = {.lower = NAN, .upper = NAN};
    if (least >= 0 && shape_reaches(j, 0, least, 1))
        finding.lower = 0;
    if (least >= -1 && most <= 1 && shape_reaches(j, -1, least, 1) && shape_reaches(j, 1, most, -1))
        finding.lower = -1;
    for (size_t i = 0; i < sizeof uppers / sizeof *uppers && !isnan(finding.lower); i++)
        if (most <= uppers[i] && shape_reaches(j, uppers[i], most, -1))
            finding.upper = uppers[i];
    if (most <= 0 && shape_reaches(j, 0, most, -1))
        finding.upper = 0;
    if (shape_is_pile(j, c->lowest, c->n_lowest, j->low_codes))
        finding.lower = c->lowest[j->low_codes].value;
    if (shape_is_pile(j, c->highest, c->n_highest, j->high_codes))
        finding.upper = c->highest[j->high_codes].value;
    for (int i = 0; i < c->n_lowest; i++)
        finding.rows += c->lowest[i].value == finding.lower ? c->lowest[i].rows : 0;
    for (int i = 0; i < c->n_highest; i++)
        finding.rows += c->highest[i].value == finding.upper ? c->highest[i].rows : 0;
    if (isnan(finding.lower) && isnan(finding.upper))
        return FLOW_OK;
    return flow_judge_add(j, FLOW_FINDING_BOUND, finding, err);
}

/* ---- angles ---- */

/* The share of the sample in [from, to]. */
static double shape_share(const flow_judge *j, double from, double to)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_sample; i++)
        n += j->sample[i] >= from && j->sample[i] <= to;
    return (double)n / (double)j->n_sample;
}

/* Whether the values fill the period from `lower` on, and go on across its ends. */
static bool shape_fills(const flow_judge *j, double lower, double period)
{
    const double slack = 1e-5 * period, end = 0.02 * period, part = period / 20, uniform = 1.0 / 20;
    const double least = flow_judge_least(j, NULL), most = flow_judge_most(j, NULL);
    if (least < lower - slack || most > lower + period + slack || least > lower + end || most < lower + period - end)
        return false;
    double first = shape_share(j, lower - slack, lower + part);
    double last = shape_share(j, lower + period - part, lower + period + slack);
    return fmin(first, last) > uniform / 2 && fmax(first, last) < 2 * uniform &&
           fmax(first, last) < 2 * fmin(first, last);
}

static flow_status shape_judge_angle(const flow_judge *j, bool *found, flow_error *err)
{
    static const double periods[] = {2 * FLOW_PI, 360};
    *found = false;
    if (j->n_sample < LEAST_ROWS)
        return FLOW_OK;
    for (size_t i = 0; i < 2 * sizeof periods / sizeof *periods && !*found; i++) {
        double period = periods[i / 2], lower = i % 2 == 0 ? 0 : -period / 2;
        *found = shape_fills(j, lower, period);
        if (*found)
            return flow_judge_add(j, FLOW_FINDING_ANGLE, (flow_finding){.lower = lower, .upper = NAN, .step = period},
                                  err);
    }
    return FLOW_OK;
}

/* ---- tails ---- */

/* Thresholds. An exponential distribution has 1.8 decades, and quantiles 0.95 and 0.5 with a ratio of 4.3; the square
 * of a normal variable 3.0 and 8.4. */
static const double least_decades = 3;
static const double least_tail = 20;
/* (quantile 0.999 - 0.001) / (0.75 - 0.25) is 6.3 of an exponential and 9.0 of a Laplace distribution, 13 of Student's
 * with 3 degrees of freedom. */
static const double least_ratio = 12;
/* Robust deviations from the median that no row of these has, in any table that can be read in a lifetime. */
static const double far_away = 25;

static bool shape_has_decades(const flow_judge *j, flow_finding *out)
{
    double low = flow_judge_quantile(j, 0.05), middle = flow_judge_quantile(j, 0.5),
           high = flow_judge_quantile(j, 0.95);
    *out = (flow_finding){.lower = low, .upper = high, .ratio = log10(high / low)};
    return flow_judge_least(j, NULL) > 0 && out->ratio >= least_decades && high >= least_tail * middle;
}

/* Rows that are far away at one end: exactly, unless there are more different values than are kept. */
static int64_t shape_count_far(const flow_judge *j, const flow_survey_value *at, int n, int first, double middle,
                               double distance)
{
    int64_t rows = 0;
    int i = first;
    for (; i < n && fabs(at[i].value - middle) > distance; i++)
        rows += at[i].rows;
    if (i < n || n < FLOW_SURVEY_EXTREMES)
        return rows;
    size_t far = 0;
    for (size_t k = 0; k < j->n_sample; k++)
        far += fabs(j->sample[k] - middle) > distance && (j->sample[k] > middle) == (at[0].value > middle);
    int64_t estimate = llround((double)far / (double)j->n_sample * (double)j->rows);
    return estimate > rows ? estimate : rows;
}

/* The values of the column at both ends, the farthest from the middle first; how many there are. */
static int shape_list_ends(const flow_judge *j, flow_survey_value *out, double middle)
{
    const flow_survey_column *c = j->facts;
    int n = 0, low = j->low, high = j->high;
    while (low < c->n_lowest || high < c->n_highest) {
        const bool is_low = high == c->n_highest ||
                            (low < c->n_lowest && middle - c->lowest[low].value > c->highest[high].value - middle);
        out[n++] = is_low ? c->lowest[low++] : c->highest[high++];
    }
    return n;
}

/* Rows of up to 3 values that are a thousand times as far out as the next one: of a Cauchy distribution the farthest
 * of all is that with a probability of a thousandth. */
static int64_t shape_count_wild(const flow_judge *j, double middle)
{
    enum { MOST = 3 };
    static const double times = 1000;
    flow_survey_value ends[2 * FLOW_SURVEY_EXTREMES];
    const int n = shape_list_ends(j, ends, middle);
    int64_t rows = 0;
    for (int i = 0; i < MOST && i + 1 < n; i++) {
        rows += ends[i].rows;
        if (fabs(ends[i].value - middle) > times * fabs(ends[i + 1].value - middle))
            return rows;
    }
    return 0;
}

static flow_status shape_judge_tails(const flow_judge *j, flow_error *err)
{
    const flow_survey_column *c = j->facts;
    const double middle = flow_judge_quantile(j, 0.5), deviation = flow_judge_robust_deviation(j);
    const double width = flow_judge_quantile(j, 0.999) - flow_judge_quantile(j, 0.001);
    if (j->n_sample < LEAST_ROWS || !(deviation > 0))
        return FLOW_OK;
    flow_finding finding = {.lower = NAN, .upper = NAN};
    if (shape_has_decades(j, &finding))
        return flow_judge_add(j, FLOW_FINDING_DECADES, finding, err);
    finding = (flow_finding){.lower = NAN, .upper = NAN};
    const flow_survey_value *low = j->low < c->n_lowest ? &c->lowest[j->low] : NULL;
    const flow_survey_value *high = j->high < c->n_highest ? &c->highest[j->high] : NULL;
    const flow_survey_value *far =
        low == NULL || (high != NULL && high->value - middle > middle - low->value) ? high : low;
    if (far != NULL) {
        finding.value = far->value;
        finding.row = far->row;
    }
    finding.rows = shape_count_far(j, c->lowest, c->n_lowest, j->low, middle, far_away * deviation) +
                   shape_count_far(j, c->highest, c->n_highest, j->high, middle, far_away * deviation);
    bool wide = j->n_sample >= LEAST_ROWS_TAILS && width >= least_ratio * 1.349 * deviation;
    if (wide || finding.rows > j->rows / 100 + 3) {
        finding.ratio = width / (1.349 * deviation);
        finding.rows = shape_count_wild(j, middle);
        return flow_judge_add(j, FLOW_FINDING_TAILS, finding, err);
    }
    finding.ratio = fabs(finding.value - middle) / deviation;
    finding.lower = middle - far_away * deviation;
    finding.upper = middle + far_away * deviation;
    return finding.rows > 0 ? flow_judge_add(j, FLOW_FINDING_OUTLIERS, finding, err) : FLOW_OK;
}

flow_status flow_survey_judge_shape(const flow_judge *j, flow_error *err)
{
    bool is_angle;
    FLOW_TRY(shape_judge_angle(j, &is_angle, err));
    if (!is_angle && !j->on_lattice && j->distinct >= LEAST_DISTINCT)
        FLOW_TRY(shape_judge_bounds(j, err));
    return is_angle ? FLOW_OK : shape_judge_tails(j, err);
}
