/* A trainable linear map of the dimensions, by an invertible matrix with a cheap determinant (Kingma and Dhariwal 2018,
 * sec. 3.2: the 1x1 convolution of Glow, here over the columns of a table):
 *
 *     z = W x,    W = P L (U + diag(s)),    log|det W| = sum log|s|
 *
 * L is lower triangular with ones on its diagonal, U strictly upper; both and log|s| are trained. The permutation P
 * and the signs of s are fixed and kept among the fitted values. W starts as a random rotation. A bias is actnorm's. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/permutation.h"
#include "nn/triangle.h"
#include "num/reduce.h"
#include "num/rng.h"
#include "num/vector.h"

enum { DIM_MAX = 4096 }; /* the factors of the first rotation take O(d^3): a minute or two */

typedef struct linear {
    int dim;
    uint64_t index;
    flow_permutation rows;      /* P: dimension order[i] of W x is dimension i of L (U + diag s) x */
    size_t sign;                /* in the fitted values: (1, dim), 1 or -1 */
    size_t log_scale;           /* in the weights: log|s|, (dim, 1) */
    flow_triangle lower, upper; /* L; the transpose of U + diag s */
} linear;

/* At first W is the identity. */
static flow_status linear_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)options;
    linear *block = self;
    block->index = context->index;
    int dim = block->dim = context->dims.n;
    if (dim > DIM_MAX)
        return flow_error_set(err, FLOW_SPEC, "a matrix of %d x %d is too large; it can mix at most %d dimensions", dim,
                              dim, DIM_MAX);
    FLOW_TRY(flow_permutation_configure(&block->rows, FLOW_ORDER_NATURAL, context, params, err));
    FLOW_TRY(flow_params_add_fitted(params, &block->sign, "sign", 1, dim, err));
    for (int i = 0; i < dim; i++)
        params->fitted[block->sign + (size_t)i] = 1;
    FLOW_TRY(flow_params_add_weights(params, &block->log_scale, "log_scale", dim, 1, FLOW_INIT_ZERO, 0, NULL, err));
    FLOW_TRY(flow_triangle_configure(&block->lower, dim, params, "lower", err));
    return flow_triangle_configure(&block->upper, dim, params, "upper", err);
}

static void linear_release(void *self)
{
    linear *block = self;
    flow_permutation_release(&block->rows);
    flow_triangle_release(&block->lower);
    flow_triangle_release(&block->upper);
}

/* ------------------------------------------------------------------ the first matrix */

/* q = Q of the QR decomposition of a Gaussian matrix, with the diagonal of R made positive: uniform over the orthogonal
 * matrices (Mezzadri 2007, sec. 4). */
static void linear_fill_rotation(gsl_matrix *q, gsl_matrix *a, gsl_matrix *r, gsl_vector *tau, gsl_rng *rng)
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
static void linear_store(const linear *block, const gsl_matrix *w, const gsl_permutation *p, double *fitted,
                         real *weights)
{
    size_t dim = (size_t)block->dim;
    for (size_t row = 0; row < dim; row++) {
        double pivot = gsl_matrix_get(w, row, row);
        fitted[block->rows.offset + row] = (double)gsl_permutation_get(p, row);
        fitted[block->sign + row] = pivot < 0 ? -1 : 1;
        weights[block->log_scale + row] = (real)log(fabs(pivot));
        for (size_t k = 0; k < row; k++) { /* the upper matrix is stored as its transpose */
            size_t at = row * dim + k;
            weights[block->lower.strict.weight + at] = (real)gsl_matrix_get(w, row, k);
            weights[block->upper.strict.weight + at] = (real)gsl_matrix_get(w, k, row);
        }
    }
}

/* W becomes a random rotation, uniform over all of them. The memory is ours: GSL's own allocation ends the process when
 * there is none. */
static flow_status linear_init(const void *self, uint64_t seed, flow_params *params, real *weights, flow_error *err)
{
    const linear *block = self;
    size_t dim = (size_t)block->dim, square = dim * dim;
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
        gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_ORDER, block->index);
        linear_fill_rotation(&q.matrix, &a.matrix, &r.matrix, &tau.vector, &rng);
        gsl_linalg_LU_decomp(&q.matrix, &p, &sign);
        linear_store(block, &q.matrix, &p, params->fitted, weights);
    } else {
        status = flow_error_memory(err, "a random rotation");
    }
    flow_free_aligned(memory);
    free(order);
    return status;
}

static flow_status linear_check(const void *self, const flow_params *params, flow_error *err)
{
    const linear *block = self;
    for (int i = 0; i < block->dim; i++) {
        double sign = params->fitted[block->sign + (size_t)i];
        if (sign != 1 && sign != -1)
            return flow_error_set(err, FLOW_FORMAT, "sign[0][%d] is %g and must be 1 or -1", i, sign);
    }
    return flow_permutation_check(&block->rows, params, err);
}

/* ------------------------------------------------------------------ the maps */

/* With u = (U + diag s) x and w = L u, tiles (dim, n). */
typedef struct linear_scratch {
    real *x, *u, *w;
    real *gu, *gw;
    real *scale, *gscale; /* (dim): s, and the gradient at log|s| */
} linear_scratch;

