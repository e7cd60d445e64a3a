/* Densities of two columns from a histogram of them, and the levels of their contours.
 *
 * The histogram is smoothed by a normal kernel. Its width is a factor times that of Scott's rule for two dimensions,
 * deviation n^(-1/6) (Scott 1992), which is right for a normal density and too wide for any other. Least-squares
 * cross-validation (Rudemo 1982; Bowman 1984) judges factors up to 1, and the largest one is taken whose criterion, an
 * estimate of the squared error minus the integral of the squared density, is within 2 % of the best: the criterion by
 * itself varies much from sample to sample, towards kernels that are too narrow. With few rows Scott's rule itself is
 * used: cross-validation is noise there. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_SMOOTH_H
#define FLOW_DRAW_SMOOTH_H

#include <stddef.h>

#include "draw/bins.h"

/* What lies beyond an end of an axis: nothing comes from there and nothing goes there, so that the ends mirror what is
 * inside; or the other end. */
typedef enum flow_beyond { FLOW_BEYOND_MIRROR, FLOW_BEYOND_OTHER_END } flow_beyond;

/* Kernel widths in cells along x and y; 0: none. */
typedef struct flow_kernel {
    double x, y;
    flow_beyond beyond_x, beyond_y;
    double factor; /* of Scott's rule */
} flow_kernel;

/* Below so many effective rows there is no cross-validation. */
enum { FLOW_SMOOTH_FEW = 300 };

/* Chooses the widths along the axes that are not `strips` (columns of few values). The result is 0 along those. */
flow_status flow_kernel_choose(flow_kernel *kernel, const flow_cells *cells, bool x_strips, bool y_strips,
                               flow_error *err);

/* out (ny, nx): the smoothed sums. */
flow_status flow_smooth(double *out, const flow_cells *cells, const flow_kernel *kernel, flow_error *err);

/* The height over which the densest cells of z (n) have the share `mass` of `total`; what is left where all cells
 * together have less is NaN: that contour is not within the picture. */
flow_status flow_mass_levels(double *levels, const double *masses, int n_masses, const double *z, size_t n,
                             double total, flow_error *err);

#endif
