/* The pass of a survey over the rows of a table, and what is put together at its end. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_stats.h"
#include "data/survey.h"
#include "data/survey_judge.h"
#include "data/survey_linear.h"

enum {
    DISTINCT_VALUES = 1 << 20, /* different values of all columns that are counted: 50 MB */
    MOST_DISTINCT = 4096,
    LEAST_DISTINCT = 32,
    SAMPLE_VALUES = 1 << 21, /* 16 MB */
    MOST_SAMPLED = 1 << 15,  /* rows */
    LEAST_SAMPLED = 256
};

/* What is added up while rows come. */
typedef struct flow_survey_scan {
    flow_stats stats; /* moments, and the sample of rows */
    flow_column_scan *columns;
} flow_survey_scan;

static int64_t pass_share(int64_t all, int d, int64_t least, int64_t most)
{
    int64_t share = all / d;
    return share < least ? least : share > most ? most : share;
}

static void pass_free_scan(flow_survey *s)
{
    if (s->scan == NULL)
        return;
    for (int j = 0; s->scan->columns != NULL && j < s->n_columns; j++)
        flow_values_free(&s->scan->columns[j].values);
    flow_stats_free(&s->scan->stats);
    free(s->scan->columns);
    free(s->scan);
    s->scan = NULL;
}

flow_status flow_survey_new(flow_survey **out, int d, const char *const *names, flow_error *err)
{
    flow_survey *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return flow_error_memory(err, "a survey of the columns");
    s->n_columns = d;
    s->distinct_limit = pass_share(DISTINCT_VALUES, d, LEAST_DISTINCT, MOST_DISTINCT);
    s->columns = calloc((size_t)d, sizeof *s->columns);
    s->scan = calloc(1, sizeof *s->scan);
    if (s->scan != NULL)
        s->scan->columns = calloc((size_t)d, sizeof *s->scan->columns);
    flow_status status = FLOW_OK;
    if (s->columns == NULL || s->scan == NULL || s->scan->columns == NULL)
        status = flow_error_memory(err, "a survey of the columns");
    if (status == FLOW_OK)
        status =
            flow_stats_init(&s->scan->stats, d, (size_t)pass_share(SAMPLE_VALUES, d, LEAST_SAMPLED, MOST_SAMPLED), err);
    if (status != FLOW_OK) {
        flow_survey_free(s);
        *out = NULL;
        return status;
    }
    for (int j = 0; j < d; j++) {
        s->columns[j].name = names[j];
        s->scan->columns[j].values.limit = s->distinct_limit;
    }
    return FLOW_OK;
}

flow_status flow_survey_add(flow_survey *s, const double *rows, const int64_t *numbers, size_t n, flow_error *err)
{
    size_t d = (size_t)s->n_columns;
    FLOW_TRY(flow_stats_add(&s->scan->stats, rows, numbers, n, err));
    for (size_t j = 0; j < d; j++)
        FLOW_TRY(flow_column_scan_add(&s->scan->columns[j], rows + j, d, numbers, n, err));
    s->n_rows += (int64_t)n;
    return FLOW_OK;
}

/* ---- the end of the pass ---- */

static int pass_by_rows(const void *a, const void *b)
{
    const flow_survey_value *x = a, *y = b;
    int order = (x->rows < y->rows) - (x->rows > y->rows);
    return order != 0 ? order : (x->value > y->value) - (x->value < y->value);
}

/* Keeps the value if it is among the most frequent so far. */
static void pass_add_frequent(flow_survey_column *c, flow_survey_value value)
{
    int n = c->n_frequent;
    if (n == FLOW_SURVEY_FREQUENT && pass_by_rows(&value, &c->frequent[n - 1]) >= 0)
        return;
    for (int i = 0; i < n; i++)
        if (c->frequent[i].value == value.value)
            return;
    c->frequent[n < FLOW_SURVEY_FREQUENT ? c->n_frequent++ : n - 1] = value;
    qsort(c->frequent, (size_t)c->n_frequent, sizeof *c->frequent, pass_by_rows);
}

