/* The pass of a survey over the rows of a table, and what is put together at its end. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_stats.h"
#include "data/survey.h"
#include "data/survey_copies.h"
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
    flow_stats stats;
    flow_row_sample sample;
    flow_column_scan *columns;
    const char *const *names; /* borrowed */
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
    flow_row_sample_free(&s->scan->sample);
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
        status = flow_stats_init(&s->scan->stats, d, err);
    if (status != FLOW_OK) {
        flow_survey_free(s);
        *out = NULL;
        return status;
    }
    s->scan->names = names;
    s->scan->sample = (flow_row_sample){
        .d = d, .most = (size_t)pass_share(SAMPLE_VALUES, d, LEAST_SAMPLED, MOST_SAMPLED), .threshold = 1};
    for (int j = 0; j < d; j++) {
        s->columns[j].name = names[j];
        s->scan->columns[j].values.limit = s->distinct_limit;
    }
    return FLOW_OK;
}

flow_status flow_survey_add_columns(flow_survey *s, int first, int last, const double *rows, const int64_t *numbers,
                                    size_t n, flow_error *err)
{
    const size_t width = (size_t)(last - first);
    flow_stats_add(&s->scan->stats, first, last, rows, n);
    for (size_t j = 0; j < width; j++)
        FLOW_TRY(flow_column_scan_add(&s->scan->columns[(size_t)first + j], rows + j, width, numbers, n, err));
    s->n_rows += (int64_t)n;
    return FLOW_OK;
}

flow_row_sample *flow_survey_sample(const flow_survey *s)
{
    return &s->scan->sample;
}

flow_status flow_survey_add(flow_survey *s, const double *rows, const int64_t *numbers, size_t n, flow_error *err)
{
    FLOW_TRY(flow_survey_add_columns(s, 0, s->n_columns, rows, numbers, n, err));
    return flow_row_sample_add(&s->scan->sample, rows, numbers, n, err);
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
    const size_t n = s->scan->sample.n;
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
        sample[i] = s->scan->sample.rows[i * (size_t)s->n_columns + (size_t)j];
    gsl_sort(sample, 1, n);
    for (int q = 0; q < FLOW_N_QUANTILES; q++)
        c->quantiles[q] = gsl_stats_quantile_from_sorted_data(sample, 1, n, levels[q]);
    pass_fill_frequent(c, &scan->values, sample, n, s->n_rows);
}

/* The facts and findings of the columns [first, last). */
static flow_status pass_judge(flow_survey *s, int first, int last, double *sample, bool *varies, flow_error *err)
{
    for (int j = first; j < last; j++) {
        const size_t before = s->n_findings;
        pass_fill_column(s, j, sample);
        FLOW_TRY(flow_survey_judge(s, j, &s->scan->columns[j], sample, s->scan->sample.n, err));
        flow_values_free(&s->scan->columns[j].values);
        varies[j] = true;
        for (size_t i = before; i < s->n_findings; i++)
            varies[j] = varies[j] && s->findings[i].kind > FLOW_FINDING_ROW_NUMBER;
    }
    return FLOW_OK;
}

/* The findings of all ranks, in the order of their columns. `bytes` has room for two numbers of each rank. */
static flow_status pass_gather_findings(flow_survey *s, const flow_comm *comm, size_t *bytes, flow_error *err)
{
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    size_t n = 0, *counts = bytes + size;
    for (int r = 0; r < size; r++)
        bytes[r] = sizeof *bytes;
    counts[rank] = s->n_findings;
    flow_comm_gather_all(comm, &counts[rank], counts, bytes);
    for (int r = 0; r < size; r++) {
        bytes[r] = counts[r] * sizeof *s->findings;
        n += counts[r];
    }
    flow_finding *all = calloc(n + 1, sizeof *all);
    flow_status status = all != NULL ? FLOW_OK : flow_error_memory(err, "a survey of the columns");
    status = flow_comm_agree(comm, status, err);
    if (status == FLOW_OK)
        flow_comm_gather_all(comm, s->findings, all, bytes);
    s->n_findings = 0;
    for (size_t i = 0; i < n && status == FLOW_OK; i++)
        status = flow_survey_add_finding(s, &all[i], err);
    free(all);
    return status;
}

/* Each rank has judged its share of the columns. */
static flow_status pass_gather(flow_survey *s, const flow_comm *comm, bool *varies, size_t *bytes, flow_error *err)
{
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    const int64_t first = flow_share_first(s->n_columns, rank, size);
    for (int r = 0; r < size; r++)
        bytes[r] = (size_t)(flow_share_first(s->n_columns, r + 1, size) - flow_share_first(s->n_columns, r, size));
    flow_comm_gather_all(comm, varies + first, varies, bytes);
    for (int r = 0; r < size; r++)
        bytes[r] *= sizeof *s->columns;
    flow_comm_gather_all(comm, s->columns + first, s->columns, bytes);
    for (int j = 0; j < s->n_columns; j++)
        s->columns[j].name = s->scan->names[j];
    return pass_gather_findings(s, comm, bytes, err);
}

flow_status flow_survey_finish(flow_survey *s, const flow_comm *comm, flow_error *err)
{
    const flow_row_sample *rows = &s->scan->sample;
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    s->n_sampled = (int64_t)rows->n;
    double *sample = malloc((rows->n + 1) * sizeof *sample);
    bool *varies = calloc((size_t)s->n_columns, sizeof *varies);
    size_t *bytes = calloc((size_t)size, 2 * sizeof *bytes);
    flow_status status = FLOW_OK;
    if (sample == NULL || varies == NULL || bytes == NULL)
        status = flow_error_memory(err, "a survey of the columns");
    else if (s->n_rows > 0)
        status = pass_judge(s, (int)flow_share_first(s->n_columns, rank, size),
                            (int)flow_share_first(s->n_columns, rank + 1, size), sample, varies, err);
    if (status == FLOW_OK)
        status = flow_survey_count_copies(&s->n_copies, rows, s->n_rows, err);
    status = flow_comm_agree(comm, status, err);
    if (status == FLOW_OK && size > 1 && varies != NULL && bytes != NULL) /* as all ranks agree */
        status = pass_gather(s, comm, varies, bytes, err);
    if (status == FLOW_OK && s->n_rows > 0)
        status = flow_survey_find_linear(s, varies, rows->rows, rows->n, err);
    if (status == FLOW_OK)
        flow_survey_sort_findings(s);
    free(sample);
    free(varies);
    free(bytes);
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
