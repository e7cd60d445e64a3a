/* The Rosenbrock density of Goodman and Weare (2010, "Ensemble samplers with affine invariance", eq. 30), a thin curved
 * ridge: exp(-(100 (y - x^2)^2 + (1 - x)^2) / 20). Not normalised: Z = 2 pi, log Z = 1.8379. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "density.h"

const size_t log_density_dimensions = 2;
const char *const log_density_columns[] = {"x", "y", NULL};

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    (void)n, (void)data;
    double off = x[1] - x[0] * x[0], along = 1 - x[0];
    if (gradient != NULL) {
        gradient[0] = 20 * off * x[0] + along / 10;
        gradient[1] = -10 * off;
    }
    return -5 * off * off - along * along / 20;
}
