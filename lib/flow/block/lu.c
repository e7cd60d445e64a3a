/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/lu.h"

#include <assert.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/reduce.h"
#include "num/rng.h"
#include "num/simd.h"

flow_status flow_lu_configure(flow_lu *lu, const flow_block_context *context, flow_params *params, flow_error *err)
{
    int dim = lu->dim = context->dims.n;
    if (dim > FLOW_LU_DIM_MAX)
        return flow_error_set(err, FLOW_SPEC, "a matrix of %d x %d is too large; it can mix at most %d dimensions",
                              dim, dim, FLOW_LU_DIM_MAX);
    flow_status status = flow_permutation_configure(&lu->rows, FLOW_ORDER_NATURAL, context, params, err);
    if (status == FLOW_OK)
        status = flow_params_add_fitted(params, &lu->sign, "sign", 1, dim, err);
    for (int i = 0; i < dim && status == FLOW_OK; i++)
        params->fitted[lu->sign + (size_t)i] = 1;
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &lu->log_scale, "log_scale", dim, 1, FLOW_INIT_ZERO, 0, NULL, err);
    if (status == FLOW_OK)
        status = flow_triangle_configure(&lu->lower, dim, params, "lower", err);
    if (status == FLOW_OK)
        status = flow_triangle_configure(&lu->upper, dim, params, "upper", err);
    return status;
}

void flow_lu_release(flow_lu *lu)
{
    flow_triangle_release(&lu->lower);
    flow_triangle_release(&lu->upper);
}

/* ------------------------------------------------------------------ the first matrix */

/* q = Q of the QR decomposition of a Gaussian matrix, with the diagonal of R made positive: uniform over the orthogonal
 * matrices (Mezzadri 2007, sec. 4). */
static void lu_fill_rotation(gsl_matrix *q, gsl_matrix *a, gsl_matrix *r, gsl_vector *tau, gsl_rng *rng)
{
    size_t dim = a->size1;
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            gsl_matrix_set(a, i, j, gsl_ran_gaussian_ziggurat(rng, 1));
    gsl_linalg_QR_decomp(a, tau);
    gsl_linalg_QR_unpack(a, tau, q, r);
    for (size_t j = 0; j < dim; j++) {
        gsl_vector_view column = gsl_matrix_column(q, j);
        if (gsl_matrix_get(r, j, j) < 0)
            gsl_vector_scale(&column.vector, -1);
    }
}

/* P' W = L (U + diag s) from GSL's decomposition into the parameters. */
static void lu_store(const flow_lu *lu, const gsl_matrix *w, const gsl_permutation *p, double *fitted, real *weights)
{
    int dim = lu->dim;
    for (int i = 0; i < dim; i++) {
        size_t row = (size_t)i;
        double pivot = gsl_matrix_get(w, row, row);
        fitted[lu->rows.offset + row] = (double)gsl_permutation_get(p, row);
        fitted[lu->sign + row] = pivot < 0 ? -1 : 1;
        weights[lu->log_scale + row] = (real)log(fabs(pivot));
        for (size_t k = 0; k < row; k++) { /* the upper matrix is stored as its transpose */
            size_t at = row * (size_t)dim + k;
            weights[lu->lower.strict.weight + at] = (real)gsl_matrix_get(w, row, k);
            weights[lu->upper.strict.weight + at] = (real)gsl_matrix_get(w, k, row);
        }
    }
}

/* The memory is ours: GSL's own allocation ends the process when there is none. */
flow_status flow_lu_init(const flow_lu *lu, uint64_t seed, uint64_t index, double *fitted, real *weights,
                         flow_error *err)
{
    size_t dim = (size_t)lu->dim, square = dim * dim;
    double *memory = flow_alloc_aligned(3 * square + dim, sizeof *memory);
    size_t *order = malloc(dim * sizeof *order);
    flow_status status = FLOW_OK;
    if (memory != NULL && order != NULL) {
        gsl_matrix_view q = gsl_matrix_view_array(memory, dim, dim);
        gsl_matrix_view a = gsl_matrix_view_array(memory + square, dim, dim);
        gsl_matrix_view r = gsl_matrix_view_array(memory + 2 * square, dim, dim);
        gsl_vector_view tau = gsl_vector_view_array(memory + 3 * square, dim);
        gsl_permutation p = {.size = dim, .data = order};
        int sign;
        flow_rng_sequence sequence;
        gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_ORDER, index);
        lu_fill_rotation(&q.matrix, &a.matrix, &r.matrix, &tau.vector, &rng);
        gsl_linalg_LU_decomp(&q.matrix, &p, &sign);
        lu_store(lu, &q.matrix, &p, fitted, weights);
    } else {
        status = flow_error_memory(err, "a random rotation");
    }
    flow_free_aligned(memory);
    free(order);
    return status;
}

flow_status flow_lu_check(const flow_lu *lu, const flow_params *params, flow_error *err)
{
    for (int i = 0; i < lu->dim; i++) {
        double sign = params->fitted[lu->sign + (size_t)i];
        if (sign != 1 && sign != -1)
            return flow_error_set(err, FLOW_FORMAT, "sign[0][%d] is %g and must be 1 or -1", i, sign);
    }
    return flow_permutation_check(&lu->rows, params, err);
}

double flow_lu_log_det(const flow_lu *lu, const real *weights)
{
    double sum = 0;
    for (int i = 0; i < lu->dim; i++)
        sum += (double)weights[lu->log_scale + (size_t)i];
    return sum;
}

/* ------------------------------------------------------------------ the maps */