/* From all values; where there are many, from those that were followed, and from the sample (n, sorted). */
static void pass_fill_frequent(flow_survey_column *c, flow_values *v, const double *sample, size_t n, int64_t n_rows)
{
    const flow_survey_value *values;
    if (!v->many) {
        flow_values_sort(v, &values);
        for (int64_t i = 0; i < v->n; i++)
            pass_add_frequent(c, values[i]);
        return;
    }
    for (int i = 0; i < v->n_followed; i++)
        pass_add_frequent(c, v->followed[i]);
    for (size_t i = 0, first = 0; i < n; i++) {
        if (i + 1 < n && sample[i + 1] == sample[i])
            continue;
        int64_t rows = (int64_t)((double)(i + 1 - first) / (double)n * (double)n_rows);
        if (i > first)
            pass_add_frequent(c, (flow_survey_value){sample[i], rows, -1});
        first = i + 1;
    }
}

static void pass_fill_column(flow_survey *s, int j, double *sample)
{
    static const double levels[FLOW_N_QUANTILES] = {0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999};
    flow_survey_column *c = &s->columns[j];
    flow_column_scan *scan = &s->scan->columns[j];
    const flow_stats *stats = &s->scan->stats;
    const size_t n = stats->n_sampled;
    c->least = stats->least[j];
    c->most = stats->most[j];
    c->mean = flow_stats_mean(stats, j);
    c->deviation = flow_stats_deviation(stats, j);
    memcpy(c->lowest, scan->lowest, sizeof c->lowest);
    memcpy(c->highest, scan->highest, sizeof c->highest);
    c->n_lowest = scan->n_lowest;
    c->n_highest = scan->n_highest;
    c->distinct = scan->values.n;
    c->many = scan->values.many;
    c->step = flow_lattice_step(&scan->lattice);
    c->whole = scan->whole;
    for (size_t i = 0; i < n; i++)
        sample[i] = stats->rows[i * (size_t)s->n_columns + (size_t)j];
    gsl_sort(sample, 1, n);
    for (int q = 0; q < FLOW_N_QUANTILES; q++)
        c->quantiles[q] = gsl_stats_quantile_from_sorted_data(sample, 1, n, levels[q]);
    pass_fill_frequent(c, &scan->values, sample, n, s->n_rows);
}

static flow_status pass_judge(flow_survey *s, double *sample, bool *varies, flow_error *err)
{
    const flow_stats *stats = &s->scan->stats;
    for (int j = 0; j < s->n_columns; j++) {
        const size_t before = s->n_findings;
        pass_fill_column(s, j, sample);
        FLOW_TRY(flow_survey_judge(s, j, &s->scan->columns[j], sample, stats->n_sampled, err));
        flow_values_free(&s->scan->columns[j].values);
        varies[j] = true;
        for (size_t i = before; i < s->n_findings; i++)
            varies[j] = varies[j] && s->findings[i].kind > FLOW_FINDING_ROW_NUMBER;
    }
    return flow_survey_find_linear(s, varies, stats->rows, stats->n_sampled, err);
}

flow_status flow_survey_finish(flow_survey *s, flow_error *err)
{
    s->n_sampled = (int64_t)s->scan->stats.n_sampled;
    double *sample = malloc((s->scan->stats.n_sampled + 1) * sizeof *sample);
    bool *varies = calloc((size_t)s->n_columns, sizeof *varies);
    flow_status status = FLOW_OK;
    if (sample == NULL || varies == NULL)
        status = flow_error_memory(err, "a survey of the columns");
    else if (s->n_rows > 0)
        status = pass_judge(s, sample, varies, err);
    if (status == FLOW_OK)
        flow_survey_sort_findings(s);
    free(sample);
    free(varies);
    pass_free_scan(s);
    return status;
}

void flow_survey_free(flow_survey *s)
{
    if (s == NULL)
        return;
    pass_free_scan(s);
    for (size_t i = 0; i < s->n_findings; i++)
        free((void *)s->findings[i].terms);
    free(s->findings);
    free(s->columns);
    free(s);
}

const flow_finding *flow_survey_find(const flow_survey *s, flow_finding_kind kind, int column)
{
    size_t low = 0, high = s->n_findings;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const flow_finding *f = &s->findings[middle];
        if (f->kind < kind || (f->kind == kind && f->column < column))
            low = middle + 1;
        else
            high = middle;
    }
    const flow_finding *found = low < s->n_findings ? &s->findings[low] : NULL;
    return found != NULL && found->kind == kind && found->column == column ? found : NULL;
}

double flow_survey_tied(const flow_survey *s, int column)
{
    const flow_survey_column *c = &s->columns[column];
    return (double)(c->n_frequent > 0 ? c->frequent[0].rows : 1) / (double)s->n_rows;
}
