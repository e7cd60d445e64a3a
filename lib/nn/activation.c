/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/activation.h"

#include <stddef.h>
#include <string.h>

#include "num/simd.h"
#include "num/vecmath.h"

const char *const flow_activation_names[] = {"relu", "tanh", "elu", "silu", NULL};

bool flow_activation_keeps_input(flow_activation kind)
{
    return kind == FLOW_ACTIVATION_SILU;
}

static real relu(real x)
{
    return x < 0 ? 0 : x; /* NaN stays NaN */
}

FLOW_MULTIVERSION
static void relu_with_biases(int rows, int n, const real *bias, real *y)
{
    for (int r = 0; r < rows; r++, y += n) {
        const real b = bias[r];
        for (int j = 0; j < n; j++)
            y[j] = relu(y[j] + b);
    }
}

FLOW_MULTIVERSION
static void relu_values(size_t count, const real *pre, real *y)
{
    for (size_t j = 0; j < count; j++)
        y[j] = relu(pre[j]);
}

FLOW_MULTIVERSION
static void add_biases(int rows, int n, const real *bias, real *pre)
{
    for (int r = 0; r < rows; r++, pre += n) {
        const real b = bias[r];
        for (int j = 0; j < n; j++)
            pre[j] += b;
    }
}

void flow_activation_apply(flow_activation kind, int rows, int n, const real *bias, real *pre, real *y)
{
    size_t count = (size_t)rows * (size_t)n;
    if (kind == FLOW_ACTIVATION_RELU && y == pre) {
        relu_with_biases(rows, n, bias, y);
        return;
    }
    if (kind == FLOW_ACTIVATION_SILU) {
        flow_vec_silu(rows, (size_t)n, bias, pre, y);
        return;
    }
    add_biases(rows, n, bias, pre);
    switch (kind) {
    case FLOW_ACTIVATION_TANH:
        flow_vec_tanh(count, pre, y);
        break;
    case FLOW_ACTIVATION_ELU:
        flow_vec_elu(count, pre, y);
        break;
    case FLOW_ACTIVATION_RELU:
        relu_values(count, pre, y);
        break;
    case FLOW_ACTIVATION_SILU: /* above */
    case FLOW_ACTIVATION_NONE:
        break;
    }
}

FLOW_MULTIVERSION
static void relu_backward(size_t count, const real *y, const real *gy, real *gpre)
{
    FLOW_INDEPENDENT
    for (size_t j = 0; j < count; j++)
        gpre[j] = y[j] > 0 ? gy[j] : 0;
}

FLOW_MULTIVERSION
static void tanh_backward(size_t n, const real *y, const real *gy, real *gpre)
{
    FLOW_INDEPENDENT
    for (size_t j = 0; j < n; j++)
        gpre[j] = gy[j] * (1 - y[j] * y[j]);
}

FLOW_MULTIVERSION
static void elu_backward(size_t n, const real *y, const real *gy, real *gpre)
{
    FLOW_INDEPENDENT
    for (size_t j = 0; j < n; j++)
        gpre[j] = gy[j] * (y[j] > 0 ? 1 : y[j] + 1);
}

void flow_activation_backward(flow_activation kind, int rows, int n, const real *pre, const real *y, const real *gy,
                              real *gpre)
{
    size_t count = (size_t)rows * (size_t)n;
    switch (kind) {
    case FLOW_ACTIVATION_RELU:
        relu_backward(count, y, gy, gpre);
        break;
    case FLOW_ACTIVATION_TANH:
        tanh_backward(count, y, gy, gpre);
        break;
    case FLOW_ACTIVATION_ELU:
        elu_backward(count, y, gy, gpre);
        break;
    case FLOW_ACTIVATION_SILU:
        flow_vec_silu_backward(count, pre, y, gy, gpre);
        break;
    case FLOW_ACTIVATION_NONE:
        if (gpre != gy)
            memcpy(gpre, gy, count * sizeof *gpre);
        break;
    }
}
