/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/bins.h"

#include <math.h>
#include <stdlib.h>

flow_status flow_bins_make(flow_bins *out, const flow_axis *axis, int n, flow_error *err)
{
    *out = (flow_bins){.axis = *axis, .n = n};
    out->sum = calloc((size_t)n, sizeof *out->sum);
    out->squares = calloc((size_t)n, sizeof *out->squares);
    return out->sum != NULL && out->squares != NULL ? FLOW_OK : flow_error_memory(err, "a histogram");
}

void flow_bins_free(flow_bins *bins)
{
    free(bins->sum);
    free(bins->squares);
    *bins = (flow_bins){0};
}

/* The cell of a share of an axis; the upper end belongs to the last one. -1: below, n: above. */
static int bins_find(double share, int n)
{
    if (!(share >= 0))
        return -1;
    return share < 1 ? (int)(share * n) : share == 1 ? n - 1 : n;
}

void flow_bins_add(flow_bins *bins, double value, double weight)
{
    const int k = bins_find(flow_axis_share(&bins->axis, value), bins->n);
    bins->rows++;
    bins->total += weight;
    bins->total_squares += weight * weight;
    if (k < 0) {
        bins->below += weight;
    } else if (k >= bins->n) {
        bins->above += weight;
    } else {
        bins->sum[k] += weight;
        bins->squares[k] += weight * weight;
    }
}

void flow_bins_edges(const flow_bins *bins, double *edges)
{
    const flow_axis *axis = &bins->axis;
    const double low = flow_axis_place(axis, axis->low), high = flow_axis_place(axis, axis->high);
    for (int k = 0; k <= bins->n; k++)
        edges[k] = flow_axis_value(axis, low + (high - low) * k / bins->n);
    edges[0] = axis->low;
    edges[bins->n] = axis->high;
}

void flow_bins_density(const flow_bins *bins, double *density, double *error)
{
    const flow_axis *axis = &bins->axis;
    const double width = (flow_axis_place(axis, axis->high) - flow_axis_place(axis, axis->low)) / bins->n;
    const double one = bins->rows > 0 ? bins->total_squares / (double)bins->rows : 0;
    for (int k = 0; k < bins->n; k++) {
        density[k] = bins->total > 0 ? bins->sum[k] / (bins->total * width) : 0;
        if (error != NULL)
            error[k] =
                bins->total > 0 ? sqrt(bins->squares[k] > 0 ? bins->squares[k] : one) / (bins->total * width) : 0;
    }
}

int flow_bins_choose(double effective, double half, int most)
{
    const double n = half > 0 && effective > 1 ? 1.5 * cbrt(effective) / (2 * half) : most;
    return n >= most ? most : n <= 8 ? 8 : (int)ceil(n);
}

flow_status flow_cells_make(flow_cells *out, const flow_axis *x, int nx, const flow_axis *y, int ny, flow_error *err)
{
    *out = (flow_cells){.x = *x, .y = *y, .nx = nx, .ny = ny};
    out->sum = calloc((size_t)nx * (size_t)ny, sizeof *out->sum);
    return out->sum != NULL ? FLOW_OK : flow_error_memory(err, "a histogram of two columns");
}

void flow_cells_free(flow_cells *cells)
{
    free(cells->sum);
    *cells = (flow_cells){0};
}

void flow_cells_add(flow_cells *cells, double x, double y, double weight)
{
    const int i = bins_find(flow_axis_share(&cells->x, x), cells->nx);
    const int j = bins_find(flow_axis_share(&cells->y, y), cells->ny);
    cells->total += weight;
    if (i < 0 || i >= cells->nx || j < 0 || j >= cells->ny)
        return;
    cells->sum[(size_t)j * (size_t)cells->nx + (size_t)i] += weight;
    cells->inside += weight;
    cells->inside_squares += weight * weight;
}
