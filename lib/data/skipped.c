/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/skipped.h"

#include <math.h>
#include <stddef.h>

void flow_skipped_add(flow_skipped_column *columns, const double *row, int d)
{
    for (int i = 0; i < d; i++) {
        flow_skipped_column *column = &columns[i];
        if (!isfinite(row[i])) {
            column->invalid++;
            continue;
        }
        if (column->n++ == 0)
            column->first = row[i];
        column->sum += row[i] - column->first;
    }
}

/* How far the mean of the skipped rows is from that of the others, in deviations of these; 0 where it may be by
 * chance. */
static double skipped_distance(const flow_skipped_column *column, const flow_kept_column *kept)
{
    enum { LEAST_ROWS = 10 };
    static const double least = 0.2, errors = 5; /* deviations; standard errors of the mean */
    if (column->n < LEAST_ROWS || !(kept->deviation > 0))
        return 0;
    const double mean = column->first + column->sum / (double)column->n;
    const double distance = fabs(mean - kept->mean) / kept->deviation;
    return distance > least && distance * sqrt((double)column->n) > errors ? distance : 0;
}

void flow_skipped_describe(flow_skipped *out, const flow_skipped_column *columns, const char *const *names, int d,
                           const flow_kept_column *kept)
{
    double furthest = 0;
    for (int i = 0; i < d && columns != NULL; i++) {
        if (columns[i].invalid > out->invalid) {
            out->invalid = columns[i].invalid;
            out->column = names[i];
        }
        const double distance = kept != NULL ? skipped_distance(&columns[i], &kept[i]) : 0;
        if (kept != NULL && distance > furthest) {
            furthest = distance;
            out->other = names[i];
            out->mean = columns[i].first + columns[i].sum / (double)columns[i].n;
            out->others = kept[i].mean;
        }
    }
}
