/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/reduce.h"

#include "num/simd.h"

/* Both keep FLOW_LANES partial sums and add these pairwise. */

FLOW_MULTIVERSION
real flow_sum(int n, const real *a)
{
    real lanes[FLOW_LANES] = {0};
    for (int j = 0; j < n; j += FLOW_LANES)
        for (int k = 0; k < FLOW_LANES; k++)
            lanes[k] += a[j + k];
    for (int half = FLOW_LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            lanes[k] += lanes[k + half];
    return lanes[0];
}

FLOW_MULTIVERSION
real flow_dot(int n, const real *a, const real *b)
{
    real lanes[FLOW_LANES] = {0};
    for (int j = 0; j < n; j += FLOW_LANES)
        for (int k = 0; k < FLOW_LANES; k++)
            lanes[k] += a[j + k] * b[j + k];
    for (int half = FLOW_LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            lanes[k] += lanes[k + half];
    return lanes[0];
}
