/* The kernels of vecmath.h, written once over a vector type. Included by one source file per instruction set, which
 * defines
 *     VECTOR_BYTES   the width of a register
 *     V(name, ulp)   the SLEEF function of that width, for example Sleef_expf8_u10avx2
 *     VECMATH_TABLE  the name of the resulting flow_vecmath
 *     VECMATH_NAME   the name of the instruction set
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sleef.h>
#include <string.h>

#include "num/vecmath_table.h"

typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
#ifdef FLOW_DOUBLE
typedef long long mask __attribute__((vector_size(VECTOR_BYTES)));
typedef unsigned long long bits __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int mask __attribute__((vector_size(VECTOR_BYTES)));
typedef unsigned bits __attribute__((vector_size(VECTOR_BYTES)));
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
KERNEL(tanh, (vector)V(tanh, u35)(a))

static inline vector elu(vector a)
{
    mask positive = a > 0;
    mask negative = (mask)(vector)V(expm1, u10)(a);
    return (vector)((positive & (mask)a) | (~positive & negative));
}

KERNEL(elu, elu(a))

/* sum_k c_k x^k */
static inline __attribute__((always_inline)) vector polynomial(int count, const real *c, vector x)
{
    vector sum = c[count - 1] + (vector){0};
    for (int k = count - 2; k >= 0; k--)
        sum = sum * x + c[k];
    return sum;
}
#define POLYNOMIAL(c, x) polynomial((int)(sizeof(c) / sizeof *(c)), c, x)

static inline vector negative_size(vector a)
{
    return (vector)((mask)a | (mask)(-(vector){0}));
}

/* exp(x) for x <= 0, within 1 ulp, and 0 below the smallest normal number. It is inlined: SLEEF's function takes 1.5
 * times as long. With n = rint(x / log 2), which the low bits of x / log 2 + rounder spell, and
 * r = x - n log 2 in two steps, exp(x) = 2^n (1 + r + r^2 P(r)), P the Chebyshev interpolant, computed with 60
 * digits. */
static inline vector decay(vector x)
{
#ifdef FLOW_DOUBLE
    enum { MANTISSA = 52 };
    static const real rounder = 0x1.8p52, least = -708.396418532264106;
    static const real high = 0x1.62e42feep-1, low = 1.90821492927058770002e-10;
    static const real c[] = {
        0.500000000000000103,      0.166666666666666675,      0.0416666666666238205,     0.0083333333333300382,
        0.00138888889173670806,    0.00019841269863171556,    0.0000248015210578682052,  2.75572682769056962e-6,
        2.76202015910315488e-7,    2.5100472505694996e-8,
    };
#else
    enum { MANTISSA = 23 };
    static const real rounder = 0x1.8p23F, least = -87.3365402F;
    static const real high = 0.693359375F, low = -2.12194440e-4F;
    static const real c[] = {0.5F, 0.166665767F, 0.0416665542F, 0.00836323288F, 0.00139262508F};
#endif
    vector shifted = x * (real)1.4426950408889634074 + rounder, n = shifted - rounder;
    vector r = (x - n * high) - n * low;
    vector e = (real)1 + (r + r * r * POLYNOMIAL(c, r));
    bits scaled = (bits)e + ((bits)shifted << MANTISSA);
    return (vector)((mask)scaled & ~(x < least));
}

/* 1 / (1 + exp(-x)), by the exponential of -|x|, which cannot overflow */
static inline vector sigmoid(vector a)
{
    mask negative = a < 0;
    vector e = decay(negative_size(a));
    vector above = (vector)((negative & (mask)e) | (~negative & (mask)((vector){0} + (real)1)));
    return above / ((real)1 + e);
}

KERNEL(sigmoid, sigmoid(a))

/* max(x, 0) + log(1 + e) with e = exp(-|x|): exp cannot overflow, and small results keep their digits. With s = e / (2
 * + e), which is in [0, 1/3], log(1 + e) = 2 artanh s = 2 s (1 + s^2 Q(s^2)), Q the Chebyshev interpolant. */
static inline vector softplus(vector a)
{
    static const real c[] = {
#ifdef FLOW_DOUBLE
        0.333333333333333293,  0.200000000000072913,  0.142857142835543786,  0.111111113587139315,
        0.0909089471806642908, 0.0769278503247931155, 0.0665707210482746808, 0.0600053640479535627,
        0.0440036924307233694, 0.0808202280597176611,
#else
        0.333333337F, 0.199998532F, 0.14296179F, 0.108532879F, 0.116121646F,
#endif
    };
    mask positive = a > 0;
    vector e = decay(negative_size(a)), s = e / ((real)2 + e), t = s * s;
    vector twice = s + s;
    return (vector)(positive & (mask)a) + (twice + twice * (t * POLYNOMIAL(c, t)));
}

KERNEL(softplus, softplus(a))

static inline vector larger(vector a, vector b)
{
    mask first = a > b; /* where b is NaN, b */
    return (vector)((first & (mask)a) | (~first & (mask)b));
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

/* As Shepherd and Laframboise 1981 for exp(x^2) erfc x: (x + 4) Phi(-x) / phi(x) is smooth on the half line as a
 * function of u = (x - 4) / (x + 4), -1 at 0 and 1 at infinity. Its Chebyshev series in u, computed with 60
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

KERNEL(mills, mills(a))

/* From a start that is close everywhere (0.005 up to 8, 0.017 beyond, 0 at infinity), steps of Halley's method for
 *     g(y) = log Phi(-y) - x,  g' = -1 / M,  g'' = (y M - 1) / M^2  with Mills' ratio M(y),
 * each of which cubes the error. */
static inline vector normal_tail(vector x)
{
    enum { STEPS = sizeof(real) == sizeof(double) ? 2 : 1 };
    vector r = (vector)V(sqrt, u35)((real)-2 * x), s = (real)1 / r;
    vector tail = (real)12.2774 + s * ((real)-25.512 + s * ((real)26.9828 + s * (real)-10.9511));
    vector y = r + s * ((real)-4.24904 + s * tail);
    for (int step = 0; step < STEPS; step++) {
        vector m = mills(y);
        vector g = (vector)V(log, u10)(m * (real)0.39894228040143267794) - ((real)0.5 * y * y + x);
        mask near = y < (real)1000; /* beyond, y M - 1 is only rounding, and a Newton step is exact enough */
        vector bend = (vector)(near & (mask)((real)0.5 * g * (y * m - (real)1)));
        y += g * m / ((real)1 - bend);
    }
    return y;
}

KERNEL(normal_tail, normal_tail(a))

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
    .sigmoid = kernel_sigmoid, .elu = kernel_elu, .softplus = kernel_softplus, .softmax = kernel_softmax,
    .mills = kernel_mills, .normal_tail = kernel_normal_tail, .normals = kernel_normals,
};
