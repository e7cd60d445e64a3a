/* The transpose of a matrix. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_TRANSPOSE_H
#define FLOW_NUM_TRANSPOSE_H

#include "num/real.h"

/* out (n, m) = A' for A (m, n), both row-major; lda and ldo are the distances between rows. They do not overlap. */
void flow_transpose(int m, int n, const real *a, int lda, real *out, int ldo);

#endif
