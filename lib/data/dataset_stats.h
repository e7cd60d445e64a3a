/* Statistics of the columns of a data set, and a sample of its rows, in one pass. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_STATS_H
#define FLOW_DATA_DATASET_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "data/dataset.h"

/* Start from {0}. */
typedef struct flow_stats {
    int d;
    double n;
    double *unit;                 /* (d) a power of two; 1, but where squares of the values would be no numbers */
    double *mean, *rest;          /* (d) each; the mean in more than double precision: mean + rest, in units */
    double *spread;               /* (d) sum of squared distances from the mean, in squares of the unit */
    double *least, *most;         /* (d) each */
    double *block_mean, *scratch; /* (d), (4 d) */

    /* A sample of rows, in the order of the file: the rows whose random number, a function of the row's number alone,
     * is below `threshold`, which is halved whenever there would be more than `most_sampled`. */
    double *rows;   /* (most_sampled, d) */
    double *random; /* (most_sampled) */
    size_t n_sampled, most_sampled, capacity;
    double threshold;
} flow_stats;

flow_status flow_stats_init(flow_stats *out, int d, size_t most_sampled, flow_error *err);

/* Adds rows (n, d) with their numbers. */
flow_status flow_stats_add(flow_stats *stats, const double *rows, const int64_t *numbers, size_t n, flow_error *err);

double flow_stats_mean(const flow_stats *stats, int column);
/* The square root of the unbiased variance; 0 of one row. */
double flow_stats_deviation(const flow_stats *stats, int column);
/* Fills d summaries, which borrow the names. */
flow_status flow_stats_summarize(const flow_stats *stats, const char *const *names, flow_column_summary *out,
                                 flow_error *err);
void flow_stats_free(flow_stats *stats);

#endif
