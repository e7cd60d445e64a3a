/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/inputs.h"

#include <string.h>
#include <tgmath.h>

#include "num/simd.h"

/* Whether some are in the part that grows by a logarithm. */
FLOW_MULTIVERSION
static bool inputs_reach_beyond(int n, const real *inputs)
{
    int beyond = 0;
    for (int j = 0; j < n; j++)
        beyond |= fabs(inputs[j]) > FLOW_INPUTS_FULL;
    return beyond != 0;
}

static void inputs_bound(int n, real *inputs)
{
    for (int j = 0; j < n; j++) {
        real beyond = fabs(inputs[j]) - FLOW_INPUTS_FULL;
        if (beyond > 0)
            inputs[j] = copysign(FLOW_INPUTS_FULL + log1p(beyond), inputs[j]);
    }
}

real *flow_inputs_put(bool periodic, int n, const real *row, real *inputs)
{
    for (int j = 0; j < n && periodic; j++) {
        inputs[j] = cos(row[j]);
        inputs[n + j] = sin(row[j]);
    }
    if (periodic)
        return inputs + 2 * (size_t)n;
    memcpy(inputs, row, (size_t)n * sizeof *row);
    if (inputs_reach_beyond(n, inputs))
        inputs_bound(n, inputs);
    return inputs + n;
}

const real *flow_inputs_backward(bool periodic, int n, const real *inputs, const real *ginputs, real *grow)
{
    for (int j = 0; j < n && periodic; j++)
        grow[j] += ginputs[n + j] * inputs[j] - ginputs[j] * inputs[n + j];
    if (periodic)
        return ginputs + 2 * (size_t)n;
    if (!inputs_reach_beyond(n, inputs)) {
        for (int j = 0; j < n; j++)
            grow[j] += ginputs[j];
        return ginputs + n;
    }
    for (int j = 0; j < n; j++) {
        real beyond = fabs(inputs[j]) - FLOW_INPUTS_FULL;
        grow[j] += beyond > 0 ? ginputs[j] * exp(-beyond) : ginputs[j];
    }
    return ginputs + n;
}
