/* Elementary functions of one vector, written once over a vector type, for the kernels of vecmath_kernels.h and
 * mixture_kernels.h. Included by one source file per instruction set, which defines
 *     VECTOR_BYTES   the width of a register
 *     V(name, ulp)   the SLEEF function of that width, for example Sleef_expf8_u10avx2
 *     I(name)        the compiler's intrinsic of that width, for example _mm256_max_ps; not defined: none
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_VECMATH_FUNCTIONS_H
#define FLOW_NUM_VECMATH_FUNCTIONS_H

#include <sleef.h>
#include <string.h>

#include "num/real.h"

typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
#ifdef FLOW_DOUBLE
typedef long long mask __attribute__((vector_size(VECTOR_BYTES)));
typedef unsigned long long bits __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int mask __attribute__((vector_size(VECTOR_BYTES)));
typedef unsigned bits __attribute__((vector_size(VECTOR_BYTES)));
#endif
enum { WIDTH = VECTOR_BYTES / sizeof(real) };

/* AVX-512 has instructions for what others do in several steps. */
#if VECTOR_BYTES == 64 && defined(I)
#define HAS_AVX512
#endif

/* x + ROUNDER, for |x| < 2^(MANTISSA - 2), is rounded to a whole number, which its low bits spell. */
#ifdef FLOW_DOUBLE
enum { MANTISSA = 52 };
#define ROUNDER 0x1.8p52
#else
enum { MANTISSA = 23 };
#define ROUNDER 0x1.8p23F
#endif

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

/* Bits, because gcc makes one instruction of them; a loop over the lanes it makes scalar in some places. */
static inline vector choose(mask m, vector a, vector b)
{
    return (vector)((m & (mask)a) | (~m & (mask)b));
}

/* Where a or b is NaN, larger and smaller give b. */
static inline vector larger(vector a, vector b)
{
#ifdef I
    return (vector)I(max)(a, b);
#else
    return choose(a > b, a, b);
#endif
}

static inline vector smaller(vector a, vector b)
{
#ifdef I
    return (vector)I(min)(a, b);
#else
    return choose(a < b, a, b);
#endif
}

/* x, of at most `most` in size; NaN gives any number */
static inline vector bounded(vector x, real most)
{
#ifdef HAS_AVX512
    return (vector)I(range)(x, (vector){0} + most, 2); /* the smaller size, with the sign of x */
#else
    return larger(smaller(x, (vector){0} + most), (vector){0} - most);
#endif
}

static inline vector negative_size(vector a)
{
    return (vector)((mask)a | (mask)(-(vector){0}));
}

static inline vector size_of(vector a)
{
    return (vector)((mask)a & ~(mask)(-(vector){0}));
}

/* sum_k c_k x^k */
static inline __attribute__((always_inline)) vector polynomial(int count, const real *c, vector x)
{
    vector sum = c[count - 1] + (vector){0};
    for (int k = count - 2; k >= 0; k--)
        sum = sum * x + c[k];
    return sum;
}
#define POLYNOMIAL(c, x) polynomial((int)(sizeof(c) / sizeof *(c)), c, x)

/* 2^n e, n the whole number in `shifted` (n + ROUNDER), if e and the result are normal numbers */
static inline vector times_power(vector e, vector shifted)
{
#ifdef HAS_AVX512
    return (vector)I(scalef)(e, shifted - ROUNDER);
#else
    return (vector)((bits)e + ((bits)shifted << MANTISSA));
#endif
}

/* exp(x) = 2^n (1 + y): returns y, within 1 ulp, and n + ROUNDER in *shifted. With n = rint(x / log 2) and
 * r = x - n log 2 in two steps, y = exp(r) - 1 = r + r^2 P(r), P the Chebyshev interpolant, computed with 60 digits.
 * It is inlined: SLEEF's functions take 1.5 times as long or more. */
static inline vector exponential(vector x, vector *shifted)
{
#ifdef FLOW_DOUBLE
    static const real high = 0x1.62e42feep-1, low = 1.90821492927058770002e-10;
    static const real c[] = {
        0.500000000000000103,   0.166666666666666675,   0.0416666666666238205,    0.0083333333333300382,
        0.00138888889173670806, 0.00019841269863171556, 0.0000248015210578682052, 2.75572682769056962e-6,
        2.76202015910315488e-7, 2.5100472505694996e-8,
    };
#else
    static const real high = 0.693359375F, low = -2.12194440e-4F;
    static const real c[] = {0.5F, 0.166665767F, 0.0416665542F, 0.00836323288F, 0.00139262508F};
#endif
    *shifted = x * (real)1.4426950408889634074 + ROUNDER;
    vector n = *shifted - ROUNDER, r = (x - n * high) - n * low;
    return r + r * r * POLYNOMIAL(c, r);
}

