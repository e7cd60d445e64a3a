/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/smooth.h"

#include <stddef.h>

#include "num/simd.h"
#include "num/vecmath.h"
#include "num/vector.h"

const char *const flow_smooth_names[] = {"tanh", "softplus", "silu", NULL};

FLOW_MULTIVERSION
static void softplus_second(int n, const real *sigmoid, real *second)
{
    for (int j = 0; j < n; j++)
        second[j] = sigmoid[j] * (1 - sigmoid[j]);
}

void flow_smooth_apply(flow_smooth kind, int rows, int n_, const real *bias, real *y, real *first, real *second)
{
    size_t n = (size_t)n_;
    switch (kind) {
    case FLOW_SMOOTH_TANH:
        flow_vec_tanh_slopes(rows, n, bias, y, first, second);
        break;
    case FLOW_SMOOTH_SILU:
        flow_vec_silu_slopes(rows, n, bias, y, first, second);
        break;
    case FLOW_SMOOTH_SOFTPLUS:
        for (int r = 0; r < rows; r++) {
            size_t at = (size_t)r * n;
            if (bias != NULL)
                flow_vec_add_value(n, bias[r], y + at);
            flow_vec_sigmoid(n, y + at, first + at);
            flow_vec_softplus(n, y + at, y + at);
            if (second != NULL)
                softplus_second(n_, first + at, second + at);
        }
        break;
    }
}
