/* A correlated Gaussian in any number of dimensions, not normalised: y = B (x - m) with ones on the diagonal of B and
 * -0.6 below it, and log density = -|y / s|^2 / 2. So log Z = sum log s + n log(2 pi) / 2. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "density.h"

typedef struct gaussian {
    size_t n;
    double *mean, *deviation;
} gaussian;

void *log_density_new(size_t n)
{
    gaussian *g = malloc(sizeof *g);
    *g = (gaussian){.n = n, .mean = malloc(2 * n * sizeof(double))};
    g->deviation = g->mean + n;
    for (size_t i = 0; i < n; i++) {
        g->mean[i] = 0.5 * (double)i - 0.7;
        g->deviation[i] = 0.5 + 0.3 * (double)i;
    }
    return g;
}

void log_density_free(void *data)
{
    gaussian *g = data;
    free(g->mean);
    free(g);
}

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    const gaussian *g = data;
    double sum = 0, before = 0;
    if (g->n != n)
        abort();
    for (size_t i = 0; i < n; i++) {
        double off = x[i] - g->mean[i], y = off - 0.6 * before, scaled = y / (g->deviation[i] * g->deviation[i]);
        sum -= 0.5 * y * scaled;
        if (gradient != NULL) {
            gradient[i] = -scaled;
            if (i > 0)
                gradient[i - 1] += 0.6 * scaled;
        }
        before = off;
    }
    return sum;
}
