/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/periodic.h"

#include <string.h>
#include <tgmath.h>

real *flow_periodic_inputs(bool periodic, int n, const real *row, real *inputs)
{
    if (!periodic) {
        memcpy(inputs, row, (size_t)n * sizeof *row);
        return inputs + n;
    }
    for (int j = 0; j < n; j++) {
        inputs[j] = cos(row[j]);
        inputs[n + j] = sin(row[j]);
    }
    return inputs + 2 * (size_t)n;
}

const real *flow_periodic_inputs_backward(bool periodic, int n, const real *row, const real *ginputs, real *grow)
{
    for (int j = 0; j < n && !periodic; j++)
        grow[j] += ginputs[j];
    for (int j = 0; j < n && periodic; j++)
        grow[j] += ginputs[n + j] * cos(row[j]) - ginputs[j] * sin(row[j]);
    return ginputs + (periodic ? 2 : 1) * (size_t)n;
}

double flow_periodic_difference(double a, double b, double period)
{
    return period > 0 ? remainder(a - b, period) : a - b;
}
