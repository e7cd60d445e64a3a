/* Arithmetic on arrays, element by element, and on the rows of tiles. The output may be one of the inputs where not
 * stated otherwise; arrays that overlap in part are not allowed.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_VECTOR_H
#define FLOW_NUM_VECTOR_H

#include <stddef.h>

#include "num/real.h"

/* out = a + b */
void flow_vec_sum(size_t count, const real *a, const real *b, real *out);
/* out += a */
void flow_vec_add(size_t count, const real *a, real *out);
/* out += value */
void flow_vec_add_value(size_t count, real value, real *out);
/* out = a b */
void flow_vec_multiply(size_t count, const real *a, const real *b, real *out);
/* out += a b */
void flow_vec_multiply_add(size_t count, const real *a, const real *b, real *out);
/* out = factor a */
void flow_vec_scale(size_t count, real factor, const real *a, real *out);
/* out += factor a */
void flow_vec_add_multiple(size_t count, real factor, const real *a, real *out);
/* out += factor a b */
void flow_vec_add_product(size_t count, real factor, const real *a, const real *b, real *out);

/* out (m, n) = b (m, n) with each row multiplied by a (n) */
void flow_rows_multiply(int m, int n, const real *a, const real *b, real *out);
/* out (n) += the rows of a (m, n), one after the other; out is not in a */
void flow_rows_add(int m, size_t n, const real *a, real *out);
/* out (n) += the sum over the m rows of a b, both (m, n); out is neither of them */
void flow_rows_add_products(int m, int n, const real *a, const real *b, real *out);

/* Copies rows rows[0], rows[1], ..., `count` of them, of a tile of n values per row to out (count, n). */
void flow_rows_gather(int count, const int *rows, int n, const real *tile, real *out);
/* The other way: copies in (count, n) to those rows of the tile. */
void flow_rows_scatter(int count, const int *rows, int n, const real *in, real *tile);

#endif
