/* A trainable orthogonal map: a product of Householder reflections (Tomczak and Welling 2016, sec. 3.1),
 *
 *     z = H_K ... H_1 x,    H_k = I - 2 u u',    u = v_k / |v_k|,    log|det| = 0
 *
 * d reflections reach every orthogonal matrix with determinant (-1)^d, fewer a part of them at less cost: 4 K d
 * operations per row. The reverse direction is the same product in the reverse order. The length of a v_k means
 * nothing, and whatever it is the map stays orthogonal: see fill_units. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "num/reduce.h"
#include "num/simd.h"

typedef struct householder {
    int dim, n_reflections;
    size_t vectors; /* in the weights: (n_reflections, dim) */
} householder;

static const flow_option householder_table[] = {
    FLOW_KEY_INT(flow_householder_options, reflections, "8", 1, 65536,
                 "how many reflections; no more than there are dimensions are used, since these reach everything"),
    FLOW_OPTIONS_END,
};

static flow_status householder_configure(void *self, const void *options, const flow_block_context *context,
                                         flow_params *params, flow_error *err)
{
    householder *block = self;
    block->dim = context->dims.n;
    int64_t asked = ((const flow_householder_options *)options)->reflections;
    block->n_reflections = asked < context->dims.n ? (int)asked : context->dims.n;
    return flow_params_add_weights(params, &block->vectors, "vectors", block->n_reflections, block->dim,
                                   FLOW_INIT_FAN_IN, block->dim, NULL, err);
}

typedef struct householder_scratch {
    real *out;            /* (dim, n): what the map wrote; the backward starts there, a reflection undoes itself */
    real *units;          /* (n_reflections, dim): u */
    real *gvectors;       /* (n_reflections, dim) */
    real *inverse;        /* (n_reflections): 1 / |v|, bounded */
    real *along, *galong; /* (n): u'x and u'g of each row */
} householder_scratch;

static size_t householder_lay_out(const householder *block, int n, bool keep, void *memory, householder_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t values = (size_t)block->n_reflections * (size_t)block->dim;
    w->out = flow_layout_take(&layout, (size_t)block->dim * (size_t)n, sizeof(real));
    w->units = flow_layout_take(&layout, values, sizeof(real));
    w->gvectors = flow_layout_take(&layout, keep ? values : 0, sizeof(real));
    w->inverse = flow_layout_take(&layout, (size_t)block->n_reflections, sizeof(real));
    w->along = flow_layout_take(&layout, (size_t)n, sizeof(real));
    w->galong = flow_layout_take(&layout, keep ? (size_t)n : 0, sizeof(real));
    return layout.used;
}

static size_t householder_scratch_size(const void *self, int n, bool keep)
{
    householder_scratch w;
    return householder_lay_out(self, n, keep, NULL, &w);
}

/* u = v / |v|, computed so that no square leaves the range of its type. A zero vector stands for the first axis and
 * has no gradient. The gradient of any other one grows with 1 / |v|, which is bounded: a short vector turns quickly
 * anyhow. */
static void householder_fill_units(const householder *block, const real *weights, householder_scratch *w)
{
    static const double shortest = 1e-3;
    for (int k = 0; k < block->n_reflections; k++) {
        const real *v = weights + block->vectors + (size_t)k * (size_t)block->dim;
        real *u = w->units + (size_t)k * (size_t)block->dim;
        double largest = 0, sum = 0;
        for (int i = 0; i < block->dim; i++)
            largest = fmax(largest, fabs((double)v[i]));
        if (largest == 0) {
            memset(u, 0, (size_t)block->dim * sizeof *u);
            u[0] = 1;
            w->inverse[k] = 0;
            continue;
        }
        for (int i = 0; i < block->dim; i++)
            sum += (double)v[i] / largest * ((double)v[i] / largest);
        double root = sqrt(sum);
        for (int i = 0; i < block->dim; i++)
            u[i] = (real)((double)v[i] / largest / root);
        w->inverse[k] = (real)(1 / fmax(largest * root, shortest));
    }
}

