/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/pareto.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>

/* The shape that is most likely for a given theta: the mean of log(1 - theta x). */
static double shape_of(double theta, const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log1p(-theta * x[i]);
    return sum / (double)n;
}

/* The profile log-likelihood of theta: with the most likely shape. */
static double log_profile(double theta, const double *x, size_t n)
{
    double k = shape_of(theta, x, n);
    return (double)n * (log(-theta / k) - k - 1);
}

/* The shape of exceedances x (n; ascending), from the mean of theta = -k / sigma over its profile likelihood on a grid.
 */
static double pareto_fit(const double *x, size_t n)
{
    enum { LEAST = 30, MOST = 30 + 1000 };
    int m = LEAST + (int)fmin(sqrt((double)n), MOST - LEAST);
    double quartile = x[(size_t)((double)n / 4 + 0.5) - 1], theta[MOST], weight[MOST], most = -HUGE_VAL;
    for (int j = 0; j < m; j++) {
        theta[j] = 1 / x[n - 1] + (1 - sqrt(m / (j + 0.5))) / (3 * quartile);
        weight[j] = log_profile(theta[j], x, n);
        most = fmax(most, weight[j]);
    }
    double sum = 0, mean = 0;
    for (int j = 0; j < m; j++) {
        double w = exp(weight[j] - most);
        if (isnan(w))
            continue;
        sum += w;
        mean += w * theta[j];
    }
    double k = shape_of(mean / sum, x, n);
    static const double prior = 10; /* counts as so many exceedances of shape 0.5 */
    return (k * (double)n + 0.5 * prior) / ((double)n + prior);
}

double flow_pareto_shape(double *log_weights, size_t n)
{
    size_t tail = (size_t)fmin(0.2 * (double)n, 3 * sqrt((double)n));
    if (tail < 5)
        return NAN;
    gsl_sort(log_weights, 1, n);
    double *x = log_weights + n - tail, largest = x[tail - 1], cutoff = exp(x[-1] - largest);
    if (!isfinite(largest))
        return NAN;
    for (size_t i = 0; i < tail; i++)
        x[i] = exp(x[i] - largest) - cutoff;
    if (!(x[(size_t)((double)tail / 4 + 0.5) - 1] > 0))
        return NAN;
    return pareto_fit(x, tail);
}
