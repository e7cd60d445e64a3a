/* Statistics of the columns of a data set, in one pass. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_STATS_H
#define FLOW_DATA_DATASET_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "data/dataset.h"
#include "data/row_sample.h"

/* Start from {0}. */
typedef struct flow_stats {
    int d;
    double n;
    double *unit;                 /* (d) a power of two; 1, but where squares of the values would be no numbers */
    double *mean, *rest;          /* (d) each; the mean in more than double precision: mean + rest, in units */
    double *spread;               /* (d) sum of squared distances from the mean, in squares of the unit */
    double *least, *most;         /* (d) each */
    double *block_mean, *scratch; /* (d), (4 d) */
} flow_stats;

flow_status flow_stats_init(flow_stats *out, int d, flow_error *err);

/* Adds the columns [first, last) of a block of rows, (n, last - first). What a column gets is a function of its values
 * and of the blocks alone. */
void flow_stats_add(flow_stats *stats, int first, int last, const double *rows, size_t n);

/* Completes the columns where each rank of R has added its share of them (flow_share_first), of all rows;
 * `bytes` has room for R numbers. Collective. */
void flow_stats_gather(flow_stats *stats, const flow_comm *comm, size_t *bytes);

double flow_stats_mean(const flow_stats *stats, int column);
/* The square root of the unbiased variance; 0 of one row. */
double flow_stats_deviation(const flow_stats *stats, int column);
/* Fills d summaries, which borrow the names, from all rows and from a sample of them. */
flow_status flow_stats_summarize(const flow_stats *stats, const flow_row_sample *sample, const char *const *names,
                                 flow_column_summary *out, flow_error *err);
void flow_stats_free(flow_stats *stats);

#endif
