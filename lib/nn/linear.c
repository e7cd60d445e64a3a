/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/linear.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/panels.h"
#include "num/gemm.h"

/* Inputs in a patch behind a mask, and units that it may cover for nothing. */
enum { PATCH = 32, GAP = 16 };

/* As many units as the same inputs must see for a patch of their own: the product is a sum over them. Measured. */
enum { PERIODIC_SUM = 8 };

static int extent_of(const flow_linear *linear, int unit)
{
    return linear->extent != NULL ? linear->extent[unit] : linear->n_in;
}

static int depth_of(const flow_linear *linear, int first, int last)
{
    int depth = 0;
    for (int unit = first; unit < last; unit++)
        if (extent_of(linear, unit) > depth)
            depth = extent_of(linear, unit);
    return depth;
}

/* The stretches of units that see an input at or behind `from`; gaps of fewer than GAP units are not worth a product of
 * their own. With patches NULL it counts. */
static int find_stretches(const flow_linear *linear, int from, int to, flow_patch *patches)
{
    int n = 0, last_live = -1, first = -1;
    for (int unit = 0; unit <= linear->n_out; unit++) {
        bool end = unit == linear->n_out;
        bool live = !end && extent_of(linear, unit) > from;
        if (first >= 0 && (end || (live && unit - last_live > GAP))) {
            if (patches != NULL)
                patches[n] = (flow_patch){first, last_live + 1 - first, 1, from, to};
            n++;
            first = -1;
        }
        if (live) {
            last_live = unit;
            if (first < 0)
                first = unit;
        }
    }
    return n;
}

static int deepest_first(const void *a, const void *b)
{
    const flow_patch *p = a, *q = b;
    return p->to != q->to ? q->to - p->to : p->first - q->first;
}

static int find_periodic_patches(const flow_linear *linear, flow_patch *patches)
{
    int period = linear->period;
    if (patches == NULL)
        return period;
    for (int first = 0; first < period; first++)
        patches[first] = (flow_patch){first, (linear->n_out - first + period - 1) / period, period, 0,
                                      linear->extent[first]};
    qsort(patches, (size_t)period, sizeof *patches, deepest_first);
    return period;
}

/* With patches NULL it counts. */
static int find_patches(const flow_linear *linear, flow_patch *patches)
{
    if (linear->period > 1 && linear->n_out / linear->period >= PERIODIC_SUM)
        return find_periodic_patches(linear, patches);
    int n = 0, width = linear->extent == NULL ? linear->n_in : PATCH;
    for (int from = 0; from < linear->n_in; from += width) {
        int to = linear->n_in - from < width ? linear->n_in : from + width;
        n += find_stretches(linear, from, to, patches == NULL ? NULL : patches + n);
    }
    return n;
}

static flow_status make_patches(flow_linear *linear, flow_error *err)
{
    linear->n_patches = find_patches(linear, NULL);
    linear->patches = malloc(((size_t)linear->n_patches + 1) * sizeof *linear->patches);
    if (linear->patches == NULL)
        return flow_error_memory(err, "the panels of a layer");
    find_patches(linear, linear->patches);
    return FLOW_OK;
}

static flow_status start(flow_linear *linear, int n_in, int n_out, const int *extent, flow_error *err)
{
    *linear = (flow_linear){.n_in = n_in, .n_out = n_out};
    if (extent == NULL)
        return FLOW_OK;
    linear->extent = malloc(((size_t)n_out + 1) * sizeof *extent);
    if (linear->extent == NULL)
        return flow_error_memory(err, "the mask of a layer");
    memcpy(linear->extent, extent, (size_t)n_out * sizeof *extent);
    return FLOW_OK;
}

/* Once the parameters are declared, which refuses sizes that no memory holds. */
static flow_status make_parts(flow_linear *linear, flow_error *err)
{
    flow_status status = flow_panels_make(linear, err);
    return status == FLOW_OK ? make_patches(linear, err) : status;
}

