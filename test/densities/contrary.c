/* Says of its dimensions what cannot be true at once. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "density.h"

const size_t log_density_dimensions = 3;
const char *const log_density_columns[] = {"a", "b", NULL};

double log_density(const double *x, double *gradient, size_t n, void *data)
{
    (void)x, (void)gradient, (void)n, (void)data;
    return 0;
}
