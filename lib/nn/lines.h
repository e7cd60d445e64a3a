/* Arithmetic on the lines of tiles, element by element. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_LINES_H
#define FLOW_NN_LINES_H

#include <stddef.h>

#include "num/real.h"

/* out = a b */
void flow_lines_multiply(size_t count, const real *a, const real *b, real *out);
/* out += a b */
void flow_lines_multiply_add(size_t count, const real *a, const real *b, real *out);
/* out += a */
void flow_lines_add(size_t count, const real *a, real *out);
/* out = factor a */
void flow_lines_scale(size_t count, real factor, const real *a, real *out);
/* out += factor a */
void flow_lines_add_multiple(size_t count, real factor, const real *a, real *out);
/* out += factor a b */
void flow_lines_add_product(size_t count, real factor, const real *a, const real *b, real *out);
/* g = g first + gfirst second: through a function whose derivatives these are, and through its derivative. */
void flow_lines_through(size_t count, const real *first, const real *second, const real *gfirst, real *g);

/* The same line a of n values for each of m lines: out (m, n) = a b. */
void flow_lines_multiply_each(int m, int n, const real *a, const real *b, real *out);
/* out (n) += the sum over m lines of a b. */
void flow_lines_sum_products(int m, int n, const real *a, const real *b, real *out);

#endif
