/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_axis.h"

#include <math.h>
#include <stdlib.h>

#include "draw/bins.h"

int flow_plot_column_spike(const flow_plot_column *column, double value)
{
    for (int k = 0; k < column->n_spikes; k++)
        if (column->spikes[k] == value)
            return k;
    return -1;
}

double flow_plot_column_value(const flow_plot_column *column, double value)
{
    const double period = column->axis.high - column->axis.low;
    if (!column->periodic || (value >= column->axis.low && value <= column->axis.high))
        return value;
    return value - period * floor((value - column->axis.low) / period);
}

/* A quantile of n sorted values. */
static double axis_quantile(const double *sorted, size_t n, double level)
{
    const double place = level * (double)(n - 1);
    const size_t k = (size_t)place;
    return k + 1 < n ? sorted[k] + (place - (double)k) * (sorted[k + 1] - sorted[k]) : sorted[n - 1];
}

/* ---- values that repeat ---- */

/* Different values among the sorted ones, up to `most`; `step`: what all their distances are a multiple of, if there
 * is such a number. */
static size_t axis_count_different(const double *sorted, size_t n, size_t most, double *step)
{
    size_t different = 1;
    double least = INFINITY;
    for (size_t i = 1; i < n && different <= most; i++)
        if (sorted[i] != sorted[i - 1]) {
            different++;
            least = fmin(least, sorted[i] - sorted[i - 1]);
        }
    *step = isfinite(least) ? least : 1;
    for (size_t i = 1; i<n && * step> 0; i++) {
        const double steps = (sorted[i] - sorted[0]) / *step;
        if (fabs(steps - nearbyint(steps)) > 1e-6)
            *step = 0;
    }
    return different;
}

/* Values of a density that at least a fiftieth of the rows has each. */
static void axis_find_spikes(flow_plot_column *column, const double *sorted, size_t n)
{
    const size_t many = n / 50 > 5 ? n / 50 : 5;
    column->n_spikes = 0;
    for (size_t i = 0, run; i < n && column->n_spikes < FLOW_PLOT_SPIKES_MAX; i += run) {
        for (run = 1; i + run < n && sorted[i + run] == sorted[i];)
            run++;
        if (run >= many)
            column->spikes[column->n_spikes++] = sorted[i];
    }
}

static size_t axis_leave_spikes_out(const flow_plot_column *column, double *sorted, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (flow_plot_column_spike(column, sorted[i]) < 0)
            sorted[left++] = sorted[i];
    return left;
}

/* ---- the scale ---- */

static void axis_choose_scale(flow_axis *axis, const double *sorted, size_t n)
{
    const double low = axis_quantile(sorted, n, 0.05), high = axis_quantile(sorted, n, 0.95);
    const double quartile = axis_quantile(sorted, n, 0.75) - axis_quantile(sorted, n, 0.25);
    const double middle = axis_quantile(sorted, n, 0.5);
    const double tail = fmin(fmax(0.001, 3.0 / (double)n), 0.25); /* never that of a single value */
    const double far = axis_quantile(sorted, n, 1 - tail) - axis_quantile(sorted, n, tail);
    if (sorted[0] > 0 && high > 100 * low) {
        axis->scale = FLOW_SCALE_LOG;
    } else if (quartile > 0 && far > 30 * quartile && fabs(middle) < 3 * quartile) {
        axis->scale = FLOW_SCALE_ASINH; /* a normal distribution has 4.6 quartile distances there */
        axis->unit = pow(10, floor(log10(quartile / 2)));
    }
}

/* The places between which nearly all values are: what is farther out than a share of their extent is not shown. */
static void axis_find_range(double range[2], const flow_axis *axis, const double *sorted, size_t n, double level,
                            double beyond)
{
    level = fmin(fmax(level, 2.0 / (double)n), 0.25);
    const double least = flow_axis_place(axis, sorted[0]), most = flow_axis_place(axis, sorted[n - 1]);
    const double low = flow_axis_place(axis, axis_quantile(sorted, n, level));
    const double high = flow_axis_place(axis, axis_quantile(sorted, n, 1 - level)), extent = high - low;
    range[0] = fmax(isnan(least) ? low : least, low - beyond * extent);
    range[1] = fmin(most, high + beyond * extent);
}

