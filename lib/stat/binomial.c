/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stat/binomial.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

double flow_binomial_p(size_t k, size_t n, double share)
{
    const double most = gsl_cdf_binomial_P((unsigned)k, share, (unsigned)n);
    const double least = k > 0 ? gsl_cdf_binomial_Q((unsigned)k - 1, share, (unsigned)n) : 1;
    return fmin(1, 2 * fmin(most, least));
}
