/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_histograms.h"

#include <math.h>
#include <stdlib.h>

enum {
    HISTOGRAM_CELLS = 96, /* of a pair, along an axis */
    HISTOGRAM_SUB = 8     /* of a value of a column of few values */
};

static int histograms_cells(const flow_plot_column *column)
{
    if (column->bars)
        return column->n_bins;
    if (column->step > 0) { /* whole steps of the lattice */
        const double values = (column->axis.high - column->axis.low) / column->step;
        return values <= HISTOGRAM_CELLS ? (int)lround(values) : column->n_bins;
    }
    return HISTOGRAM_CELLS;
}

static void histograms_take(void *context, const double *row, double weight)
{
    flow_plot_histograms *h = context;
    const int n = h->columns->n;
    double values[FLOW_PLOT_COLUMNS_MAX];
    bool is_spike[FLOW_PLOT_COLUMNS_MAX];
    h->sum += weight;
    h->squares += weight * weight;
    for (int i = 0; i < n; i++) {
        const flow_plot_column *column = &h->columns->at[i];
        const int spike = flow_plot_column_spike(column, row[column->at]);
        values[i] = flow_plot_column_value(column, row[column->at]);
        is_spike[i] = spike >= 0;
        if (spike >= 0)
            h->spikes[i][spike] += weight;
        else
            flow_bins_add(&h->bins[i], values[i], weight);
    }
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i && !is_spike[i]; j++)
            if (!is_spike[j])
                flow_cells_add(&h->cells[i][j], values[j], values[i], weight);
}

flow_status flow_plot_histograms_make(flow_plot_histograms *out, const flow_plot_columns *columns, flow_plot_rows *rows,
                                      flow_error *err)
{
    *out = (flow_plot_histograms){.columns = columns};
    for (int i = 0; i < columns->n; i++) {
        const flow_plot_column *y = &columns->at[i];
        FLOW_TRY(flow_bins_make(&out->bins[i], &y->axis, y->n_bins, err));
        for (int j = 0; j < i; j++) {
            const flow_plot_column *x = &columns->at[j];
            FLOW_TRY(
                flow_cells_make(&out->cells[i][j], &x->axis, histograms_cells(x), &y->axis, histograms_cells(y), err));
        }
    }
    return flow_plot_rows_walk(rows, histograms_take, out, err);
}

void flow_plot_histograms_free(flow_plot_histograms *h)
{
    for (int i = 0; i < FLOW_PLOT_COLUMNS_MAX; i++) {
        flow_bins_free(&h->bins[i]);
        for (int j = 0; j < i; j++)
            flow_cells_free(&h->cells[i][j]);
    }
}

/* Gives each value its sub-cells along the axes of few values. */
static flow_status density_spread(flow_plot_density *out, const double *z, const flow_cells *cells, bool x_bars,
                                  bool y_bars, flow_error *err)
{
    const int sub_x = x_bars ? HISTOGRAM_SUB : 1, sub_y = y_bars ? HISTOGRAM_SUB : 1;
    out->nx = cells->nx * sub_x;
    out->ny = cells->ny * sub_y;
    out->z = calloc((size_t)out->nx * (size_t)out->ny, sizeof *out->z);
    if (out->z == NULL)
        return flow_error_memory(err, "a density");
    for (int y = 0; y < out->ny; y++)
        for (int x = 0; x < out->nx; x++) {
            const bool in_x = !x_bars || (x % sub_x >= sub_x / 4 && x % sub_x < sub_x - sub_x / 4);
            const bool in_y = !y_bars || (y % sub_y >= sub_y / 4 && y % sub_y < sub_y - sub_y / 4);
            const double share = (x_bars ? 2.0 / sub_x : 1) * (y_bars ? 2.0 / sub_y : 1);
            if (in_x && in_y)
                out->z[(size_t)y * (size_t)out->nx + (size_t)x] =
                    share * z[(size_t)(y / sub_y) * (size_t)cells->nx + (size_t)(x / sub_x)];
        }
    return FLOW_OK;
}

flow_status flow_plot_density_make(flow_plot_density *out, const flow_plot_histograms *h, int i, int j,
                                   flow_kernel *kernel, bool choose, flow_error *err)
{
    const flow_cells *cells = &h->cells[i][j];
    const flow_plot_column *x = &h->columns->at[j], *y = &h->columns->at[i];
    double *z = calloc((size_t)cells->nx * (size_t)cells->ny, sizeof *z);
    flow_status status = z == NULL ? flow_error_memory(err, "a density") : FLOW_OK;
    *out = (flow_plot_density){.total = cells->total};
    if (status == FLOW_OK && choose) {
        kernel->beyond_x = x->periodic ? FLOW_BEYOND_OTHER_END : FLOW_BEYOND_MIRROR;
        kernel->beyond_y = y->periodic ? FLOW_BEYOND_OTHER_END : FLOW_BEYOND_MIRROR;
        status = flow_kernel_choose(kernel, cells, x->bars, y->bars, err);
    }
    if (status == FLOW_OK)
        status = flow_smooth(z, cells, kernel, err);
    if (status == FLOW_OK)
        status = density_spread(out, z, cells, x->bars, y->bars, err);
    free(z);
    return status;
}
