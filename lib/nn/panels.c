/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/panels.h"

#include <float.h>
#include <stdlib.h>

/* Inputs in a patch behind a mask without order, and units that it may cover for nothing. */
enum { PATCH = 16, GAP = 16 };

/* Estimated in multiply-adds for each of n = 128 data rows at full speed: what a product costs beside them, and each
 * line of its result. Fitted to measurements of libxsmm 1.17 with AVX-512. */
static double time_of_product(int lines, int depth)
{
    return 80 + (double)lines * (depth + 1.5);
}

/* ------------------------------------------------------------------ the division */

/* The best division of the first lines. */
typedef struct division {
    double time;
    int begin, depth; /* of the last part */
} division;

/* Lines that see depth[0], depth[1], ...; best (n + 1). Returns the time of all. */
static double divide(const int *depth, int n, division *best)
{
    best[0] = (division){0, 0, 0};
    for (int k = 1; k <= n; k++) {
        int deepest = 0;
        best[k].time = DBL_MAX;
        for (int b = k - 1; b >= 0 && k - b <= FLOW_PANEL; b--) {
            deepest = depth[b] > deepest ? depth[b] : deepest;
            double time = best[b].time + time_of_product(k - b, deepest);
            if (time < best[k].time)
                best[k] = (division){time, b, deepest};
        }
    }
    return best[n].time;
}

/* ------------------------------------------------------------------ panels */

/* The shortest period that is there twice at least. `border` (n_out) is filled with the lengths of the
 * longest prefixes that are suffixes as well (Knuth, Morris and Pratt 1977): a hostile mask takes no longer than
 * another. Units that all see the same have no period. */
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

/* How many units see what unit `first` of the first period sees. */
static int count_alike(const flow_linear *linear, int first)
{
    return (linear->n_out - first + linear->period - 1) / linear->period;
}

static double time_of_periodic(const flow_linear *linear)
{
    double time = 0;
    for (int first = 0; first < linear->period; first++) {
        int count = count_alike(linear, first), more = count / FLOW_PANEL;
        time += more * time_of_product(0, 0) + time_of_product(count, linear->extent[first]);
    }
    return time;
}

static void make_periodic_panels(flow_linear *linear)
{
    for (int first = 0; first < linear->period; first++) {
        int count = count_alike(linear, first);
        for (int done = 0; done < count; done += FLOW_PANEL)
            linear->panels[linear->n_panels++] =
                (flow_panel){first + done * linear->period, count - done < FLOW_PANEL ? count - done : FLOW_PANEL,
                             linear->period, linear->extent[first]};
    }
}

/* From the last to the first, as the division is found. */
static void make_panels(flow_linear *linear, int *depth, division *best)
{
    for (int unit = 0; unit < linear->n_out; unit++)
        depth[unit] = linear->extent != NULL ? linear->extent[unit] : linear->n_in;
    double time = divide(depth, linear->n_out, best);
    if (linear->period > 1 && time_of_periodic(linear) < time) {
        make_periodic_panels(linear);
        return;
    }
    for (int k = linear->n_out; k > 0; k = best[k].begin)
        linear->panels[linear->n_panels++] = (flow_panel){best[k].begin, k - best[k].begin, 1, best[k].depth};
}

/* ------------------------------------------------------------------ patches */

/* Whether the units of a plane see more and more inputs, so that an input is seen by all from some unit on. */
static bool is_staircase(const flow_linear *linear, int n_units)
{
    for (int unit = 1; unit < n_units; unit++)
        if (linear->extent[unit] < linear->extent[unit - 1])
            return false;
    return true;
}

/* Parts of the inputs that are seen at all, each with the units that see its first one. */
static void make_stairs(flow_linear *linear, int n_units, int *depth, division *best)
{
    int n_planes = linear->n_out / n_units, n_seen = linear->extent[n_units - 1];
    for (int i = 0, unit = 0; i < n_seen; i++) {
        while (linear->extent[unit] <= i)
            unit++;
        depth[i] = (n_units - unit) * n_planes;
    }
    divide(depth, n_seen, best);
    if (n_seen < linear->n_in)
        linear->patches[linear->n_patches++] = (flow_patch){.planes = 1, .from = n_seen, .to = linear->n_in};
    for (int k = n_seen; k > 0; k = best[k].begin) {
        int count = best[k].depth / n_planes;
        linear->patches[linear->n_patches++] =
            (flow_patch){n_units - count, count, n_planes, n_units, best[k].begin, k, false};
    }
}

/* The stretches of units that see an input at or behind `from`; gaps of fewer than GAP units are not worth a product of
 * their own. */
static void make_stretches(flow_linear *linear, int from, int to)
{
    int last_live = -1, first = -1, n_before = linear->n_patches;
    for (int unit = 0; unit <= linear->n_out; unit++) {
        bool end = unit == linear->n_out;
        bool live = !end && linear->extent[unit] > from;
        if (first >= 0 && (end || (live && unit - last_live > GAP))) {
            linear->patches[linear->n_patches] =
                (flow_patch){first, last_live + 1 - first, 1, 0, from, to, linear->n_patches > n_before};
            linear->n_patches++;
            first = -1;
        }
        if (live) {
            last_live = unit;
            if (first < 0)
                first = unit;
        }
    }
    if (linear->n_patches == n_before)
        linear->patches[linear->n_patches++] = (flow_patch){.planes = 1, .from = from, .to = to};
}

static void make_patches(flow_linear *linear, int *depth, division *best)
{
    bool planes = linear->period > 1 && linear->n_out % linear->period == 0;
    int n_in = linear->n_in, n_units = planes ? linear->period : linear->n_out;
    if (linear->extent == NULL) {
        linear->patches[linear->n_patches++] = (flow_patch){0, linear->n_out, 1, 0, 0, n_in, false};
        return;
    }
    if (is_staircase(linear, n_units)) {
        make_stairs(linear, n_units, depth, best);
        return;
    }
    for (int from = 0; from < n_in; from += PATCH)
        make_stretches(linear, from, n_in - from < PATCH ? n_in : from + PATCH);
}

/* As many as there can be: a stretch has a gap behind it. */
static size_t most_patches(const flow_linear *linear)
{
    size_t stairs = (size_t)linear->n_in + 1;
    size_t stretches = ((size_t)linear->n_in / PATCH + 1) * ((size_t)linear->n_out / GAP + 2);
    return (stairs > stretches ? stairs : stretches) + 1;
}

flow_status flow_panels_make(flow_linear *linear, flow_error *err)
{
    size_t most = (size_t)(linear->n_out > linear->n_in ? linear->n_out : linear->n_in) + 1;
    division *best = malloc(most * sizeof *best);
    int *depth = calloc(most, sizeof *depth);
    linear->panels = malloc(((size_t)linear->n_out + 1) * sizeof *linear->panels);
    linear->patches = malloc(most_patches(linear) * sizeof *linear->patches);
    bool made = best != NULL && depth != NULL && linear->panels != NULL && linear->patches != NULL;
    if (made) {
        linear->period = find_period(linear, depth);
        make_panels(linear, depth, best);
        make_patches(linear, depth, best);
    }
    free(best);
    free(depth);
    return made ? FLOW_OK : flow_error_memory(err, "the panels of a layer");
}
