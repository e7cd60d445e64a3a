/* Lines of equal height of a grid, by marching squares. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_CONTOUR_H
#define FLOW_DRAW_CONTOUR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Points (n) of lines; a NaN stands between two of them. Owned; flow_contour_free. */
typedef struct flow_contour {
    size_t n, capacity, y_capacity;
    double *x, *y;
} flow_contour;

/* Traces z = level over the centres of the cells of z (ny, nx), rows from below; the whole grid is the square
 * [0, 1] x [0, 1]. Higher ground is to the left of a line. `closed`: outside of the grid there is low ground, so that
 * all lines are loops, along the edge where they reach it: what FLOW_ITEM_AREA fills. A NaN is low ground. *out is to
 * be freed after an error, too. */
flow_status flow_contour_trace(flow_contour *out, const double *z, int nx, int ny, double level, bool closed,
                               flow_error *err);
void flow_contour_free(flow_contour *contour);

#endif