/* With u = (U + diag s) x and w = L u, tiles (dim, n). */
typedef struct lu_scratch {
    real *x, *u, *w;
    real *gu, *gw;
    real *scale, *gscale; /* (dim): s, and the gradient at log|s| */
} lu_scratch;

static size_t lu_lay_out(const flow_lu *lu, int n, bool keep, void *memory, lu_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t dim = (size_t)lu->dim, count = dim * (size_t)n;
    real **tiles[] = {&w->x, &w->u, &w->w, &w->gu, &w->gw};
    *w = (lu_scratch){0};
    for (size_t k = 0; k < (keep ? 5 : 3); k++)
        *tiles[k] = flow_layout_take(&layout, count, sizeof(real));
    w->scale = flow_layout_take(&layout, dim, sizeof(real));
    w->gscale = flow_layout_take(&layout, keep ? dim : 0, sizeof(real));
    return layout.used;
}

size_t flow_lu_scratch_size(const flow_lu *lu, int n, bool keep)
{
    lu_scratch w;
    return lu_lay_out(lu, n, keep, NULL, &w);
}

static void lu_fill_scale(const flow_lu *lu, const flow_pass *pass, real *scale)
{
    for (size_t i = 0; i < (size_t)lu->dim; i++)
        scale[i] = (real)(pass->fitted[lu->sign + i] * exp((double)pass->weights[lu->log_scale + i]));
}

void flow_lu_multiply(const flow_lu *lu, const flow_pass *pass, int n, const real *x, real *y)
{
    lu_scratch w;
    lu_lay_out(lu, n, pass->keep, pass->scratch, &w);
    lu_fill_scale(lu, pass, w.scale);
    memcpy(w.x, x, (size_t)lu->dim * (size_t)n * sizeof *x);
    flow_triangle_multiply(&lu->upper, pass->weights, true, w.scale, n, w.x, w.u);
    flow_triangle_multiply(&lu->lower, pass->weights, false, NULL, n, w.u, w.w);
    flow_permutation_undo(&lu->rows, pass->fitted, n, w.w, y);
}

void flow_lu_solve(const flow_lu *lu, const flow_pass *pass, int n, const real *y, real *x)
{
    lu_scratch w;
    lu_lay_out(lu, n, pass->keep, pass->scratch, &w);
    size_t size = (size_t)lu->dim * (size_t)n * sizeof *x;
    lu_fill_scale(lu, pass, w.scale);
    flow_permutation_apply(&lu->rows, pass->fitted, n, y, w.u);
    flow_triangle_solve(&lu->lower, pass->weights, false, NULL, n, w.u);
    memcpy(w.x, w.u, size);
    flow_triangle_solve(&lu->upper, pass->weights, true, w.scale, n, w.x);
    memcpy(x, w.x, size);
}

/* The gradient at log|s_i|: s_i times that at s_i, the sum of gu_i x_i over the columns; and that of the
 * log-determinant. */
static void lu_record_scale(const flow_lu *lu, const flow_pass *pass, int n, lu_scratch *w, real glogdet)
{
    for (int i = 0; i < lu->dim; i++) {
        size_t at = (size_t)i * (size_t)n;
        w->gscale[i] = w->scale[i] * flow_dot(n, w->gu + at, w->x + at) + glogdet;
    }
    flow_tape_sums(pass->tape, lu->log_scale, lu->dim, w->gscale);
}

static void lu_record(const flow_lu *lu, const flow_pass *pass, int n, lu_scratch *w, real glogdet)
{
    flow_triangle_record(&lu->upper, true, w->x, w->gu, pass->tape);
    flow_triangle_record(&lu->lower, false, w->u, w->gw, pass->tape);
    lu_record_scale(lu, pass, n, w, glogdet);
}

void flow_lu_multiply_backward(const flow_lu *lu, const flow_pass *pass, int n, const real *gy, real glogdet, real *gx)
{
    assert(pass->keep);
    lu_scratch w;
    lu_lay_out(lu, n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&lu->rows, pass->fitted, n, gy, w.gw);
    flow_triangle_multiply(&lu->lower, pass->weights, true, NULL, n, w.gw, w.gu);
    flow_triangle_multiply(&lu->upper, pass->weights, false, w.scale, n, w.gu, gx);
    lu_record(lu, pass, n, &w, glogdet);
}

FLOW_MULTIVERSION
static void lu_negate(size_t count, const real *x, real *y)
{
    for (size_t k = 0; k < count; k++)
        y[k] = -x[k];
}

/* A matrix that is solved takes the gradient of one that multiplies, with the sign changed (nn/triangle.h), and so
 * does the log-determinant: the gradients are carried with their signs changed all the way. */
void flow_lu_solve_backward(const flow_lu *lu, const flow_pass *pass, int n, const real *gx, real glogdet, real *gy)
{
    assert(pass->keep);
    lu_scratch w;
    lu_lay_out(lu, n, pass->keep, pass->scratch, &w);
    size_t count = (size_t)lu->dim * (size_t)n;
    lu_negate(count, gx, w.gu);
    flow_triangle_solve(&lu->upper, pass->weights, false, w.scale, n, w.gu);
    memcpy(w.gw, w.gu, count * sizeof *gx);
    flow_triangle_solve(&lu->lower, pass->weights, true, NULL, n, w.gw);
    lu_record(lu, pass, n, &w, -glogdet);
    lu_negate(count, w.gw, w.w);
    flow_permutation_undo(&lu->rows, pass->fitted, n, w.w, gy);
}
