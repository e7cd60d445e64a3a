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

static double pareto_quartile(const double *x, size_t n)
{
    return x[(size_t)((double)n / 4 + 0.5) - 1];
}

/* theta = -k / sigma of exceedances x (n; ascending): its mean over its profile likelihood on a grid. */
static double pareto_theta(const double *x, size_t n)
{
    enum { LEAST = 30, MOST = 30 + 1000 };
    int m = LEAST + (int)fmin(sqrt((double)n), MOST - LEAST);
    double quartile = pareto_quartile(x, n), theta[MOST], weight[MOST], most = -HUGE_VAL;
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
    return mean / sum;
}

/* The shape, with a prior that counts as so many exceedances of shape 0.5. */
static double pareto_shape(const double *x, size_t n)
{
    static const double prior = 10;
    const double k = shape_of(pareto_theta(x, n), x, n);
    return (k * (double)n + 0.5 * prior) / ((double)n + prior);
}

bool flow_pareto_fit(flow_pareto *out, const double *x, size_t n)
{
    double sum = 0;
    if (n < FLOW_PARETO_LEAST || !isfinite(x[n - 1]) || !(pareto_quartile(x, n) > 0))
        return false;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    const double theta = pareto_theta(x, n), k = shape_of(theta, x, n);
    *out = k > 0 && theta < 0 ? (flow_pareto){k, -k / theta} : (flow_pareto){0, sum / (double)n};
    return true;
}

double flow_pareto_above(const flow_pareto *pareto, double x)
{
    const double k = pareto->shape, y = x / pareto->scale;
    return exp(k > 0 ? -log1p(k * y) / k : -y);
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
    if (!(pareto_quartile(x, tail) > 0))
        return NAN;
    return pareto_shape(x, tail);
}
