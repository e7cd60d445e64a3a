/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/linear.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/cache.h"
#include "num/gemm.h"
#include "num/prefetch.h"

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

static flow_status linear_start(flow_linear *linear, int n_in, int n_out, const int *extent, flow_error *err)
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

flow_status flow_linear_configure(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                  flow_params *params, const char *name, flow_error *err)
{
    flow_status status = linear_start(linear, n_in, n_out, extent, err);
    linear->has_bias = true;
    char full[FLOW_NAME_SIZE];
    snprintf(full, sizeof full, "%.80s/weight", name);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &linear->weight, full, n_out, n_in, init, n_in, extent, err);
    snprintf(full, sizeof full, "%.80s/bias", name);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &linear->bias, full, n_out, 1, init, n_in, NULL, err);
    /* after the weights are declared, which refuses sizes that are too large */
    return status == FLOW_OK ? flow_panels_make(&linear->panels, n_in, n_out, linear->extent, err) : status;
}

flow_status flow_linear_configure_matrix(flow_linear *linear, int n_in, int n_out, const int *extent, flow_init init,
                                         flow_params *params, const char *name, flow_error *err)
{
    flow_status status = linear_start(linear, n_in, n_out, extent, err);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &linear->weight, name, n_out, n_in, init, n_in, extent, err);
    /* after the weights are declared, which refuses sizes that are too large */
    return status == FLOW_OK ? flow_panels_make(&linear->panels, n_in, n_out, linear->extent, err) : status;
}

void flow_linear_release(flow_linear *linear)
{
    free(linear->extent);
    flow_panels_release(&linear->panels);
    *linear = (flow_linear){0};
}

/* The weights of small layers stay in the cache, and what layers of some size write. */
enum { SMALL = 1 << 14, MIDDLE = 1 << 16 };

static bool is_above(const flow_linear *linear, int weights)
{
    return (int64_t)linear->n_in * linear->n_out > weights;
}

/* Whether there is room in the cache for the next `count` weights, beside what the product before them uses. */
static bool has_room(int64_t count)
{
    return count * (int64_t)sizeof(real) <= (int64_t)flow_cache_size() / 8;
}

/* Fetches the weights of panel p, while there is another product before it. */
static void fetch_panel(const flow_linear *linear, const real *w, int p)
{
    if (p >= linear->panels.n_forward || !is_above(linear, SMALL))
        return;
    const flow_panel *panel = &linear->panels.forward[p];
    size_t n_in = (size_t)linear->n_in;
    if (has_room((int64_t)panel->count * panel->depth))
        flow_prefetch(panel->count, panel->depth, w + (size_t)panel->first * n_in, (size_t)panel->stride * n_in);
}

/* Fetches the place of what a product writes, which was used in the last step. */
static void fetch_outputs(const flow_linear *linear, int rows, int n, const real *to, size_t ld)
{
    if (is_above(linear, MIDDLE))
        flow_prefetch_to_write(rows, n, to, ld);
}

static void apply_panel(const flow_linear *linear, const real *weights, int n, const flow_panel *panel, const real *x,
                        flow_activation kind, real *pre, real *y)
{
    const real *w = weights + linear->weight + (size_t)panel->first * (size_t)linear->n_in;
    fetch_outputs(linear, panel->count, n, pre + (size_t)panel->first * (size_t)n, (size_t)panel->stride * (size_t)n);
    flow_gemm(false, false, panel->count, n, panel->depth, w, panel->stride * linear->n_in, x, n, 0,
              pre + (size_t)panel->first * (size_t)n, panel->stride * n);
    assert(linear->has_bias || (kind == FLOW_ACTIVATION_NONE && pre == y));
    if (!linear->has_bias)
        return;
    int times = panel->stride == 1 ? 1 : panel->count, rows = panel->stride == 1 ? panel->count : 1;
    for (int k = 0; k < times; k++) {
        size_t unit = (size_t)panel->first + (size_t)k * (size_t)panel->stride, at = unit * (size_t)n;
        flow_activation_apply(kind, rows, n, weights + linear->bias + unit, pre + at, y + at);
    }
}

