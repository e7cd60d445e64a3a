/* Neal's funnel (Neal 2003, "Slice sampling", section 8) in 10 dimensions: v ~ N(0, 3^2), and given v, x1 to x9 are
 * independent and N(0, exp(v)). It is normalised: log Z = 0. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "density.h"

const size_t log_density_dimensions = 10;
const char *const log_density_columns[] = {"v", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", NULL};

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    const double half_log_2pi = 0.91893853320467274178, deviation = 3;
    (void)data;
    double v = x[0], precision = exp(-v), squares = 0, rest = (double)(n - 1);
    for (size_t i = 1; i < n; i++)
        squares += x[i] * x[i];
    if (gradient != NULL) {
        gradient[0] = -v / (deviation * deviation) + 0.5 * (precision * squares - rest);
        for (size_t i = 1; i < n; i++)
            gradient[i] = -precision * x[i];
    }
    return -0.5 * v * v / (deviation * deviation) - log(deviation) - 0.5 * (precision * squares + rest * v) -
           half_log_2pi * (double)n;
}
