/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/triangle.h"

#include <stdlib.h>

#include "num/gemm.h"
#include "num/simd.h"
#include "num/vector.h"

/* Rows that are eliminated one by one; the rest is products. With 128 data rows they stay in the L1 cache. */
enum { SOLVE_PANEL = 32 };

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

/* row i of y += diagonal_i * row i of x */
FLOW_MULTIVERSION
static void triangle_add_diagonal(int dim, int n, const real *diagonal, const real *restrict x, real *restrict y)
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
    triangle_add_diagonal(strict->n_in, n, diagonal, x, y);
}

/* The rows [first, last) of x hold the known part of the products minus the right side, and become the solution. */
static void triangle_eliminate(const real *a, int dim, bool transpose, const real *diagonal, int n, int first, int last,
                               real *x)
{
    for (int step = 0; step < last - first; step++) {
        int i = transpose ? last - 1 - step : first + step;
        real *row = x + (size_t)i * (size_t)n;
        for (int before = 0; before < step; before++) {
            int k = transpose ? last - 1 - before : first + before;
            size_t r = (size_t)(transpose ? k : i), c = (size_t)(transpose ? i : k);
            flow_vec_add_multiple((size_t)n, a[r * (size_t)dim + c], x + (size_t)k * (size_t)n, row);
        }
        flow_vec_scale((size_t)n, diagonal != NULL ? -1 / diagonal[i] : -1, row, row);
    }
}

void flow_triangle_solve(const flow_triangle *triangle, const real *weights, bool transpose, const real *diagonal,
                         int n, real *x)
{
    int dim = triangle->strict.n_in, n_panels = (dim + SOLVE_PANEL - 1) / SOLVE_PANEL;
    const real *a = weights + triangle->strict.weight;
    for (int step = 0; step < n_panels; step++) {
        int first = (transpose ? n_panels - 1 - step : step) * SOLVE_PANEL;
        int last = first + SOLVE_PANEL < dim ? first + SOLVE_PANEL : dim;
        real *panel = x + (size_t)first * (size_t)n;
        if (transpose)
            flow_gemm(true, false, last - first, n, dim - last, a + (size_t)last * (size_t)dim + (size_t)first, dim,
                      x + (size_t)last * (size_t)n, n, -1, panel, n);
        else
            flow_gemm(false, false, last - first, n, first, a + (size_t)first * (size_t)dim, dim, x, n, -1, panel, n);
        triangle_eliminate(a, dim, transpose, diagonal, n, first, last, x);
    }
}

void flow_triangle_record(const flow_triangle *triangle, bool transpose, const real *x, const real *gy, flow_tape *tape)
{
    /* the gradient at A is the sum of gy x', the one at A' is the sum of x gy' */
    flow_tape_linear(tape, &triangle->strict, transpose ? gy : x, transpose ? x : gy);
}
