/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/mixing.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"

double flow_log_add(double a, double b)
{
    double most = fmax(a, b), least = fmin(a, b);
    return isnan(a) || isnan(b) ? NAN : most == -INFINITY ? most : most + log1p(exp(least - most));
}

/* Densities (n_used, n_parts) relative to the largest one of their row, and the weights v (n_used) of the rows that
 * count, over their mean. Returns n_used. */
static size_t mixing_scale(double *densities, double *v, const double *logp, const double *row_weights, size_t n,
                           int n_parts)
{
    size_t used = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double most = -INFINITY;
        for (int k = 0; k < n_parts; k++)
            most = fmax(most, logp[(size_t)k * n + i]); /* a NaN is passed over */
        if (!(row_weights[i] > 0) || !isfinite(most))
            continue;
        for (int k = 0; k < n_parts; k++) {
            const double one = logp[(size_t)k * n + i];
            densities[used * (size_t)n_parts + (size_t)k] = isnan(one) ? 0 : exp(one - most);
        }
        sum += v[used++] = row_weights[i];
    }
    for (size_t i = 0; i < used; i++)
        v[i] *= (double)used / sum;
    return used;
}

/* One step of EM; returns the largest change of a weight. */
static double mixing_step(double *weights, double *sums, const double *densities, const double *v, size_t n,
                          int n_parts)
{
    double change = 0;
    for (int k = 0; k < n_parts; k++)
        sums[k] = FLOW_MIXING_PRIOR;
    for (size_t i = 0; i < n; i++) {
        const double *p = densities + i * (size_t)n_parts;
        double sum = 0;
        for (int k = 0; k < n_parts; k++)
            sum += weights[k] * p[k];
        for (int k = 0; k < n_parts; k++)
            sums[k] += v[i] * weights[k] * p[k] / sum;
    }
    for (int k = 0; k < n_parts; k++) {
        const double next = sums[k] / ((double)n + FLOW_MIXING_PRIOR * n_parts);
        change = fmax(change, fabs(next - weights[k]));
        weights[k] = next;
    }
    return change;
}

flow_status flow_mixing_fit(double *weights, const double *logp, const double *row_weights, size_t n, int n_parts,
                            flow_error *err)
{
    enum { STEPS_MAX = 10000 };
    const double tolerance = 1e-9;
    size_t values = n;
    double *densities = flow_size_mul(&values, (size_t)n_parts) ? calloc(values + 1, sizeof *densities) : NULL;
    double *v = calloc(n + 1, sizeof *v), *sums = calloc((size_t)n_parts, sizeof *sums);
    const bool good = densities != NULL && v != NULL && sums != NULL;
    for (int k = 0; k < n_parts; k++)
        weights[k] = 1.0 / n_parts;
    if (good) {
        const size_t used = mixing_scale(densities, v, logp, row_weights, n, n_parts);
        double change = INFINITY;
        for (int step = 0; step < STEPS_MAX && change > tolerance; step++)
            change = mixing_step(weights, sums, densities, v, used, n_parts);
    }
    free(densities);
    free(v);
    free(sums);
    return good ? FLOW_OK : flow_error_memory(err, "the weights of a mixture");
}
