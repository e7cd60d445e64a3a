/* A gradient with a mistake, as they are made: one sign. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "density.h"

const char *const log_density_columns[] = {"mass", "width", "angle", NULL};

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    (void)n, (void)data;
    if (gradient != NULL) {
        gradient[0] = -x[0];
        gradient[1] = 2 * x[1] * x[1] * x[1];
        gradient[2] = -x[2];
    }
    return -0.5 * (x[0] * x[0] + x[1] * x[1] * x[1] * x[1] + x[2] * x[2]);
}
