/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_findings.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

flow_status flow_survey_add_finding(flow_survey *s, const flow_finding *finding, flow_error *err)
{
    /* room for 1, 2, 4, 8, ... */
    if ((s->n_findings & (s->n_findings - 1)) == 0) {
        size_t room = s->n_findings == 0 ? 1 : 2 * s->n_findings;
        flow_finding *findings = realloc(s->findings, room * sizeof *findings);
        if (findings == NULL) {
            free((void *)finding->terms);
            return flow_error_memory(err, "what is odd about the columns");
        }
        s->findings = findings;
    }
    s->findings[s->n_findings++] = *finding;
    return FLOW_OK;
}

flow_status flow_judge_add(const flow_judge *j, flow_finding_kind kind, flow_finding finding, flow_error *err)
{
    finding.kind = kind;
    finding.column = j->column;
    finding.share = (double)finding.rows / (double)j->survey->n_rows;
    return flow_survey_add_finding(j->survey, &finding, err);
}

static int findings_in_order(const void *a, const void *b)
{
    const flow_finding *x = a, *y = b;
    int order = (x->kind > y->kind) - (x->kind < y->kind);
    order = order != 0 ? order : (x->column > y->column) - (x->column < y->column);
    order = order != 0 ? order : (x->rows < y->rows) - (x->rows > y->rows);
    return order != 0 ? order : (x->value > y->value) - (x->value < y->value);
}

void flow_survey_sort_findings(flow_survey *s)
{
    if (s->n_findings > 0)
        qsort(s->findings, s->n_findings, sizeof *s->findings, findings_in_order);
}

void flow_judge_set_aside(flow_judge *j, double value, int64_t rows)
{
    size_t n = 0;
    if (j->n_aside == FLOW_JUDGE_SET_ASIDE)
        return;
    for (size_t i = 0; i < j->n_sample; i++)
        if (j->sample[i] != value)
            j->sample[n++] = j->sample[i];
    j->n_sample = n;
    j->aside[j->n_aside++] = value;
    j->rows -= rows;
    j->distinct--;
    while (j->low < j->facts->n_lowest && value == j->facts->lowest[j->low].value)
        j->low++;
    while (j->high < j->facts->n_highest && value == j->facts->highest[j->high].value)
        j->high++;
}

double flow_judge_quantile(const flow_judge *j, double level)
{
    return j->n_sample > 0 ? gsl_stats_quantile_from_sorted_data(j->sample, 1, j->n_sample, level) : NAN;
}

/* What is set aside need not be next to each other at an end; then the sample has to do. */
static double judge_end(const flow_judge *j, const flow_survey_value *values, int n, int at, double of_sample,
                        int64_t *rows)
{
    const bool known = at < n;
    if (rows != NULL)
        *rows = known ? values[at].rows : 0;
    return known ? values[at].value : j->n_sample > 0 ? of_sample : NAN;
}

double flow_judge_least(const flow_judge *j, int64_t *rows)
{
    return judge_end(j, j->facts->lowest, j->facts->n_lowest, j->low, j->n_sample > 0 ? j->sample[0] : NAN, rows);
}

double flow_judge_most(const flow_judge *j, int64_t *rows)
{
    return judge_end(j, j->facts->highest, j->facts->n_highest, j->high,
                     j->n_sample > 0 ? j->sample[j->n_sample - 1] : NAN, rows);
}

double flow_judge_robust_deviation(const flow_judge *j)
{
    return (flow_judge_quantile(j, 0.75) - flow_judge_quantile(j, 0.25)) / 1.349; /* of a normal distribution */
}
