/* Spikes: values of a column that have a probability of their own, beside a density elsewhere. Half of the days have no
 * rain, and the amount of rain has a density.
 *
 * A spike takes a strip of its own of an opened line. Values below it stay where they are, values above it move up by
 * the width of the strip:
 *
 *     x < v:    x' = x
 *     x = v:    x' = v + noise within the strip, in [v, v + width)
 *     x > v:    x' = x + width
 *
 * A spike on the lower bound has its strip below that bound, [v - width, v), so that the values above stay in place.
 * What lies in a strip is v. So the probability of v is the integral of the density over its strip, which the mean of
 * density(x') / density of the noise estimates without bias.
 *
 * Within the line the noise is uniform, and the strip as wide as makes the density of the opened line even there.
 * Beyond a bound, where the map of bounds takes the strip to a half-line, the logarithm of the distance from the outer
 * end has a logistic distribution, cut at the bound: a bell beside what the map makes of the other values. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_SPIKES_H
#define FLOW_FLOW_COLUMN_SPIKES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/option.h"
#include "core/text.h"

typedef struct flow_spikes {
    int n;
    double at[FLOW_LIST_MAX]; /* (n), ascending */
    bool on_lower, on_upper;  /* the first is the lower bound, the last is the upper one */
    int first;                /* the number of the first one among the spikes of all columns */
} flow_spikes;

/* FLOW_SPEC for values that are outside of the bounds, or occur twice. `key` is for messages. */
flow_status flow_spikes_set(flow_spikes *out, const flow_number_list *values, double lower, double upper,
                            const char *key, flow_error *err);

/* Widths (n) that are usable before a fit. */
void flow_spikes_set_widths(const flow_spikes *spikes, double *widths);
/* Widths from n values of the column that are `stride` apart. */
flow_status flow_spikes_fit(const flow_spikes *spikes, const double *values, size_t n, size_t stride, double *widths,
                            flow_error *err);
/* Whether each strip has an extent, where the numbers are that large. */
bool flow_spikes_check(const flow_spikes *spikes, const double *widths);

/* How far the lower bound moves down, and the upper one up. */
double flow_spikes_below(const flow_spikes *spikes, const double *widths);
double flow_spikes_above(const flow_spikes *spikes, const double *widths);

/* x' of a value; u in (0, 1) chooses the place in a strip, and then *log_width gets -log of the density of the noise
 * there. Otherwise it is 0. */
double flow_spikes_open(const flow_spikes *spikes, const double *widths, double x, double u, double *log_width);
/* The value from x'. */
double flow_spikes_close(const flow_spikes *spikes, const double *widths, double x);

/* "spikes at 0, 1" */
void flow_spikes_describe(const flow_spikes *spikes, flow_text *text);

#endif
