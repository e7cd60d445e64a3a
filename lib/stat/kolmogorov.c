/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stat/kolmogorov.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>

/* P(K >= x) of Kolmogorov's distribution: of two series the one that converges within a few terms. */
static double kolmogorov_tail(double x)
{
    const double pi = acos(-1);
    double sum = 0;
    if (x < 0.2)
        return 1;
    if (x < 1.2) { /* 1 - sqrt(2 pi) / x sum_k exp(-(2 k - 1)^2 pi^2 / (8 x^2)) */
        for (int k = 1; k <= 9; k += 2)
            sum += exp(-k * k * pi * pi / (8 * x * x));
        return fmax(0, 1 - sqrt(2 * pi) / x * sum);
    }
    for (int k = 1; k <= 6; k++) /* 2 sum_k (-1)^(k - 1) exp(-2 k^2 x^2) */
        sum += (k % 2 == 1 ? 2 : -2) * exp(-2.0 * k * k * x * x);
    return fmin(1, sum);
}

double flow_kolmogorov_p(double distance, double n)
{
    if (!(n > 0))
        return 1;
    const double root = sqrt(n);
    return kolmogorov_tail((root + 0.12 + 0.11 / root) * distance);
}

flow_distance flow_ks_uniform(double *u, size_t n)
{
    flow_distance out = {.distance = 0};
    gsl_sort(u, 1, n);
    for (size_t i = 0; i < n; i++) {
        const double below = u[i] - (double)i / (double)n, above = (double)(i + 1) / (double)n - u[i];
        out.distance = fmax(out.distance, fmax(below, above));
    }
    out.p = flow_kolmogorov_p(out.distance, (double)n);
    return out;
}