static void axis_choose_range(flow_axis *axis, double *const *sorted, const size_t *n, int first,
                              const flow_plot_axis_options *o)
{
    double range[2] = {0, 0}, other[2];
    axis_find_range(range, axis, sorted[first], n[first], 0.002, 0.15);
    const double extent = range[1] - range[0], low = range[0], high = range[1];
    for (int k = first + 1; k < o->n_origins; k++) {
        if (n[k] == 0)
            continue;
        axis_find_range(other, axis, sorted[k], n[k], o->equal ? 0.002 : 0.01, o->equal ? 0.15 : 0.05);
        if (isfinite(other[0]))
            range[0] = fmin(range[0], o->equal ? other[0] : fmax(other[0], low - 0.5 * extent));
        if (isfinite(other[1]))
            range[1] = fmax(range[1], o->equal ? other[1] : fmin(other[1], high + 0.5 * extent));
    }
    double pad = 0.03 * (range[1] - range[0]);
    if (!(pad > 0)) /* one value */
        pad = fmax(fabs(range[0]) * 0.05, 1e-3);
    axis->low = flow_axis_value(axis, range[0] - pad);
    axis->high = flow_axis_value(axis, range[1] + pad);
}

/* The share of the axis that the central half of an origin takes, of that where it takes least. */
static double axis_half(const flow_axis *axis, double *const *sorted, const size_t *n, int first,
                        const flow_plot_axis_options *o)
{
    double out = 1;
    for (int k = first; k < (o->equal ? o->n_origins : first + 1); k++)
        if (n[k] > 0)
            out = fmin(out, flow_axis_share(axis, axis_quantile(sorted[k], n[k], 0.75)) -
                                flow_axis_share(axis, axis_quantile(sorted[k], n[k], 0.25)));
    return out;
}

/* ---- lattices ---- */

/* So that each value, or as many as make no more than `most` cells, is in the middle of a cell. */
static void axis_fit_lattice(flow_plot_column *column, double origin, int most)
{
    flow_axis *axis = &column->axis;
    const double step = column->step;
    double first = ceil((axis->low - origin) / step), last = floor((axis->high - origin) / step);
    first = fmin(first, last);
    const double n = last - first + 1, group = ceil(n / most), cells = ceil(n / group);
    axis->low = origin + (first - 0.5) * step;
    axis->high = origin + (first + cells * group - 0.5) * step;
    axis->whole = step == floor(step) && origin == floor(origin);
    column->n_bins = (int)cells;
    column->bars = group == 1 && n <= FLOW_PLOT_BARS_MAX;
}

void flow_plot_axis_choose(flow_plot_column *column, double *const *sorted, size_t *n, const flow_plot_axis_options *o)
{
    flow_axis *axis = &column->axis;
    const double period = o->period;
    int first = 0;
    while (first < o->n_origins && n[first] == 0)
        first++;
    *axis = (flow_axis){.label = column->name, .low = 0, .high = 1};
    column->n_bins = 8;
    if (first == o->n_origins)
        return;
    double step;
    const double *values = sorted[first];
    const size_t different = axis_count_different(values, n[first], n[first], &step);
    const double origin = values[0];
    const bool few = different <= FLOW_PLOT_BARS_MAX && n[first] >= 4 * different;
    column->periodic = period > 0;
    if (period > 0) {
        const double least = origin >= 0 ? 0 : -period / 2; /* the usual ones, else where the values begin */
        axis->low = origin >= least && values[n[first] - 1] <= least + period * (1 + 1e-6) ? least : origin;
        axis->high = axis->low + period;
    } else if (few || (step > 0 && n[first] >= 2 * different)) {
        column->step = step > 0 ? step : 0;
    } else {
        axis_find_spikes(column, values, n[first]);
        for (int k = 0; k < o->n_origins; k++)
            n[k] = axis_leave_spikes_out(column, sorted[k], n[k]);
        if (n[first] == 0)
            return;
        axis_choose_scale(axis, values, n[first]);
    }
    if (period <= 0)
        axis_choose_range(axis, sorted, n, first, o);
    column->n_bins = flow_bins_choose(o->effective, axis_half(axis, sorted, n, first, o), o->most);
    if (column->step > 0)
        axis_fit_lattice(column, origin, few ? FLOW_PLOT_BARS_MAX : o->most);
}
