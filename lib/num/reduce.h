/* Sums over the data rows of a tile, in a fixed order: the same bits at every vector width. n is a multiple of
 * FLOW_LANES.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_REDUCE_H
#define FLOW_NUM_REDUCE_H

#include "num/real.h"

/* a_0 + a_1 + ... */
real flow_sum(int n, const real *a);

/* out (m) += the sums of the rows of a (m, n) */
void flow_add_sums(int m, int n, const real *a, real *out);

/* a_0 b_0 + a_1 b_1 + ... */
real flow_dot(int n, const real *a, const real *b);

#endif
