/* Counts. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_STAT_BINOMIAL_H
#define FLOW_STAT_BINOMIAL_H

#include <stddef.h>

/* The two-sided p-value of k successes among n, each with the probability `share`: twice the smaller tail. */
double flow_binomial_p(size_t k, size_t n, double share);

#endif
