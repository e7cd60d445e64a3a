/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/activation.h"

#include <stddef.h>

#include "num/simd.h"
#include "num/vecmath.h"
#include "num/vector.h"

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
    add_biases(rows, n, bias, pre);
    switch (kind) {
    case FLOW_ACTIVATION_TANH:
        flow_vec_tanh(count, pre, y);
        break;
    case FLOW_ACTIVATION_ELU:
        flow_vec_elu(count, pre, y);
        break;
    case FLOW_ACTIVATION_SILU:
        flow_vec_sigmoid(count, pre, y);
        flow_vec_multiply(count, y, pre, y);
        break;
    case FLOW_ACTIVATION_RELU:
        relu_values(count, pre, y);
        break;
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
static void tanh_backward(int n, const real *y, const real *gy, real *gpre)
{
    for (int j = 0; j < n; j++)
        gpre[j] = gy[j] * (1 - y[j] * y[j]);
}

FLOW_MULTIVERSION
static void elu_backward(int n, const real *y, const real *gy, real *gpre)
{
    for (int j = 0; j < n; j++)
        gpre[j] = gy[j] * (y[j] > 0 ? 1 : y[j] + 1);
}

/* With s = sigmoid(x) and y = x s: dy/dx = s + y (1 - s). */
FLOW_MULTIVERSION
static void silu_backward(int n, const real *sigmoid, const real *y, const real *gy, real *gpre)
{
    for (int j = 0; j < n; j++)
        gpre[j] = gy[j] * (sigmoid[j] + y[j] * (1 - sigmoid[j]));
}

void flow_activation_backward(flow_activation kind, int rows, int n, const real *pre, const real *y, const real *gy,
                              real *gpre)
{
    size_t count = (size_t)rows * (size_t)n;
    if (kind == FLOW_ACTIVATION_RELU) {
        relu_backward(count, y, gy, gpre);
        return;
    }
    for (size_t first = 0; first < count; first += FLOW_TILE) {
        int m = count - first < FLOW_TILE ? (int)(count - first) : FLOW_TILE;
        switch (kind) {
        case FLOW_ACTIVATION_TANH:
            tanh_backward(m, y + first, gy + first, gpre + first);
            break;
        case FLOW_ACTIVATION_ELU:
            elu_backward(m, y + first, gy + first, gpre + first);
            break;
        case FLOW_ACTIVATION_SILU: {
            real sigmoid[FLOW_TILE];
            flow_vec_sigmoid((size_t)m, pre + first, sigmoid);
            silu_backward(m, sigmoid, y + first, gy + first, gpre + first);
            break;
        }
        case FLOW_ACTIVATION_RELU: /* above */
        case FLOW_ACTIVATION_NONE:
            for (int j = 0; j < m; j++)
                gpre[first + (size_t)j] = gy[first + (size_t)j];
            break;
        }
    }
}
