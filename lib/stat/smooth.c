/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stat/smooth.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#include "num/simd.h"

void flow_smooth_scores(double *scores, const double *u, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double t = 2 * u[i] - 1;
        scores[i] = sqrt(3) * t;
        scores[n + i] = sqrt(5) * 0.5 * (3 * t * t - 1);
    }
}

/* Sums of the four products, each in eight parts, so that the order of the sums is the same at every vector width. */
FLOW_MULTIVERSION
static void smooth_sums(const double *restrict u, const double *restrict v, size_t n, double sums[4])
{
    enum { PARTS = 8 };
    double parts[4][PARTS] = {{0}};
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS) {
        for (size_t k = 0; k < PARTS; k++) {
            parts[0][k] += u[i + k] * v[i + k];
            parts[1][k] += u[i + k] * v[n + i + k];
            parts[2][k] += u[n + i + k] * v[i + k];
            parts[3][k] += u[n + i + k] * v[n + i + k];
        }
    }
    for (; i < n; i++) {
        parts[0][0] += u[i] * v[i];
        parts[1][0] += u[i] * v[n + i];
        parts[2][0] += u[n + i] * v[i];
        parts[3][0] += u[n + i] * v[n + i];
    }
    for (int c = 0; c < 4; c++) {
        sums[c] = 0;
        for (size_t k = 0; k < PARTS; k++)
            sums[c] += parts[c][k];
    }
}

flow_dependence flow_smooth_dependence(const double *u, const double *v, size_t n)
{
    double sums[4], squares = 0;
    smooth_sums(u, v, n, sums);
    for (int c = 0; c < 4; c++)
        squares += sums[c] / (double)n * (sums[c] / (double)n);
    return (flow_dependence){sums[0] / (double)n, sqrt(squares), gsl_cdf_chisq_Q((double)n * squares, 4)};
}