/* exp(x) for x <= 0, within 1 ulp, and 0 below the smallest normal number */
static inline vector decay(vector x)
{
    static const real least = sizeof(real) == sizeof(double) ? (real)-708.396418532264106 : (real)-87.3365402F;
    vector shifted, y = exponential(x, &shifted);
    return (vector)((mask)times_power((real)1 + y, shifted) & ~(x < least));
}

/* (exp(2 x) - 1) / (exp(2 x) + 1), with exp(2 x) - 1 = 2^n y + (2^n - 1), which has all its digits for every x. Beyond
 * `most` the result is 1 to all digits. */
static inline vector hyperbolic_tangent(vector x)
{
    const vector most = (vector){0} + (sizeof(real) == sizeof(double) ? (real)20 : (real)10);
    vector bounded = larger(-most, smaller(most, x)), shifted, y = exponential(bounded + bounded, &shifted);
    vector power = times_power((vector){0} + (real)1, shifted), less_one = power * y + (power - (real)1);
    return less_one / (less_one + (real)2);
}

/* log(x) for a normal x, within 2 ulp of it or of 1, whichever is larger; NaN for infinity. With x = 2^n (1 + a), 1 + a
 * from sqrt(1/2) to sqrt(2), and s = a / (2 + a), log(1 + a) = 2 artanh s = 2 s (1 + s^2 Q(s^2)), Q the Chebyshev
 * interpolant. */
static inline vector logarithm(vector x)
{
#ifdef FLOW_DOUBLE
    enum { BIAS = 1023 };
    const bits one = (bits){0} + 0x3ff0000000000000u, least = (bits){0} + 0x3fe6a09e667f3bcdu;
    static const real high = 0x1.62e42feep-1, low = 1.90821492927058770002e-10;
    static const real c[] = {
        0.333333333333333484,  0.199999999999497522,  0.142857143129877425,  0.111111055673975399,
        0.0909144456263086104, 0.0766586080027802063, 0.0730822484252170293,
    };
#else
    enum { BIAS = 127 };
    const bits one = (bits){0} + 0x3f800000u, least = (bits){0} + 0x3f3504f3u;
    static const real high = 0.693359375F, low = -2.12194440e-4F;
    static const real c[] = {0.333333425F, 0.199943903F, 0.147899747F};
#endif
    bits moved = (bits)x + (one - least), exponent = moved >> MANTISSA;
    vector n = (vector)((bits)((vector){0} + ROUNDER) + exponent) - (ROUNDER + BIAS);
    vector a = (vector)(moved - (exponent << MANTISSA) + least) - (real)1;
    vector s = a / ((real)2 + a), twice = s + s, t = s * s;
    return n * high + (twice + (n * low + twice * (t * POLYNOMIAL(c, t)))) + (real)0 * x;
}

/* 2^x for |x| <= 120 without bounds: as exponential, which has a comment. AVX-512 takes the whole numbers apart by
 * itself, rounded down: there P is for r from 0 to 1, with the least relative error. */
static inline vector power_of_two(vector x)
{
#if defined(FLOW_DOUBLE) && defined(HAS_AVX512)
    static const real c[] = {
        0.693147180559945309,   0.240226506959100768,    0.0555041086648188827,   0.0096181291076796595,
        0.00133335581414270657, 0.000154035306808535056, 1.52527233615067473e-5,  1.32157356413858754e-6,
        1.01741471347966147e-7, 7.09582620197071203e-9,  4.17915461829106993e-10, 3.53654817307659903e-11,
    };
#elif defined(FLOW_DOUBLE)
    static const real c[] = {
        0.693147180559945309,   0.240226506959100712,    0.055504108664821627,    0.00961812910762847949,
        0.00133335581464064707, 0.000154035303933707334, 1.52527338415567726e-5,  1.32154868087055628e-6,
        1.01780570877339411e-7, 7.05489730415549928e-9,  4.45581790833606449e-10, 2.57293241773623042e-11,
    };
#elif defined(HAS_AVX512)
    static const real c[] = {0.693147172F,   0.240227138F,   0.0554965652F,
                             0.00965065071F, 0.00127100592F, 0.000207455731F};
#else
    static const real c[] = {0.693147188F,   0.240226508F,   0.0555035711F,
                             0.00961808256F, 0.00133908634F, 0.000154531629F};
#endif
#ifdef HAS_AVX512
    vector r = (vector)I(reduce)(x, _MM_FROUND_TO_NEG_INF);
    return (vector)I(scalef)((real)1 + r * POLYNOMIAL(c, r), x);
#else
    vector shifted = x + ROUNDER, r = x - (shifted - ROUNDER);
    return times_power((real)1 + r * POLYNOMIAL(c, r), shifted);
#endif
}

