/* The kernels of vecmath.h, written once over a vector type. Included by one source file per instruction set, which
 * defines what vecmath_functions.h needs and
 *     VECMATH_TABLE  the name of the resulting flow_vecmath
 *     VECMATH_NAME   the name of the instruction set
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/mixture_kernels.h"
#include "num/vecmath_functions.h"
#include "num/vecmath_table.h"

/* kernel_NAME, which gives the expression for each vector a of x. */
#define KERNEL(name, expression)                                    \
    static void kernel_##name(size_t n, const real *x, real *y)     \
    {                                                               \
        for (size_t i = 0; i < n; i += WIDTH) {                     \
            vector a = load(x + i);                                 \
            store(y + i, (expression));                             \
        }                                                           \
    }

KERNEL(exp, (vector)V(exp, u10)(a))
KERNEL(log, (vector)V(log, u10)(a))
KERNEL(log1p, (vector)V(log1p, u10)(a))
KERNEL(tanh, hyperbolic_tangent(a))
KERNEL(sigmoid, sigmoid(a))
KERNEL(elu, elu(a))
KERNEL(softplus, softplus(a))
KERNEL(mills, mills(a))
KERNEL(normal_tail, normal_tail(a))

static void kernel_tanh_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second)
{
    for (int r = 0; r < rows; r++) {
        real b = bias != NULL ? bias[r] : 0;
        for (size_t i = 0, at = (size_t)r * n; i < n; i += WIDTH, at += WIDTH) {
            vector a = hyperbolic_tangent(load(y + at) + b), slope = (real)1 - a * a;
            store(y + at, a);
            store(first + at, slope);
            if (second != NULL)
                store(second + at, (real)-2 * a * slope);
        }
    }
}

/* With s = sigmoid(x) and y = x s: y' = s + y (1 - s), y'' = s (1 - s) (2 + x (1 - 2 s)). */
static void kernel_silu_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second)
{
    for (int r = 0; r < rows; r++) {
        real b = bias != NULL ? bias[r] : 0;
        for (size_t i = 0, at = (size_t)r * n; i < n; i += WIDTH, at += WIDTH) {
            vector x = load(y + at) + b, s = sigmoid(x), rest = (real)1 - s, value = x * s;
            store(y + at, value);
            store(first + at, s + value * rest);
            if (second != NULL)
                store(second + at, s * rest * ((real)2 + x * ((real)1 - (real)2 * s)));
        }
    }
}

static void kernel_silu(int rows, size_t n, const real *bias, real *x, real *y)
{
    for (int r = 0; r < rows; r++) {
        for (size_t i = 0, at = (size_t)r * n; i < n; i += WIDTH, at += WIDTH) {
            vector a = load(x + at) + bias[r];
            store(x + at, a);
            store(y + at, a * sigmoid(a));
        }
    }
}

static void kernel_silu_backward(size_t n, const real *x, const real *y, const real *g, real *out)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        vector s = sigmoid(load(x + i));
        store(out + i, load(g + i) * (s + load(y + i) * ((real)1 - s)));
    }
}

static void kernel_softmax(int k, size_t n, real *x, size_t stride)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        vector even = load(x + i), odd = load(x + i + (size_t)(k - 1) * stride), sum = {0};
        for (int p = 1; p + 1 < k; p += 2) {
            odd = larger(load(x + i + (size_t)p * stride), odd);
            even = larger(load(x + i + (size_t)(p + 1) * stride), even);
        }
        vector most = larger(even, odd);
        for (int p = 0; p < k; p++) {
            real *at = x + i + (size_t)p * stride;
            vector e = decay(load(at) - most);
            sum += e;
            store(at, e);
        }
        vector scale = (real)1 / sum;
        for (int p = 0; p < k; p++) {
            real *at = x + i + (size_t)p * stride;
            store(at, load(at) * scale);
        }
    }
}

static void kernel_normals(size_t n, real *u, real *v)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        vector radius = (vector)V(sqrt, u35)((real)-2 * (vector)V(log, u10)(load(u + i)));
        vector turns = (real)2 * load(v + i);
        store(u + i, radius * (vector)V(cospi, u05)(turns));
        store(v + i, radius * (vector)V(sinpi, u05)(turns));
    }
}

const flow_vecmath VECMATH_TABLE = {
    .name = VECMATH_NAME, .exp = kernel_exp, .log = kernel_log, .log1p = kernel_log1p, .tanh = kernel_tanh,
    .sigmoid = kernel_sigmoid, .elu = kernel_elu, .softplus = kernel_softplus,
    .tanh_slopes = kernel_tanh_slopes, .silu_slopes = kernel_silu_slopes,
    .silu = kernel_silu, .silu_backward = kernel_silu_backward, .softmax = kernel_softmax,
    .mills = kernel_mills, .normal_tail = kernel_normal_tail, .normals = kernel_normals,
    .mixture_map = mixture_map, .mixture_invert = mixture_invert, .mixture_backward = mixture_backward,
};
