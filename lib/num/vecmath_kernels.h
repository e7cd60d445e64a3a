/* The kernels of vecmath.h, written once over a vector type. Included by one source file per instruction set, which
 * defines
 *     VECTOR_BYTES   the width of a register
 *     V(name, ulp)   the SLEEF function of that width, for example Sleef_expf8_u10avx2
 *     VECMATH_TABLE  the name of the resulting flow_vecmath
 *     VECMATH_NAME   what people call the instruction set
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sleef.h>
#include <string.h>

#include "num/vecmath.h"

typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
#ifdef FLOW_DOUBLE
typedef long long mask __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int mask __attribute__((vector_size(VECTOR_BYTES)));
#endif
enum { WIDTH = VECTOR_BYTES / sizeof(real) };

static inline vector load(const real *x)
{
    vector v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void store(real *y, vector v)
{
    memcpy(y, &v, sizeof v);
}

#define MAP(expression)                      \
    for (size_t i = 0; i < n; i += WIDTH) {  \
        vector a = load(x + i);              \
        store(y + i, (expression));          \
    }

static void kernel_exp(size_t n, const real *x, real *y)
{
    MAP((vector)V(exp, u10)(a))
}

static void kernel_log(size_t n, const real *x, real *y)
{
    MAP((vector)V(log, u10)(a))
}

static void kernel_tanh(size_t n, const real *x, real *y)
{
    MAP((vector)V(tanh, u35)(a))
}

static void kernel_sigmoid(size_t n, const real *x, real *y)
{
    MAP((real)1 / ((real)1 + (vector)V(exp, u10)(-a)))
}

static inline vector elu(vector a)
{
    mask positive = a > 0;
    mask negative = (mask)(vector)V(expm1, u10)(a);
    return (vector)((positive & (mask)a) | (~positive & negative));
}

static void kernel_elu(size_t n, const real *x, real *y)
{
    MAP(elu(a))
}

/* max(x, 0) + log(1 + exp(-|x|)): neither exp overflows nor log loses what is small */
static inline vector softplus(vector a)
{
    mask positive = a > 0;
    vector size = (vector)((positive & (mask)a) | (~positive & (mask)-a));
    return (vector)(positive & (mask)a) + (vector)V(log1p, u10)((vector)V(exp, u10)(-size));
}

static void kernel_softplus(size_t n, const real *x, real *y)
{
    MAP(softplus(a))
}

static void kernel_normals(size_t n, real *u, real *v)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        vector radius = (vector)V(sqrt, u35)((real)-2 * (vector)V(log, u10)(load(u + i)));
        vector angle = (real)2 * load(v + i);
        store(u + i, radius * (vector)V(cospi, u05)(angle));
        store(v + i, radius * (vector)V(sinpi, u05)(angle));
    }
}

const flow_vecmath VECMATH_TABLE = {
    .name = VECMATH_NAME,
    .exp = kernel_exp,
    .log = kernel_log,
    .tanh = kernel_tanh,
    .sigmoid = kernel_sigmoid,
    .elu = kernel_elu,
    .softplus = kernel_softplus,
    .normals = kernel_normals,
};
