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

/* With s = sigmoid(x): (x s)' = s (1 + x (1 - s)), (x s)'' = s (1 - s) (2 + x (1 - 2 s)). */
FLOW_MULTIVERSION
static void silu_second(int n, const real *x, const real *sigmoid, real *second)
{
    for (int j = 0; j < n; j++)
        second[j] = sigmoid[j] * (1 - sigmoid[j]) * (2 + x[j] * (1 - 2 * sigmoid[j]));
}

FLOW_MULTIVERSION
static void silu_first(int n, real *x, real *sigmoid)
{
    for (int j = 0; j < n; j++) {
        real s = sigmoid[j], y = x[j] * s;
        sigmoid[j] = s + y * (1 - s);
        x[j] = y;
    }
}

static void smooth_row(flow_smooth kind, int n, real *y, real *first, real *second)
{
    switch (kind) {
    case FLOW_SMOOTH_TANH: /* all rows together */
        break;
    case FLOW_SMOOTH_SOFTPLUS:
        flow_vec_sigmoid((size_t)n, y, first);
        flow_vec_softplus((size_t)n, y, y);
        if (second != NULL)
            softplus_second(n, first, second);
        break;
    case FLOW_SMOOTH_SILU:
        flow_vec_sigmoid((size_t)n, y, first);
        if (second != NULL)
            silu_second(n, y, first, second);
        silu_first(n, y, first);
        break;
    }
}

void flow_smooth_apply(flow_smooth kind, int rows, int n, const real *bias, real *y, real *first, real *second)
{
    if (kind == FLOW_SMOOTH_TANH) {
        flow_vec_tanh_slopes(rows, (size_t)n, bias, y, first, second);
        return;
    }
    for (int r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)n;
        if (bias != NULL)
            flow_vec_add_value((size_t)n, bias[r], y + at);
        smooth_row(kind, n, y + at, first + at, second != NULL ? second + at : NULL);
    }
}
