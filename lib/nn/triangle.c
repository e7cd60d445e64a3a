/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/triangle.h"

#include <stdlib.h>

#include "num/gemm.h"
#include "num/simd.h"
#include "num/vector.h"

/* Lines that eliminate one another, the rest is products. Their tile (32 lines of 128 rows of data) stays in the L1
 * cache. */
enum { BLOCK = 32 };

flow_status flow_triangle_configure(flow_triangle *triangle, int dim, flow_params *params, const char *name,
                                    flow_error *err)
{
    int *extent = malloc(((size_t)dim + 1) * sizeof *extent);
    if (extent == NULL)
        return flow_error_memory(err, "a triangular matrix");
    for (int r = 0; r < dim; r++)
        extent[r] = r;
    flow_status status =
        flow_linear_configure_matrix(&triangle->strict, dim, dim, extent, FLOW_INIT_ZERO, params, name, err);
    free(extent);
    return status;
}

void flow_triangle_release(flow_triangle *triangle)
{
    flow_linear_release(&triangle->strict);
}

/* y line i += diagonal_i * x line i */
FLOW_MULTIVERSION
static void add_diagonal(int dim, int n, const real *diagonal, const real *restrict x, real *restrict y)
{
    for (int i = 0; i < dim; i++) {
        real factor = diagonal != NULL ? diagonal[i] : 1;
        size_t at = (size_t)i * (size_t)n;
        for (int j = 0; j < n; j++)
            y[at + (size_t)j] += factor * x[at + (size_t)j];
    }
}

void flow_triangle_multiply(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                            int n, const real *x, real *y)
{
    const flow_linear *strict = &triangle->strict;
    if (transpose)
        flow_linear_backward(strict, weights, n, x, y);
    else
        flow_linear_apply(strict, weights, n, x, FLOW_ACTIVATION_NONE, y, y);
    add_diagonal(strict->n_in, n, diagonal, x, y);
}

/* The lines [first, last) of x hold the known part of the products minus the right side, and become the solution. */
static void eliminate(const real *a, int dim, bool transpose, const real *diagonal, int n, int first, int last, real *x)
{
    for (int step = 0; step < last - first; step++) {
        int i = transpose ? last - 1 - step : first + step;
        real *line = x + (size_t)i * (size_t)n;
        for (int before = 0; before < step; before++) {
            int k = transpose ? last - 1 - before : first + before;
            size_t row = (size_t)(transpose ? k : i), col = (size_t)(transpose ? i : k);
            flow_vec_add_multiple((size_t)n, a[row * (size_t)dim + col], x + (size_t)k * (size_t)n, line);
        }
        flow_vec_scale((size_t)n, diagonal != NULL ? -1 / diagonal[i] : -1, line, line);
    }
}

void flow_triangle_solve(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                         int n, real *x)
{
    int dim = triangle->strict.n_in, n_blocks = (dim + BLOCK - 1) / BLOCK;
    const real *a = weights + triangle->strict.weight;
    for (int step = 0; step < n_blocks; step++) {
        int first = (transpose ? n_blocks - 1 - step : step) * BLOCK;
        int last = first + BLOCK < dim ? first + BLOCK : dim;
        real *lines = x + (size_t)first * (size_t)n;
        if (transpose)
            flow_gemm(true, false, last - first, n, dim - last, a + (size_t)last * (size_t)dim + (size_t)first, dim,
                      x + (size_t)last * (size_t)n, n, -1, lines, n);
        else
            flow_gemm(false, false, last - first, n, first, a + (size_t)first * (size_t)dim, dim, x, n, -1, lines, n);
        eliminate(a, dim, transpose, diagonal, n, first, last, x);
    }
}

void flow_triangle_record(const flow_triangle *triangle, bool transpose, const real *x, const real *gy,
                          flow_tape *tape)
{
    /* the gradient at A is the sum of gy x', at A' that of x gy' */
    flow_tape_linear(tape, &triangle->strict, transpose ? gy : x, transpose ? x : gy);
}