/* 1 / sqrt(x) for a normal x, within 2 ulp: a root and a division take three times as long. From a first y, with
 * e = 1 - x y^2, 1 / sqrt(x) = y / sqrt(1 - e) = y (1 + e P(e)). AVX-512 has a y of 14 bits. Elsewhere a shift halves
 * the exponent, which leaves e within 0.0682, and P is the Chebyshev interpolant. In double two terms of the series
 * follow. */
static inline vector inverse_root(vector x)
{
#ifdef HAS_AVX512
    vector y = (vector)I(rsqrt14)(x), e = (real)1 - (x * y) * y;
    y += y * (e * (real)0.5);
#else
    static const real c[] = {0.49999933264746946, 0.374999388205069376, 0.313647938574246974, 0.274489860006352843};
#ifdef FLOW_DOUBLE
    const bits start = (bits){0} + 0x5fe6e8e000000000u;
#else
    const bits start = (bits){0} + 0x5f374700u;
#endif
    vector y = (vector)(start - ((bits)x >> 1)), e = (real)1 - (x * y) * y;
    y += y * (e * POLYNOMIAL(c, e));
#endif
#ifdef FLOW_DOUBLE
    e = (real)1 - (x * y) * y;
    y += y * (e * ((real)0.5 + e * (real)0.375));
#endif
    return y;
}

static inline vector elu(vector a)
{
    mask positive = a > 0;
    mask negative = (mask)(vector)V(expm1, u10)(a);
    return (vector)((positive & (mask)a) | (~positive & negative));
}

/* 1 / (1 + exp(-x)), by the exponential of -|x|, which cannot overflow */
static inline vector sigmoid(vector a)
{
    mask negative = a < 0;
    vector e = decay(negative_size(a));
    vector above = (vector)((negative & (mask)e) | (~negative & (mask)((vector){0} + (real)1)));
    return above / ((real)1 + e);
}

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

/* Mills' ratio Phi(-x) / phi(x) for x >= 0, within 4 ulp.
 * As Shepherd and Laframboise 1981 for exp(x^2) erfc x: (x + 4) Phi(-x) / phi(x) is smooth on the half line as a
 * function of u = (x - 4) / (x + 4), -1 at 0 and 1 at infinity. In double its Chebyshev series in u, computed with 60
 * digits, is cut off below half a unit of the last place and written in powers of u; in float the polynomial with the
 * least relative error, 3.4e-8, was found by Remez's exchange. */
static inline vector mills(vector x)
{
    static const real powers[] = {
#ifdef FLOW_DOUBLE
        1.89321906330848536,     -1.52377091081998344,    0.970409554867588392,    -0.467540962998332469,
        0.151391762312443473,    -0.018900450861711258,   -0.00872229527426012425, 0.00408785568120007137,
        3.34244616232844091e-4,  -5.79269304647871942e-4, -4.7832642594172081e-6,  8.80957312107233808e-5,
        1.79639712140407778e-6,  -1.48432776790802936e-5, -1.57876656546773738e-6, 2.5687553112297223e-6,
        6.82963383167346667e-7,  -4.00493929251171007e-7, -2.17741950220393269e-7, 4.47306005145032296e-8,
        5.37110376515895738e-8,  -1.47229989237463069e-9, -9.35134044482434061e-9, -3.0073979672398765e-10,
        8.53083886026052982e-10,
#else
        1.89321903F,    -1.52377026F,    0.970410825F,   -0.467554597F,  0.151383357F,
        -0.0188227032F, -0.00870392308F, 0.00390674142F, 3.18879496e-4F, -3.87391135e-4F,
#endif
    };
    vector scale = (real)1 / (x + (real)4), u = (x - (real)4) * scale;
    return POLYNOMIAL(powers, u) * scale;
}

/* The y with log Phi(-y) = x for finite x <= log(1/2), within 4 ulp of 1 or of y, whichever is larger.
 * From a start that is close everywhere (0.005 up to 8, 0.017 beyond, 0 at infinity), steps of Halley's method for
 *     g(y) = log Phi(-y) - x,  g' = -1 / M,  g'' = (y M - 1) / M^2  with Mills' ratio M(y),
 * each of which cubes the error. */
static inline vector normal_tail(vector x)
{
    enum { STEPS = sizeof(real) == sizeof(double) ? 2 : 1 };
    vector square = (real)-2 * x, s = inverse_root(square), r = square * s;
    vector tail = (real)12.2774 + s * ((real)-25.512 + s * ((real)26.9828 + s * (real)-10.9511));
    vector y = r + s * ((real)-4.24904 + s * tail);
    for (int step = 0; step < STEPS; step++) {
        vector m = mills(y);
        vector g = logarithm(m * (real)0.39894228040143267794) - ((real)0.5 * y * y + x);
        mask near = y < (real)1000; /* beyond, y M - 1 is only rounding, and a Newton step is exact enough */
        vector bend = (vector)(near & (mask)((real)0.5 * g * (y * m - (real)1)));
        y += g * m / ((real)1 - bend);
    }
    return y;
}

#endif
