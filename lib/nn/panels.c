/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/panels.h"

#include <float.h>
#include <stdlib.h>

/* Products begin at multiples of STEP units. Panels have few enough of them for the activation to find what the product
 * wrote in the cache. Groups have fewer than WORK_MAX weights where that is possible, so that several threads find
 * something to do; a product of this size is as fast as a larger one. */
enum { STEP = 4, PANEL_MAX = 128, GROUP_MAX = 512, WORK_MAX = 1 << 15 };

/* How many units that see the same are worth products of their own. Measured. */
enum { PERIODIC_PASS = 4, PERIODIC_GRADIENT = 2 };

/* What the estimates are in: multiply-adds for each of n = 128 data rows, at full speed. They are fitted to
 * measurements of oneDNN 2.6 with AVX-512, for 8 to 512 rows and columns. */
static double time_of_pass(int units, int depth)
{
    return 360 + (double)units * depth;
}

/* Of a product whose result has `across` columns and `down` rows. */
static double time_of_form(int across, int down)
{
    if (down < 16) /* is multiplied where it lies; else it is packed first */
        return 300 + 1.2 * across * down;
    int vectors = (across + 15) / 16;
    double padded = 16.0 * vectors * down;
    if (across >= 128)
        return padded + 500 + 8.0 * across;
    return padded + (across <= 32 ? 1000 : across <= 48 ? 1400 : 2100);
}

static double time_of_gradient(int units, int depth, bool *transposed)
{
    double straight = time_of_form(depth, units), flipped = DBL_MAX;
    int size = units * depth;
    if (size <= FLOW_TRANSPOSED_SIZE)
        flipped = time_of_form(units, depth) + size / 8.0; /* to transpose it, once for all tiles */
    *transposed = flipped < straight;
    return *transposed ? flipped : straight;
}

/* ------------------------------------------------------------------ the division */

/* Into panels or, with `groups`, into those. */
typedef struct task {
    const flow_linear *linear;
    flow_panel whole; /* the units to divide */
    bool groups;
} task;

/* The best division of the first units, up to a multiple of STEP or to the end. */
typedef struct division {
    double time;
    int begin, depth; /* of the last part; `begin` in steps */
} division;

static int end_of(const task *t, int k)
{
    return k * STEP < t->whole.count ? k * STEP : t->whole.count;
}

static int deeper(const task *t, int begin, int end, int depth)
{
    const int *extent = t->linear->extent;
    if (extent == NULL)
        return t->linear->n_in;
    for (int k = begin; k < end; k++) {
        int unit = t->whole.first + k * t->whole.stride;
        depth = extent[unit] > depth ? extent[unit] : depth;
    }
    return depth;
}

static bool too_large(const task *t, int units, int depth)
{
    return t->groups ? units > GROUP_MAX || (double)units * depth > WORK_MAX : units > PANEL_MAX;
}

/* best[k] from those before it. */
static void find_last_part(const task *t, int k, division *best)
{
    int depth = 0;
    best[k].time = DBL_MAX;
    for (int b = k - 1; b >= 0; b--) {
        int units = end_of(t, k) - b * STEP;
        bool transposed;
        depth = deeper(t, b * STEP, end_of(t, b + 1), depth);
        if (b < k - 1 && too_large(t, units, depth))
            break;
        double time = t->groups ? time_of_gradient(units, depth, &transposed) : time_of_pass(units, depth);
        if (best[b].time + time < best[k].time)
            best[k] = (division){best[b].time + time, b, depth};
    }
}

static void add_part(flow_linear *linear, bool groups, flow_panel panel)
{
    if (!groups) {
        linear->panels[linear->n_panels++] = panel;
        return;
    }
    flow_unit_group *group = &linear->groups[linear->n_groups++];
    group->panel = panel;
    time_of_gradient(panel.count, panel.depth, &group->transposed);
}

static void divide(flow_linear *linear, flow_panel whole, bool groups, division *best)
{
    const task t = {linear, whole, groups};
    int n = (whole.count + STEP - 1) / STEP;
    best[0] = (division){0, 0, 0};
    for (int k = 1; k <= n; k++)
        find_last_part(&t, k, best);
    for (int k = n; k > 0; k = best[k].begin) {
        int begin = best[k].begin * STEP;
        add_part(linear, groups, (flow_panel){whole.first + begin * whole.stride, end_of(&t, k) - begin, whole.stride,
                                              best[k].depth});
    }
}

/* ------------------------------------------------------------------ repeating prefixes */

/* The shortest period that is there twice at least. `border` (n_out) is filled with the lengths of the longest prefixes
 * that are suffixes as well (Knuth, Morris and Pratt 1977): a hostile mask takes no longer than another. Units that all
 * see the same have no period. */
static int find_period(const flow_linear *linear, int *border)
{
    const int *extent = linear->extent;
    int n = linear->n_out;
    if (extent == NULL || n < 2)
        return 1;
    border[0] = 0;
    for (int unit = 1, length = 0; unit < n; unit++) {
        while (length > 0 && extent[unit] != extent[length])
            length = border[length - 1];
        length += extent[unit] == extent[length];
        border[unit] = length;
    }
    int period = n - border[n - 1];
    return period <= n / 2 ? period : 1;
}

/* Units that see the same by themselves, if there are `least` of them. */
static void divide_all(flow_linear *linear, bool groups, int least, division *best)
{
    int stride = linear->n_out / linear->period >= least ? linear->period : 1;
    for (int first = 0; first < stride; first++)
        divide(linear, (flow_panel){first, (linear->n_out - first + stride - 1) / stride, stride, 0}, groups, best);
}

flow_status flow_panels_make(flow_linear *linear, flow_error *err)
{
    size_t most = (size_t)linear->n_out + 1;
    division *best = malloc(most * sizeof *best);
    int *border = malloc(most * sizeof *border);
    linear->panels = malloc(most * sizeof *linear->panels);
    linear->groups = malloc(most * sizeof *linear->groups);
    bool made = best != NULL && border != NULL && linear->panels != NULL && linear->groups != NULL;
    if (made) {
        linear->period = find_period(linear, border);
        divide_all(linear, false, PERIODIC_PASS, best);
        divide_all(linear, true, PERIODIC_GRADIENT, best);
    }
    free(best);
    free(border);
    return made ? FLOW_OK : flow_error_memory(err, "the panels of a layer");
}
