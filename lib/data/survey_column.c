/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_column.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "num/rng.h"

/* Counts `value`, whose distance from the far end is falling in `at` (n values; `sign` 1: rising). */
static void extremes_add(flow_survey_value *at, int *n, double sign, double value, int64_t row)
{
    int i = *n;
    while (i > 0 && sign * value < sign * at[i - 1].value)
        i--;
    if (i > 0 && at[i - 1].value == value) {
        at[i - 1].rows++;
        return;
    }
    if (i == FLOW_SURVEY_EXTREMES)
        return;
    *n += *n < FLOW_SURVEY_EXTREMES;
    memmove(at + i + 1, at + i, (size_t)(*n - i - 1) * sizeof *at);
    at[i] = (flow_survey_value){value, 1, row};
}

static void column_add_to_sequence(flow_column_scan *s, double value, int64_t number)
{
    double expected = s->last + s->step * (double)(number - s->last_number);
    double rounding = 4 * DBL_EPSILON * fmax(fabs(value), fabs(s->last));
    if (s->n > 1 && fabs(value - expected) > 1e-3 * fabs(s->step) + rounding)
        s->in_sequence = false;
    s->step = (value - s->first) / (double)(number - s->first_number);
    s->in_sequence = s->in_sequence && number > s->last_number && fabs(s->step) > 2 * rounding;
    s->last = value;
    s->last_number = number;
}

static uint64_t column_hash(double value)
{
    return flow_rng_mix((uint64_t)(int64_t)value);
}

flow_status flow_column_scan_add(flow_column_scan *s, const double *values, size_t stride, const int64_t *numbers,
                                 size_t n, flow_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const double value = values[i * stride];
        if (s->n == 0) {
            s->first = s->last = value;
            s->first_number = s->last_number = numbers[i];
            s->whole = s->in_sequence = true;
        } else if (s->in_sequence) {
            column_add_to_sequence(s, value, numbers[i]);
        }
        s->whole = s->whole && fabs(value) < 0x1p53 && value == nearbyint(value);
        if (s->whole)
            s->hashes += column_hash(value);
        if (s->n_lowest < FLOW_SURVEY_EXTREMES || value <= s->lowest[FLOW_SURVEY_EXTREMES - 1].value)
            extremes_add(s->lowest, &s->n_lowest, 1, value, numbers[i]);
        if (s->n_highest < FLOW_SURVEY_EXTREMES || value >= s->highest[FLOW_SURVEY_EXTREMES - 1].value)
            extremes_add(s->highest, &s->n_highest, -1, value, numbers[i]);
        flow_lattice_add(&s->lattice, value);
        FLOW_TRY(flow_values_add(&s->values, value, numbers[i], err));
        s->n++;
    }
    return FLOW_OK;
}

bool flow_column_scan_is_permutation(const flow_column_scan *s)
{
    if (s->n == 0 || !s->whole || s->highest[0].value - s->lowest[0].value != (double)(s->n - 1))
        return false;
    uint64_t hashes = 0;
    for (int64_t i = 0; i < s->n; i++)
        hashes += column_hash(s->lowest[0].value + (double)i);
    return hashes == s->hashes;
}
