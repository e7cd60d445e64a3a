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

static void kernel_log1p(size_t n, const real *x, real *y)
{
    MAP((vector)V(log1p, u10)(a))
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

/* The way of Shepherd and Laframboise 1981 for exp(x^2) erfc x: (x + 4) Phi(-x) / phi(x) is smooth on the whole half
 * line in terms of u = (x - 4) / (x + 4), -1 at 0 and 1 at infinity. Its Chebyshev series in u, computed with 60
 * digits, is cut off below half a unit of the last place and written in powers of u. */
static inline vector mills(vector x)
{
    static const real powers[] = {
#ifdef FLOW_DOUBLE
        1.89321906330848536,      -1.52377091081998344,     0.970409554867588392,     -0.467540962998332469,
        0.151391762312443473,     -0.018900450861711258,    -0.00872229527426012425,  0.00408785568120007137,
        3.34244616232844091e-4,   -5.79269304647871942e-4,  -4.7832642594172081e-6,   8.80957312107233808e-5,
        1.79639712140407778e-6,   -1.48432776790802936e-5,  -1.57876656546773738e-6,  2.5687553112297223e-6,
        6.82963383167346667e-7,   -4.00493929251171007e-7,  -2.17741950220393269e-7,  4.47306005145032296e-8,
        5.37110376515895738e-8,   -1.47229989237463069e-9,  -9.35134044482434061e-9,  -3.0073979672398765e-10,
        8.53083886026052982e-10,
#else
        1.89321906F,     -1.52377088F,    0.970409538F,    -0.46754172F,     0.151391946F,     -0.018894255F,
        -0.00872295269F, 0.00406585159F,  3.35019359e-4F,  -5.40363323e-4F,  -4.33917984e-6F,  5.30978673e-5F,
#endif
    };
    vector scale = (real)1 / (x + (real)4), u = (x - (real)4) * scale, sum = {0};
    for (int k = (int)(sizeof powers / sizeof *powers) - 1; k >= 0; k--)
        sum = sum * u + powers[k];
    return sum * scale;
}

static void kernel_mills(size_t n, const real *x, real *y)
{
    MAP(mills(a))
}

/* A start that is near everywhere (0.005 up to 8, 0.017 beyond, 0 at infinity), then steps of Halley's method for
 *     g(y) = log Phi(-y) - x,  g' = -1 / M,  g'' = (y M - 1) / M^2  with Mills' ratio M(y),
 * whose error is the cube of the one before. */
static inline vector normal_tail(vector x)
{
    enum { STEPS = sizeof(real) == sizeof(double) ? 2 : 1 };
    vector r = (vector)V(sqrt, u35)((real)-2 * x), s = (real)1 / r;
    vector tail = (real)12.2774 + s * ((real)-25.512 + s * ((real)26.9828 + s * (real)-10.9511));
    vector y = r + s * ((real)-4.24904 + s * tail);
    for (int step = 0; step < STEPS; step++) {
        vector m = mills(y);
        vector g = (vector)V(log, u10)(m * (real)0.39894228040143267794) - ((real)0.5 * y * y + x);
        mask near = y < (real)1000; /* beyond, y M - 1 is only rounding, and Newton's step is exact enough */
        vector bend = (vector)(near & (mask)((real)0.5 * g * (y * m - (real)1)));
        y += g * m / ((real)1 - bend);
    }
    return y;
}

static void kernel_normal_tail(size_t n, const real *x, real *y)
{
    MAP(normal_tail(a))
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
    .log1p = kernel_log1p,
    .tanh = kernel_tanh,
    .sigmoid = kernel_sigmoid,
    .elu = kernel_elu,
    .softplus = kernel_softplus,
    .mills = kernel_mills,
    .normal_tail = kernel_normal_tail,
    .normals = kernel_normals,
};
