/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_copies.h"

#include <gsl/gsl_sort.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"

static int copies_by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t copies_hash(const double *row, int d)
{
    uint64_t hash = 0;
    for (int j = 0; j < d; j++) {
        const double value = row[j] + 0.0; /* -0 is 0 */
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        hash = flow_rng_mix(hash ^ bits);
    }
    return hash;
}

/* The rows that are equal to an earlier one, and the pairs of equal rows. */
static size_t copies_count(const uint64_t *rows, size_t n, double *pairs)
{
    size_t copies = 0;
    *pairs = 0;
    for (size_t i = 1, equal = 0; i < n; i++) {
        equal = rows[i] == rows[i - 1] ? equal + 1 : 0;
        copies += equal > 0;
        *pairs += (double)equal;
    }
    return copies;
}

/* The pairs of rows that have the same value in the column in which there are the fewest. */
static double copies_least_pairs(const flow_row_sample *s, double *values)
{
    double least = -1;
    for (int j = 0; j < s->d && least != 0; j++) {
        double pairs = 0;
        for (size_t i = 0; i < s->n; i++)
            values[i] = s->rows[i * (size_t)s->d + (size_t)j];
        gsl_sort(values, 1, s->n);
        for (size_t i = 1, equal = 0; i < s->n; i++) {
            equal = values[i] == values[i - 1] ? equal + 1 : 0;
            pairs += (double)equal;
        }
        least = least < 0 || pairs < least ? pairs : least;
    }
    return least;
}

flow_status flow_survey_count_copies(int64_t *out, const flow_row_sample *s, int64_t n_rows, flow_error *err)
{
    enum { FEWEST = 10, TIMES_CHANCE = 10 };
    static const double least_share = 0.01;
    *out = 0;
    if (s->d < 2 || s->n < FEWEST)
        return FLOW_OK;
    uint64_t *rows = malloc(s->n * sizeof *rows);
    double *values = malloc(s->n * sizeof *values);
    if (rows == NULL || values == NULL) {
        free(rows);
        free(values);
        return flow_error_memory(err, "a survey of the rows");
    }
    for (size_t i = 0; i < s->n; i++)
        rows[i] = copies_hash(s->rows + i * (size_t)s->d, s->d);
    qsort(rows, s->n, sizeof *rows, copies_by_hash);
    double pairs;
    const size_t copies = copies_count(rows, s->n, &pairs);
    /* both rows of a pair have to be in the sample */
    const double share = (double)copies / (double)s->n * ((double)n_rows / (double)s->n);
    if (copies >= FEWEST && share > least_share &&
        pairs >= TIMES_CHANCE * (copies_least_pairs(s, values) - pairs))
        *out = (int64_t)copies;
    free(rows);
    free(values);
    return FLOW_OK;
}
