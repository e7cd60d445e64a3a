/* A random part of the rows of a table, read once. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_RESERVOIR_H
#define FLOW_RUN_RESERVOIR_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Starts from {0}. */
typedef struct flow_reservoir {
    double *rows; /* (n, size), owned (free); the last value of each is its weight */
    size_t size, most, n;
    int64_t n_seen;
    uint64_t seed;
} flow_reservoir;

/* For `most` rows of `size` values, the weight among them. */
flow_status flow_reservoir_start(flow_reservoir *r, size_t size, size_t most, uint64_t seed, flow_error *err);

/* The next row, without its weight: each is kept with the same probability, whatever its weight (algorithm R of
 * Waterman, in Knuth 1981, 3.4.2). */
void flow_reservoir_add(flow_reservoir *r, const double *row, double weight);

/* Brings the rows into random order. */
void flow_reservoir_shuffle(flow_reservoir *r);

/* Keeps a row with the probability weight / (largest weight): what is left is a sample of the weighted distribution in
 * which all rows count the same. No weight is negative. */
void flow_reservoir_thin(flow_reservoir *r);

#endif