/* along_j = sum_i u_i x_ij */
FLOW_MULTIVERSION
static void householder_project(int dim, int n, const real *restrict u, const real *restrict x, real *restrict along)
{
    for (int j = 0; j < n; j++)
        along[j] = 0;
    for (int i = 0; i < dim; i++)
        for (int j = 0; j < n; j++)
            along[j] += u[i] * x[(size_t)i * (size_t)n + (size_t)j];
}

/* x_ij -= 2 u_i along_j */
FLOW_MULTIVERSION
static void householder_mirror(int dim, int n, const real *restrict u, const real *restrict along, real *restrict x)
{
    for (int i = 0; i < dim; i++) {
        real twice = 2 * u[i];
        for (int j = 0; j < n; j++)
            x[(size_t)i * (size_t)n + (size_t)j] -= twice * along[j];
    }
}

/* The reflections in the order 0, 1, ..., or the other way round. */
static void householder_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    (void)logdet;
    const householder *block = self;
    int n = pass->n;
    size_t size = (size_t)block->dim * (size_t)n * sizeof *in;
    householder_scratch w;
    householder_lay_out(block, n, pass->keep, pass->scratch, &w);
    householder_fill_units(block, pass->weights, &w);
    memcpy(w.out, in, size);
    for (int step = 0; step < block->n_reflections; step++) {
        int k = pass->direction == FLOW_TO_DATA ? block->n_reflections - 1 - step : step;
        const real *u = w.units + (size_t)k * (size_t)block->dim;
        householder_project(block->dim, n, u, w.out, w.along);
        householder_mirror(block->dim, n, u, w.along, w.out);
    }
    memcpy(out, w.out, size);
}

/* For y = H x with the gradient g at y: that at u is 2 sum_j (g_j u'y_j - y_j u'g_j) but for a part along u, which a
 * change of v does not follow; that at v is the rest, divided by |v|. */
static void householder_vector_gradient(const householder *block, int n, const real *u, const real *g,
                                        const householder_scratch *w, real inverse, real *gv)
{
    real along_u = 0;
    for (int i = 0; i < block->dim; i++) {
        size_t at = (size_t)i * (size_t)n;
        gv[i] = 2 * (flow_dot(n, g + at, w->along) - flow_dot(n, w->out + at, w->galong));
        along_u += gv[i] * u[i];
    }
    for (int i = 0; i < block->dim; i++)
        gv[i] = (gv[i] - along_u * u[i]) * inverse;
}

static void householder_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const householder *block = self;
    int n = pass->n;
    householder_scratch w;
    householder_lay_out(block, n, pass->keep, pass->scratch, &w);
    memcpy(gin, gout, (size_t)block->dim * (size_t)n * sizeof *gin);
    for (int step = block->n_reflections - 1; step >= 0; step--) {
        int k = pass->direction == FLOW_TO_DATA ? block->n_reflections - 1 - step : step;
        size_t at = (size_t)k * (size_t)block->dim;
        const real *u = w.units + at;
        householder_project(block->dim, n, u, w.out, w.along);
        householder_project(block->dim, n, u, gin, w.galong);
        householder_vector_gradient(block, n, u, gin, &w, w.inverse[k], w.gvectors + at);
        householder_mirror(block->dim, n, u, w.along, w.out);
        householder_mirror(block->dim, n, u, w.galong, gin);
    }
    flow_tape_sums(pass->tape, block->vectors, block->n_reflections * block->dim, w.gvectors);
}

const flow_block_type flow_block_householder = {
    .info = {FLOW_INFO("householder", "a rotation of the dimensions: a product of reflections",
                       householder_table, flow_householder_options), .repeats = true},
    .state_size = sizeof(householder), .configure = householder_configure, .pixelwise = true,
    .scratch_size = householder_scratch_size, .map = {householder_map, householder_map},
    .backward = {householder_backward, householder_backward},
};