static size_t linear_lay_out(const linear *block, int n, bool keep, void *memory, linear_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t dim = (size_t)block->dim, count = dim * (size_t)n;
    real **tiles[] = {&w->x, &w->u, &w->w, &w->gu, &w->gw};
    *w = (linear_scratch){0};
    for (size_t k = 0; k < (keep ? 5 : 3); k++)
        *tiles[k] = flow_layout_take(&layout, count, sizeof(real));
    w->scale = flow_layout_take(&layout, dim, sizeof(real));
    w->gscale = flow_layout_take(&layout, keep ? dim : 0, sizeof(real));
    return layout.used;
}

static size_t linear_scratch_size(const void *self, int n, bool keep)
{
    linear_scratch w;
    return linear_lay_out(self, n, keep, NULL, &w);
}

/* Lays out the scratch, writes s and adds to logdet; returns the bytes of a tile. */
static size_t linear_start(const linear *block, const flow_pass *pass, double *logdet, linear_scratch *w)
{
    linear_lay_out(block, pass->n, pass->keep, pass->scratch, w);
    double sum = 0;
    for (size_t i = 0; i < (size_t)block->dim; i++) {
        double log_scale = (double)pass->weights[block->log_scale + i];
        w->scale[i] = (real)(pass->fitted[block->sign + i] * exp(log_scale));
        sum += log_scale;
    }
    for (int j = 0; j < pass->n; j++)
        logdet[j] += pass->direction == FLOW_TO_DATA ? -sum : sum;
    return (size_t)block->dim * (size_t)pass->n * sizeof(real);
}

static void linear_to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    const linear *block = self;
    linear_scratch w;
    size_t size = linear_start(block, pass, logdet, &w);
    memcpy(w.x, x, size);
    flow_triangle_multiply(&block->upper, pass->weights, true, w.scale, pass->n, w.x, w.u);
    flow_triangle_multiply(&block->lower, pass->weights, false, NULL, pass->n, w.u, w.w);
    flow_permutation_undo(&block->rows, pass->fitted, pass->n, w.w, z);
}

static void linear_to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    const linear *block = self;
    linear_scratch w;
    size_t size = linear_start(block, pass, logdet, &w);
    flow_permutation_apply(&block->rows, pass->fitted, pass->n, z, w.u);
    flow_triangle_solve(&block->lower, pass->weights, false, NULL, pass->n, w.u);
    memcpy(w.x, w.u, size);
    flow_triangle_solve(&block->upper, pass->weights, true, w.scale, pass->n, w.x);
    memcpy(x, w.x, size);
}

/* The gradient at log|s_i|: s_i times that at s_i, the sum of gu_i x_i over the rows of data, and `glogdet`, the sum of
 * the gradients at +log|det W|. */
static void linear_record(const linear *block, const flow_pass *pass, real glogdet, linear_scratch *w)
{
    flow_triangle_record(&block->upper, true, w->x, w->gu, pass->tape);
    flow_triangle_record(&block->lower, false, w->u, w->gw, pass->tape);
    for (int i = 0; i < block->dim; i++) {
        size_t at = (size_t)i * (size_t)pass->n;
        w->gscale[i] = w->scale[i] * flow_dot(pass->n, w->gu + at, w->x + at) + glogdet;
    }
    flow_tape_sums(pass->tape, block->log_scale, block->dim, w->gscale);
}

static void linear_to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    assert(pass->keep);
    const linear *block = self;
    linear_scratch w;
    linear_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    flow_permutation_apply(&block->rows, pass->fitted, pass->n, gz, w.gw);
    flow_triangle_multiply(&block->lower, pass->weights, true, NULL, pass->n, w.gw, w.gu);
    flow_triangle_multiply(&block->upper, pass->weights, false, w.scale, pass->n, w.gu, gx);
    linear_record(block, pass, flow_sum(pass->n, pass->glogdet), &w);
}

/* A matrix that is solved takes the gradient of one that multiplies, with the sign changed (nn/triangle.h), and so
 * does the log-determinant: the gradients are carried with their signs changed all the way. */
static void linear_to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    assert(pass->keep);
    const linear *block = self;
    linear_scratch w;
    linear_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    size_t count = (size_t)block->dim * (size_t)pass->n;
    flow_vec_scale(count, -1, gx, w.gu);
    flow_triangle_solve(&block->upper, pass->weights, false, w.scale, pass->n, w.gu);
    memcpy(w.gw, w.gu, count * sizeof *gx);
    flow_triangle_solve(&block->lower, pass->weights, true, NULL, pass->n, w.gw);
    linear_record(block, pass, -flow_sum(pass->n, pass->glogdet), &w);
    flow_vec_scale(count, -1, w.gw, w.w);
    flow_permutation_undo(&block->rows, pass->fitted, pass->n, w.w, gz);
}

const flow_block_type flow_block_linear = {
    .info = {FLOW_INFO_BARE("linear", "an invertible matrix that mixes the dimensions, at first a random rotation"),
             .repeats = true}, .state_size = sizeof(linear), .configure = linear_configure, .pixelwise = true,
    .release = linear_release,
    .init = linear_init, .scratch_size = linear_scratch_size, .map = {linear_to_latent, linear_to_data},
    .backward = {linear_to_latent_backward, linear_to_data_backward}, .check = linear_check,
};
