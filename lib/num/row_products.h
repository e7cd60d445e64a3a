/* Products of matrices with long rows: C += A B', where a row of A and one of B make an inner product.
 *
 * This is the gradient at the weights of a layer: A is the gradient at its outputs, B its inputs, and the long rows are
 * the rows of data. A library for matrix products wants one of the two transposed, and vectors as long as C is wide.
 * Here the vectors run along the inner products, nothing is transposed, and C may have any width: narrow layers are as
 * fast as wide ones. Each block of C costs the sums within its vectors besides, so that a library is faster where C is
 * wide and the transposed matrix is used often (nn/panels.h estimates both).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_ROW_PRODUCTS_H
#define FLOW_NUM_ROW_PRODUCTS_H

#include "num/row_products_table.h"

/* Adds the products to C. Each element is added up in an order that depends on count and n alone. */
void flow_add_row_products(const flow_row_products *products);

#endif
