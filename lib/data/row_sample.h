/* A sample of the rows of a table, taken in one pass: a function of the rows and their numbers, of no seed. Internal to
 * lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_ROW_SAMPLE_H
#define FLOW_DATA_ROW_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Start from {.d, .most, .threshold = 1}. The rows are in the order of the table: those whose random number, a function
 * of the row's number alone, is below `threshold`, which is halved whenever there would be more than `most`. */
typedef struct flow_row_sample {
    int d;
    size_t n, most, capacity;
    double *rows;   /* (most, d) */
    double *random; /* (most) */
    double threshold;
} flow_row_sample;

/* Returns whether the sample takes the row. If it returns false for a row once, it also does so later. */
bool flow_row_sample_takes(const flow_row_sample *sample, int64_t number);
/* Adds those of the rows (n, d) that are taken; numbers rise. Others may have been left out before. */
flow_status flow_row_sample_add(flow_row_sample *sample, const double *rows, const int64_t *numbers, size_t n,
                                flow_error *err);
void flow_row_sample_free(flow_row_sample *sample);

#endif
