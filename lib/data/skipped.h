/* Rows that were skipped because a value in them is invalid: how many, for which columns, and whether they differ from
 * the others in the columns whose values they have. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SKIPPED_H
#define FLOW_DATA_SKIPPED_H

#include <stdint.h>

/* Of one column, over the skipped rows whose values are known; a ragged line has none. */
typedef struct flow_skipped_column {
    int64_t invalid;   /* rows in which it is invalid, */
    int64_t n;         /* in which it is not; of those */
    double first, sum; /* the first value, and the sum of the differences from it */
} flow_skipped_column;

/* Counts a row (d), in which invalid values are not finite. */
void flow_skipped_add(flow_skipped_column *columns, const double *row, int d);

/* Names are borrowed from the table. */
typedef struct flow_skipped {
    int64_t rows, all;   /* that were skipped, and all up to where the table was read */
    const char *column;  /* the column that is invalid in most of them; NULL: not known */
    int64_t invalid;     /* in so many */
    const char *other;   /* a column in which they clearly differ from the rows that stay; NULL: none */
    double mean, others; /* its mean in the skipped rows that have it, and in those that stay */
} flow_skipped;

/* What is known of the rows that stay. */
typedef struct flow_kept_column {
    double mean, deviation;
} flow_kept_column;

/* Fills the columns of *out. `columns` (d) may be NULL: nothing is known; so may `kept` (d). */
void flow_skipped_describe(flow_skipped *out, const flow_skipped_column *columns, const char *const *names, int d,
                           const flow_kept_column *kept);

#endif
