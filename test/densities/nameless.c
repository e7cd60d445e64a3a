/* A library that is no density. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
double logdensity(const double *x);

double logdensity(const double *x)
{
    return x[0];
}
