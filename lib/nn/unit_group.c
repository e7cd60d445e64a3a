/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/unit_group.h"

#include <float.h>
#include <stdlib.h>

/* Groups begin at multiples of STEP units. They end before WORK_MAX weights where that is possible, so that several
 * threads find something to do; a product of this size is as fast as a larger one. */
enum { STEP = 4, UNITS_MAX = 512, WORK_MAX = 1 << 15 };

/* The time of a product whose result has `across` columns and `down` rows, in multiply-adds for each of the n = 128
 * data rows at full speed. Fitted to measurements of oneDNN 2.6 with AVX-512 for 8 to 512 columns and rows. */
static double time_of_form(int across, int down)
{
    if (down < 16) /* is multiplied where it lies; else it is packed first */
        return 300 + 1.2 * across * down;
    double padded = (double)((across + 15) / 16 * 16) * down;
    if (across >= 128)
        return padded + 500 + 8.0 * across;
    return padded + (across <= 32 ? 1000 : across <= 48 ? 1400 : 2100);
}

static double time_of(int units, int depth, bool *transposed)
{
    double straight = time_of_form(depth, units), flipped = DBL_MAX;
    int size = units * depth;
    if (size <= FLOW_TRANSPOSED_SIZE)
        flipped = time_of_form(units, depth) + size / 8.0; /* to transpose it, once for all tiles */
    *transposed = flipped < straight;
    return *transposed ? flipped : straight;
}

/* The best division of the first units of a panel, up to a multiple of STEP or to its end. */
typedef struct division {
    double time;
    int begin; /* of its last group */
    int depth; /* of that */
} division;

static int end_of(int k, int count)
{
    return k * STEP < count ? k * STEP : count;
}

static int depth_between(const flow_linear *linear, const flow_panel *panel, int begin, int end, int depth)
{
    if (linear->extent == NULL)
        return linear->n_in;
    for (int k = begin; k < end; k++) {
        int extent = linear->extent[panel->first + k * panel->stride];
        depth = extent > depth ? extent : depth;
    }
    return depth;
}

/* best[k] from those before it. */
static void find_last_group(const flow_linear *linear, const flow_panel *panel, int k, division *best)
{
    int end = end_of(k, panel->count), depth = 0;
    best[k].time = DBL_MAX;
    for (int b = k - 1; b >= 0 && end - b * STEP <= UNITS_MAX; b--) {
        bool transposed;
        depth = depth_between(linear, panel, b * STEP, end_of(b + 1, panel->count), depth);
        if (b < k - 1 && (double)(end - b * STEP) * depth > WORK_MAX)
            break;
        double time = best[b].time + time_of(end - b * STEP, depth, &transposed);
        if (time < best[k].time)
            best[k] = (division){time, b, depth};
    }
}

static void divide(flow_linear *linear, const flow_panel *panel, division *best)
{
    int n = (panel->count + STEP - 1) / STEP;
    best[0] = (division){0, 0, 0};
    for (int k = 1; k <= n; k++)
        find_last_group(linear, panel, k, best);
    for (int k = n; k > 0; k = best[k].begin) {
        int begin = best[k].begin * STEP;
        flow_unit_group *group = &linear->groups[linear->n_groups++];
        group->panel = (flow_panel){panel->first + begin * panel->stride, end_of(k, panel->count) - begin,
                                    panel->stride, best[k].depth};
        time_of(group->panel.count, group->panel.depth, &group->transposed);
    }
}

flow_status flow_unit_groups_make(flow_linear *linear, flow_error *err)
{
    size_t most = (size_t)linear->n_out + 2;
    division *best = malloc(most * sizeof *best);
    linear->groups = malloc(most * sizeof *linear->groups);
    if (best != NULL && linear->groups != NULL) {
        const flow_panel all = {0, linear->n_out, 1, linear->n_in};
        for (int p = 0; p < linear->n_panels && linear->period > 1; p++)
            divide(linear, &linear->panels[p], best);
        if (linear->period == 1)
            divide(linear, &all, best);
    }
    bool made = best != NULL && linear->groups != NULL;
    free(best);
    return made ? FLOW_OK : flow_error_memory(err, "the groups of a layer");
}
