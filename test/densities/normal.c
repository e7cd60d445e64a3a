/* The standard normal distribution, without its constant. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "density.h"

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    (void)data;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum -= 0.5 * x[i] * x[i];
        if (gradient != NULL)
            gradient[i] = -x[i];
    }
    return sum;
}
