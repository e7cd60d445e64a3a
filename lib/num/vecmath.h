/* Elementary functions of arrays, element by element, for the instruction set of the machine: AVX-512, AVX2, SVE, NEON
 * or the 128-bit baseline. They use SLEEF (Shibata and Petrogalli 2020), or code of their own where a call for each
 * vector would take longer than the computation. vector.h has the arithmetic.
 *
 * Counts are multiples of FLOW_LANES and arrays are aligned to the size of a real, so that a value does not depend on
 * its place in the array. y may be x. The error of each function is at most 1 ulp (3 ulp for tanh, and for sigmoid and
 * softplus, whose results below the smallest normal number may be zero). NaN gives NaN.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_VECMATH_H
#define FLOW_NUM_VECMATH_H

#include <stddef.h>

#include "num/real.h"

void flow_vec_exp(size_t n, const real *x, real *y);
void flow_vec_log(size_t n, const real *x, real *y);
void flow_vec_log1p(size_t n, const real *x, real *y); /* infinite beyond 1e38 in float, 1e307 in double */
void flow_vec_tanh(size_t n, const real *x, real *y);
/* For rows of n values, in place: y = tanh(y + bias), each row with its own bias (rows; NULL: none), and the
 * derivatives first = 1 - y^2 and, unless NULL, second = -2 y first. */
void flow_vec_tanh_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second);
void flow_vec_sigmoid(size_t n, const real *x, real *y);
void flow_vec_elu(size_t n, const real *x, real *y); /* x > 0 ? x : exp(x) - 1 */
void flow_vec_softplus(size_t n, const real *x, real *y); /* log(1 + exp(x)) */

/* silu, x sigmoid(x), of rows of n values: x += bias, each row with its own bias (rows), then y = silu(x). */
void flow_vec_silu(int rows, size_t n, const real *bias, real *x, real *y);
/* out = g silu'(x), with y = silu(x); out may be g. */
void flow_vec_silu_backward(size_t n, const real *x, const real *y, const real *g, real *out);
/* In place as flow_vec_tanh_slopes: y = silu(y + bias), and its first and second derivative. */
void flow_vec_silu_slopes(int rows, size_t n, const real *bias, real *y, real *first, real *second);

/* The softmax over k planes of n values, `stride` apart, in place. The exponentials are within 1 ulp, and zero below
 * the smallest normal number. */
void flow_vec_softmax(int k, size_t n, real *x, size_t stride);

/* Makes two arrays of uniforms in (0, 1) two arrays of independent standard normals, in place (Box and Muller 1958). */
void flow_vec_normals(size_t n, real *u, real *v);

/* The instruction set: "AVX-512", "AVX2", "SVE of 512 bits", "SVE of 256 bits", "NEON" or "baseline". */
const char *flow_vec_name(void);
/* The names of all kernels that the program has, up to 4, the widest first, into `names`; returns how many. */
int flow_vec_list(const char *names[4]);

#endif
