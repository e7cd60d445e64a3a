/* Histograms of weighted rows, of one column and of two.
 *
 * Cells are equally wide in the places of their axes. Weights may be negative. The error of a sum of weights is the
 * root of the sum of their squares. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_BINS_H
#define FLOW_DRAW_BINS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "draw/axis.h"

typedef struct flow_bins {
    flow_axis axis; /* from the first cell to the last one */
    int n;
    double *sum, *squares; /* (n), owned: of the weights, and of their squares */
    double below, above;   /* weights of rows outside of the axis; without a place: below */
    double total, total_squares;
    int64_t rows;
} flow_bins;

flow_status flow_bins_make(flow_bins *out, const flow_axis *axis, int n, flow_error *err);
void flow_bins_free(flow_bins *bins);
void flow_bins_add(flow_bins *bins, double value, double weight);
/* The values at the edges of the cells, (n + 1). */
void flow_bins_edges(const flow_bins *bins, double *edges);
/* The density (n) over the places of the axis, which integrates to the share of the weights inside, and its error; the
 * error of an empty cell is that of one row. `error` may be NULL. */
void flow_bins_density(const flow_bins *bins, double *density, double *error);

/* The number of cells that rows of this effective number are best shown in, where their central half takes the share
 * `half` of the axis, from 8 to `most`: half as many again as the rule of Freedman and Diaconis (1981) says, which is
 * for the density of one sample, while here two are compared. */
int flow_bins_choose(double effective, double half, int most);

/* Of two columns, rows of cells from below. */
typedef struct flow_cells {
    flow_axis x, y;
    int nx, ny;
    double *sum; /* (ny, nx), owned */
    double inside, inside_squares, total;
} flow_cells;

flow_status flow_cells_make(flow_cells *out, const flow_axis *x, int nx, const flow_axis *y, int ny, flow_error *err);
void flow_cells_free(flow_cells *cells);
void flow_cells_add(flow_cells *cells, double x, double y, double weight);

#endif
