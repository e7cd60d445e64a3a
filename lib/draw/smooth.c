/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/smooth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- convolution ---- */

enum { SMOOTH_REACH = 4 }; /* the kernel ends at so many widths */

/* taps (2 reach + 1) that add up to 1: the integrals of the kernel over the cells; returns the reach, below n. */
static int smooth_taps(double *taps, double width, int n)
{
    int reach = (int)ceil(SMOOTH_REACH * width);
    reach = reach >= n ? n - 1 : reach;
    double sum = 0;
    for (int k = -reach; k <= reach; k++) {
        const double scale = 1 / (width * sqrt(2));
        taps[k + reach] = width > 0 ? erf((k + 0.5) * scale) - erf((k - 0.5) * scale) : 1;
        sum += taps[k + reach];
    }
    for (int k = 0; k <= 2 * reach; k++)
        taps[k] /= sum;
    return reach;
}

static int smooth_place(int k, int n, flow_beyond beyond)
{
    if (k >= 0 && k < n)
        return k;
    if (beyond == FLOW_BEYOND_OTHER_END)
        return k < 0 ? k + n : k - n;
    return k < 0 ? -1 - k : 2 * n - 1 - k;
}

/* Along lines of n numbers that are `stride` apart: out and in are of one line. */
static void smooth_line(double *out, const double *in, int n, size_t stride, const double *taps, int reach,
                        flow_beyond beyond)
{
    for (int k = 0; k < n; k++)
        out[(size_t)k * stride] = 0;
    for (int k = 0; k < n; k++) {
        const double value = in[(size_t)k * stride];
        if (value == 0)
            continue;
        for (int r = -reach; r <= reach; r++)
            out[(size_t)smooth_place(k + r, n, beyond) * stride] += taps[r + reach] * value;
    }
}

flow_status flow_smooth(double *out, const flow_cells *cells, const flow_kernel *kernel, flow_error *err)
{
    const int nx = cells->nx, ny = cells->ny, longest = nx > ny ? nx : ny;
    double *along_x = calloc((size_t)nx * (size_t)ny, sizeof *along_x);
    double *taps = calloc(2 * (size_t)longest + 1, sizeof *taps);
    flow_status status = along_x == NULL || taps == NULL ? flow_error_memory(err, "a density") : FLOW_OK;
    if (status == FLOW_OK) {
        int reach = smooth_taps(taps, kernel->x, nx);
        for (int j = 0; j < ny; j++)
            smooth_line(along_x + (size_t)j * (size_t)nx, cells->sum + (size_t)j * (size_t)nx, nx, 1, taps, reach,
                        kernel->beyond_x);
        reach = smooth_taps(taps, kernel->y, ny);
        for (int i = 0; i < nx; i++)
            smooth_line(out + i, along_x + i, ny, (size_t)nx, taps, reach, kernel->beyond_y);
    }
    free(along_x);
    free(taps);
    return status;
}

/* ---- the width ---- */

/* The deviation along x, or y, in cells. */
static double smooth_deviation(const flow_cells *cells, bool along_y)
{
    double sum = 0, mean = 0, squares = 0;
    for (int j = 0; j < cells->ny; j++)
        for (int i = 0; i < cells->nx; i++) {
            const double w = fmax(cells->sum[(size_t)j * (size_t)cells->nx + (size_t)i], 0);
            const double at = along_y ? j : i;
            sum += w;
            mean += w * at;
            squares += w * at * at;
        }
    mean = sum > 0 ? mean / sum : 0;
    return sum > 0 ? sqrt(fmax(squares / sum - mean * mean, 0)) : 0;
}

/* The share that a kernel of this width leaves in the cell of a row. */
static double smooth_centre(double width)
{
    return width > 0 ? erf(0.5 / (width * sqrt(2))) : 1;
}

/* The criterion: the integral of the squared density minus twice its mean at the rows, each row's own share left out.
 * In cells, whose area is 1. */
static flow_status smooth_score(double *out, double *density, const flow_cells *cells, const flow_kernel *kernel,
                                flow_error *err)
{
    const size_t n = (size_t)cells->nx * (size_t)cells->ny;
    const double sum = cells->inside, squares = cells->inside_squares;
    FLOW_TRY(flow_smooth(density, cells, kernel, err));
    double square = 0, at_rows = 0;
    for (size_t k = 0; k < n; k++) {
        square += density[k] * density[k];
        at_rows += cells->sum[k] * density[k];
    }
    at_rows -= squares * smooth_centre(kernel->x) * smooth_centre(kernel->y);
    *out = square / (sum * sum) - 2 * at_rows / (sum * sum - squares);
    return FLOW_OK;
}

flow_status flow_kernel_choose(flow_kernel *kernel, const flow_cells *cells, bool x_strips, bool y_strips,
                               flow_error *err)
{
    enum { N_FACTORS = 10 };
    static const double factors[N_FACTORS] = {1, 0.8, 0.63, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125};
    const double tolerance = 0.02, least = 0.5; /* cells: a narrower kernel shows the cells */
    const double effective = cells->inside_squares > 0 ? cells->inside * cells->inside / cells->inside_squares : 0;
    const double shrink = effective > 1 ? pow(effective, -1.0 / 6) : 1;
    const double x = x_strips ? 0 : fmax(smooth_deviation(cells, false) * shrink, least);
    const double y = y_strips ? 0 : fmax(smooth_deviation(cells, true) * shrink, least);
    kernel->x = x;
    kernel->y = y;
    kernel->factor = 1;
    if (effective < FLOW_SMOOTH_FEW || !(cells->inside > 0))
        return FLOW_OK;
    double *density = calloc((size_t)cells->nx * (size_t)cells->ny, sizeof *density), scores[N_FACTORS] = {0}, best = 0;
    flow_kernel tried[N_FACTORS];
    flow_status status = density == NULL ? flow_error_memory(err, "a density") : FLOW_OK;
    for (int k = 0; k < N_FACTORS && status == FLOW_OK; k++) {
        tried[k] = *kernel;
        tried[k].factor = factors[k];
        tried[k].x = x_strips ? 0 : fmax(x * factors[k], least);
        tried[k].y = y_strips ? 0 : fmax(y * factors[k], least);
        status = smooth_score(&scores[k], density, cells, &tried[k], err);
        best = fmin(best, scores[k]);
    }
    for (int k = 0; k < N_FACTORS && status == FLOW_OK; k++)
        if (scores[k] <= (1 - tolerance) * best) { /* the widest one that is about as good as the best */
            *kernel = tried[k];
            break;
        }
    free(density);
    return status;
}

/* ---- levels ---- */

static int smooth_compare_falling(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

flow_status flow_mass_levels(double *levels, const double *masses, int n_masses, const double *z, size_t n,
                             double total, flow_error *err)
{
    double *sorted = malloc((n > 0 ? n : 1) * sizeof *sorted);
    size_t n_sorted = 0;
    if (sorted == NULL)
        return flow_error_memory(err, "the levels of contours");
    for (size_t k = 0; k < n; k++)
        if (z[k] > 0)
            sorted[n_sorted++] = z[k];
    qsort(sorted, n_sorted, sizeof *sorted, smooth_compare_falling);
    for (int m = 0; m < n_masses; m++) {
        double sum = 0;
        size_t k = 0;
        while (k < n_sorted && sum + sorted[k] < masses[m] * total)
            sum += sorted[k++];
        levels[m] = k < n_sorted ? sorted[k] : (double)NAN;
    }
    free(sorted);
    return FLOW_OK;
}