/* All units in one product. */
static void apply_at_once(const flow_linear *linear, const real *weights, int n, const real *x, flow_activation kind,
                          real *pre, real *y)
{
    flow_gemm_masked(false, linear->n_out, n, linear->n_in, weights + linear->weight, linear->n_in, linear->extent, x,
                     n, pre, n);
    assert(linear->has_bias || (kind == FLOW_ACTIVATION_NONE && pre == y));
    if (linear->has_bias)
        flow_activation_apply(kind, linear->n_out, n, weights + linear->bias, pre, y);
}

void flow_linear_apply(const flow_linear *linear, const real *weights, int n, const real *x, flow_activation kind,
                       real *pre, real *y)
{
    if (flow_gemm_is_packed(linear->n_out, n, linear->n_in)) {
        apply_at_once(linear, weights, n, x, kind, pre, y);
        return;
    }
    for (int p = 0; p < linear->panels.n_forward; p++) {
        fetch_panel(linear, weights + linear->weight, p + 1);
        apply_panel(linear, weights, n, &linear->panels.forward[p], x, kind, pre, y);
    }
}

void flow_linear_apply_units(const flow_linear *linear, const real *weights, int n, int first, int last, const real *x,
                             flow_activation kind, real *pre, real *y)
{
    flow_panel panel = {first, last - first, 1, depth_of(linear, first, last)};
    if (first < last)
        apply_panel(linear, weights, n, &panel, x, kind, pre, y);
}

/* Adds a backward panel from plane `plane` on: one product sums at most PLANES planes. */
static void add_back_panel(const flow_linear *linear, const real *w, int n, const flow_back_panel *panel, int plane,
                           const real *gpre, real *gx)
{
    enum { PLANES = 32 };
    const real *a[PLANES], *b[PLANES];
    int count = panel->planes - plane < PLANES ? panel->planes - plane : PLANES;
    for (int p = 0; p < count; p++) {
        size_t unit = (size_t)panel->first + (size_t)(plane + p) * (size_t)panel->plane;
        a[p] = w + unit * (size_t)linear->n_in + (size_t)panel->from;
        b[p] = gpre + unit * (size_t)n;
    }
    flow_gemm_sum(true, count, panel->to - panel->from, n, panel->count, a, linear->n_in, b, n,
                  panel->adds || plane > 0, gx + (size_t)panel->from * (size_t)n, n);
    if (plane + count < panel->planes)
        add_back_panel(linear, w, n, panel, plane + count, gpre, gx);
}

static void fetch_back_panel(const flow_linear *linear, const real *w, int p)
{
    if (p >= linear->panels.n_backward || !is_above(linear, SMALL))
        return;
    const flow_back_panel *panel = &linear->panels.backward[p];
    size_t n_in = (size_t)linear->n_in;
    for (int plane = 0; plane < panel->planes; plane++) {
        size_t unit = (size_t)panel->first + (size_t)plane * (size_t)panel->plane;
        if (has_room((int64_t)panel->count * (panel->to - panel->from)))
            flow_prefetch(panel->count, panel->to - panel->from, w + unit * n_in + (size_t)panel->from, n_in);
    }
}

void flow_linear_backward(const flow_linear *linear, const real *weights, int n, const real *gpre, real *gx)
{
    const real *w = weights + linear->weight;
    if (flow_gemm_is_packed(linear->n_in, n, linear->n_out)) {
        flow_gemm_masked(true, linear->n_in, n, linear->n_out, w, linear->n_in, linear->extent, gpre, n, gx, n);
        return;
    }
    for (int p = 0; p < linear->panels.n_backward; p++) {
        const flow_back_panel *panel = &linear->panels.backward[p];
        fetch_back_panel(linear, w, p + 1);
        fetch_outputs(linear, panel->to - panel->from, n, gx + (size_t)panel->from * (size_t)n, (size_t)n);
        add_back_panel(linear, w, n, panel, 0, gpre, gx);
    }
}

void flow_linear_backward_units(const flow_linear *linear, const real *weights, int n, int first, int last,
                                const real *gpre, real *gx)
{
    const real *w = weights + linear->weight + (size_t)first * (size_t)linear->n_in;
    flow_gemm(true, false, depth_of(linear, first, last), n, last - first, w, linear->n_in,
              gpre + (size_t)first * (size_t)n, n, 1, gx, n);
}
