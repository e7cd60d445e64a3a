/* A rate above 0, an angle and a share between 0 and 1, not normalised: Gamma(2, 1), von Mises with kappa 3 around
 * the angle 3, Beta(2, 3). So log Z = log(2 pi I0(3) B(2, 3)). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "density.h"

const size_t log_density_dimensions = 3;
const char *const log_density_columns[] = {"rate", "angle", "share", NULL};

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    (void)n, (void)data;
    if (!(x[0] >= 0 && x[2] >= 0 && x[2] <= 1))
        return NAN; /* a draw outside is an error */
    if (gradient != NULL) {
        gradient[0] = 1 / x[0] - 1;
        gradient[1] = -3 * sin(x[1] - 3);
        gradient[2] = 1 / x[2] - 2 / (1 - x[2]);
    }
    return log(x[0]) - x[0] + 3 * cos(x[1] - 3) + log(x[2]) + 2 * log1p(-x[2]);
}
