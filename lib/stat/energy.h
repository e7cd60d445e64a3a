/* The energy distance between two samples of points, 2 E|X - Y| - E|X - X'| - E|Y - Y'|: 0 where their distributions
 * are the same, and positive where they are not (Szekely and Rizzo 2004). Its p-value is that of permutations: the
 * points are dealt into two samples of the same sizes again and again. They stop early where enough of them have a
 * larger distance, which keeps the p-value exact (Besag and Clifford 1991). The cost grows with the square of the
 * number of points.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_STAT_ENERGY_H
#define FLOW_STAT_ENERGY_H

#include <stdint.h>

#include "core/error.h"
#include "num/real.h"
#include "stat/kolmogorov.h"

enum { FLOW_ENERGY_POINTS_MAX = 4096 };

/* points (n + m, d), row-major: those of the first sample, then those of the second, n + m up to
 * FLOW_ENERGY_POINTS_MAX. The permutations (`most` or fewer) are functions of the seed. */
flow_status flow_energy_test(flow_distance *out, const double *points, size_t n, size_t m, size_t d, int most,
                             uint64_t seed, flow_error *err);

#endif