flow_status flow_linear_configure(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                  flow_params *params, const char *name, flow_error *err)
{
    flow_status status = start(linear, n_in, n_out, extent, err);
    linear->has_bias = true;
    char full[FLOW_NAME_SIZE];
    snprintf(full, sizeof full, "%.80s/weight", name);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &linear->weight, full, n_out, n_in, init, n_in, extent, err);
    snprintf(full, sizeof full, "%.80s/bias", name);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &linear->bias, full, n_out, 1, init, n_in, NULL, err);
    return status == FLOW_OK ? make_parts(linear, err) : status;
}

flow_status flow_linear_configure_matrix(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                         flow_params *params, const char *name, flow_error *err)
{
    flow_status status = start(linear, n_in, n_out, extent, err);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &linear->weight, name, n_out, n_in, init, n_in, extent, err);
    return status == FLOW_OK ? make_parts(linear, err) : status;
}

void flow_linear_release(flow_linear *linear)
{
    free(linear->extent);
    free(linear->panels);
    free(linear->patches);
    free(linear->groups);
    *linear = (flow_linear){0};
}

static void apply(const flow_linear *linear, const real *weights, int n, const flow_panel *panel, const real *x,
                  flow_activation kind, real *pre, real *y)
{
    const real *w = weights + linear->weight + (size_t)panel->first * (size_t)linear->n_in;
    flow_gemm(false, false, panel->count, n, panel->depth, w, panel->stride * linear->n_in, x, n, 0,
              pre + (size_t)panel->first * (size_t)n, panel->stride * n);
    assert(linear->has_bias || (kind == FLOW_ACTIVATION_NONE && pre == y));
    if (!linear->has_bias)
        return;
    int times = panel->stride == 1 ? 1 : panel->count, lines = panel->stride == 1 ? panel->count : 1;
    for (int k = 0; k < times; k++) {
        size_t unit = (size_t)panel->first + (size_t)k * (size_t)panel->stride, at = unit * (size_t)n;
        flow_activation_apply(kind, lines, n, weights + linear->bias + unit, pre + at, y + at);
    }
}

void flow_linear_apply(const flow_linear *linear, const real *weights, int n, const real *x, flow_activation kind,
                       real *pre, real *y)
{
    for (int p = 0; p < linear->n_panels; p++)
        apply(linear, weights, n, &linear->panels[p], x, kind, pre, y);
}

void flow_linear_apply_units(const flow_linear *linear, const real *weights, int n, int first, int last, const real *x,
                             flow_activation kind, real *pre, real *y)
{
    flow_panel panel = {first, last - first, 1, depth_of(linear, first, last)};
    if (first < last)
        apply(linear, weights, n, &panel, x, kind, pre, y);
}

void flow_linear_backward(const flow_linear *linear, const real *weights, int n, const real *gpre, real *gx)
{
    int done = 0; /* inputs whose gradient has been started */
    for (int p = 0; p < linear->n_patches; p++) {
        const flow_patch *patch = &linear->patches[p];
        if (patch->from > done)
            memset(gx + (size_t)done * (size_t)n, 0, (size_t)(patch->from - done) * (size_t)n * sizeof *gx);
        bool begun = patch->from < done;
        const real *w = weights + linear->weight + (size_t)patch->first * (size_t)linear->n_in + patch->from;
        flow_gemm(true, false, patch->to - patch->from, n, patch->count, w, patch->stride * linear->n_in,
                  gpre + (size_t)patch->first * (size_t)n, patch->stride * n, begun ? 1 : 0,
                  gx + (size_t)patch->from * (size_t)n, n);
        done = patch->to > done ? patch->to : done;
    }
    memset(gx + (size_t)done * (size_t)n, 0, (size_t)(linear->n_in - done) * (size_t)n * sizeof *gx);
}

void flow_linear_backward_units(const flow_linear *linear, const real *weights, int n, int first, int last,
                                const real *gpre, real *gx)
{
    const real *w = weights + linear->weight + (size_t)first * (size_t)linear->n_in;
    flow_gemm(true, false, depth_of(linear, first, last), n, last - first, w, linear->n_in,
              gpre + (size_t)first * (size_t)n, n, 1, gx, n);
}
