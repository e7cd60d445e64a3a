/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/reduce.h"

#include <assert.h>

#include "num/simd.h"

/* All functions keep FLOW_LANES partial sums and add these in pairs. */

static inline real sum_lanes(real *lanes)
{
    for (int k = 0; k < 8; k++)
        lanes[k] += lanes[k + 8];
    for (int k = 0; k < 4; k++)
        lanes[k] += lanes[k + 4];
    for (int k = 0; k < 2; k++)
        lanes[k] += lanes[k + 2];
    return lanes[0] + lanes[1];
}

static_assert(FLOW_LANES == 16, "sum_lanes adds so many");

FLOW_MULTIVERSION
void flow_add_sums(int m, int n, const real *restrict a, real *restrict out)
{
    for (int i = 0; i < m; i++, a += n) {
        real lanes[FLOW_LANES] = {0};
        for (int j = 0; j < n; j += FLOW_LANES)
            for (int k = 0; k < FLOW_LANES; k++)
                lanes[k] += a[j + k];
        out[i] += sum_lanes(lanes);
    }
}

FLOW_MULTIVERSION
real flow_dot(int n, const real *a, const real *b)
{
    real lanes[FLOW_LANES] = {0};
    for (int j = 0; j < n; j += FLOW_LANES)
        for (int k = 0; k < FLOW_LANES; k++)
            lanes[k] += a[j + k] * b[j + k];
    return sum_lanes(lanes);
}

real flow_sum(int n, const real *a)
{
    real sum = 0;
    flow_add_sums(1, n, a, &sum);
    return sum;
}
