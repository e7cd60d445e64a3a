/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/dataset_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

flow_status flow_stats_init(flow_stats *out, int d, flow_error *err)
{
    *out = (flow_stats){.d = d};
    size_t n = (size_t)d;
    out->mean = calloc(11 * n, sizeof *out->mean);
    if (out->mean == NULL)
        return flow_error_memory(err, "the statistics of the columns");
    out->spread = out->mean + n;
    out->least = out->mean + 2 * n;
    out->most = out->mean + 3 * n;
    out->block_mean = out->mean + 4 * n;
    out->scratch = out->mean + 5 * n;
    out->rest = out->mean + 9 * n;
    out->unit = out->mean + 10 * n;
    for (size_t j = 0; j < n; j++)
        out->unit[j] = 1;
    return FLOW_OK;
}

void flow_stats_free(flow_stats *s)
{
    free(s->mean);
    *s = (flow_stats){0};
}

/* The unit of a column whose largest value has this size. Scaling by a power of two changes no digit. */
static double stats_unit_of(double size)
{
    enum { PLAIN = 300, MOST = 1000 };
    if (size == 0)
        return 1;
    const int e = ilogb(size);
    return abs(e) < PLAIN ? 1 : ldexp(1, e < -MOST ? -MOST : e > MOST ? MOST : e);
}

/* Brings the sums so far into the units that the least and greatest values ask for. False: nothing changed. */
static bool stats_change_units(flow_stats *s)
{
    bool changed = false;
    for (size_t j = 0; j < (size_t)s->d; j++) {
        const double unit = stats_unit_of(fmax(fabs(s->least[j]), fabs(s->most[j]))), old = s->unit[j] / unit;
        if (unit == s->unit[j])
            continue;
        s->unit[j] = unit;
        s->mean[j] *= old;
        s->rest[j] *= old;
        s->spread[j] *= s->spread[j] > 0 ? old * old : 1;
        changed = true;
    }
    return changed;
}

/* Into scratch: the sum of the distances from the mean of the block (d), zero but for rounding, and of their squares
 * (d). Distances are taken from a row of the block, so that a column around 1.7e9 keeps its digits. */
static void stats_sum_block(flow_stats *s, const double *rows, size_t n)
{
    size_t d = (size_t)s->d;
    double *sum = s->scratch, *squares = s->scratch + d, *scale = s->scratch + 2 * d, *first = s->scratch + 3 * d;
    memset(s->scratch, 0, 2 * d * sizeof *s->scratch);
    for (size_t j = 0; j < d; j++) {
        scale[j] = 1 / s->unit[j];
        first[j] = rows[j] * scale[j];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            sum[j] += rows[i * d + j] * scale[j] - first[j];
    for (size_t j = 0; j < d; j++) {
        s->block_mean[j] = first[j] + sum[j] / (double)n;
        sum[j] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) {
            double x = rows[i * d + j], distance = x * scale[j] - s->block_mean[j];
            sum[j] += distance;
            squares[j] += distance * distance;
            s->least[j] = x < s->least[j] ? x : s->least[j];
            s->most[j] = x > s->most[j] ? x : s->most[j];
        }
    }
}

/* Mean and spread of the block in two passes, then Chan, Golub and LeVeque's (1983) rule for joining two samples. */
static void stats_add_moments(flow_stats *s, const double *rows, size_t n)
{
    size_t d = (size_t)s->d;
    const double *sum = s->scratch, *squares = s->scratch + d;
    do
        stats_sum_block(s, rows, n);
    while (stats_change_units(s));
    const double m = (double)n, all = s->n + m;
    for (size_t j = 0; j < d; j++) {
        double away = s->block_mean[j] - s->mean[j] + (sum[j] / m - s->rest[j]);
        s->spread[j] += squares[j] - sum[j] * sum[j] / m + away * away * (s->n / all * m);
        double step = away * (m / all) + s->rest[j], mean = s->mean[j] + step, taken = mean - s->mean[j];
        s->rest[j] = (s->mean[j] - (mean - taken)) + (step - taken); /* Knuth's exact sum */
        s->mean[j] = mean;
    }
}

void flow_stats_add(flow_stats *s, int first, int last, const double *rows, size_t n)
{
    flow_stats part = *s; /* these columns */
    if (n == 0)
        return;
    s->n += (double)n;
    if (first == last)
        return;
    part.d = last - first;
    part.unit += first;
    part.mean += first;
    part.rest += first;
    part.spread += first;
    part.least += first;
    part.most += first;
    if (part.n == 0) {
        memcpy(part.mean, rows, (size_t)part.d * sizeof *rows);
        memcpy(part.least, rows, (size_t)part.d * sizeof *rows);
        memcpy(part.most, rows, (size_t)part.d * sizeof *rows);
    }
    stats_add_moments(&part, rows, n);
}

void flow_stats_gather(flow_stats *s, const flow_comm *comm, size_t *bytes)
{
    double *const facts[] = {s->unit, s->mean, s->rest, s->spread, s->least, s->most};
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    for (int r = 0; r < size; r++)
        bytes[r] = (size_t)(flow_share_first(s->d, r + 1, size) - flow_share_first(s->d, r, size)) * sizeof **facts;
    for (size_t k = 0; k < sizeof facts / sizeof *facts; k++)
        flow_comm_gather_all(comm, facts[k] + flow_share_first(s->d, rank, size), facts[k], bytes);
}

double flow_stats_mean(const flow_stats *s, int column)
{
    return s->mean[column] * s->unit[column];
}

double flow_stats_deviation(const flow_stats *s, int column)
{
    return s->n > 1 ? sqrt(s->spread[column] / (s->n - 1)) * s->unit[column] : 0;
}

static int stats_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

flow_status flow_stats_summarize(const flow_stats *s, const flow_row_sample *sample, const char *const *names,
                                 flow_column_summary *out, flow_error *err)
{
    size_t d = (size_t)s->d, n = sample->n;
    double *values = malloc((n + 1) * sizeof *values);
    if (values == NULL)
        return flow_error_memory(err, "the statistics of the columns");
    for (size_t j = 0; j < d; j++) {
        for (size_t i = 0; i < n; i++)
            values[i] = sample->rows[i * d + j];
        qsort(values, n, sizeof *values, stats_by_value);
        size_t distinct = 0, longest = 0, run = 0;
        for (size_t i = 0; i < n; i++) {
            bool same = i > 0 && values[i] == values[i - 1];
            run = same ? run + 1 : 1;
            distinct += !same;
            longest = run > longest ? run : longest;
        }
        out[j] = (flow_column_summary){
            .name = names[j],
            .least = s->least[j],
            .most = s->most[j],
            .mean = flow_stats_mean(s, (int)j),
            .deviation = flow_stats_deviation(s, (int)j),
            .tied = n > 0 ? (double)longest / (double)n : 1,
            .distinct = n > 0 ? (double)distinct / (double)n : 0,
        };
    }
    free(values);
    return FLOW_OK;
}
