/* What single blocks promise beyond the contract of all (contract_block.c).
 *
 * linear: products and solutions of its triangular factors and its determinant against GSL, and the rotation it
 * starts as.
 * householder: the matrix of its formula, orthogonal whatever the length of its vectors.
 * iaf: its density direction, the walk, against an inverse that calls the sampling direction alone.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "harness.h"
#include "flow/flow.h"
#include "values.h"
#include "nn/triangle.h"
#include "num/rng.h"

static const bool is_double = sizeof(real) == sizeof(double);

static double slack(double in_double, double in_float)
{
    return is_double ? in_double : in_float;
}

enum { SEED = 23 };

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(SEED, FLOW_STREAM_OTHER, row, column) - 1;
}

static real *new_random(size_t n, uint32_t column)
{
    real *x = flow_alloc_aligned(n + FLOW_LANES, sizeof *x);
    assert_non_null(x);
    for (size_t k = 0; k < n; k++)
        x[k] = (real)uniform(k, column);
    return x;
}

/* ------------------------------------------------------------------ triangular matrices */

typedef struct triangle {
    flow_params params;
    flow_triangle t;
    real *weights, *diagonal;
    gsl_matrix *reference; /* T */
} triangle;

static void triangle_start(triangle *s, int dim, bool unit)
{
    *s = (triangle){.reference = gsl_matrix_calloc((size_t)dim, (size_t)dim)};
    assert_int_equal(flow_triangle_configure(&s->t, dim, &s->params, "a", NULL), FLOW_OK);
    assert_int_equal(flow_params_count(&s->params), dim * (dim - 1) / 2);
    s->weights = flow_alloc_aligned(s->params.n_weights + 1, sizeof *s->weights);
    s->diagonal = unit ? NULL : new_random((size_t)dim, 1);
    for (int r = 0; r < dim; r++) {
        for (int c = 0; c < r; c++) { /* small enough for the inverse of a large matrix to be a number */
            size_t k = s->t.strict.weight + (size_t)(r * dim + c);
            s->weights[k] = (real)(uniform(k, 2) / sqrt(dim));
            gsl_matrix_set(s->reference, (size_t)r, (size_t)c, (double)s->weights[k]);
        }
        if (!unit)
            s->diagonal[r] += s->diagonal[r] < 0 ? -1 : 1;
        gsl_matrix_set(s->reference, (size_t)r, (size_t)r, unit ? 1 : (double)s->diagonal[r]);
    }
}

static void triangle_end(triangle *s)
{
    flow_triangle_release(&s->t);
    flow_params_release(&s->params);
    flow_free_aligned(s->weights);
    flow_free_aligned(s->diagonal);
    gsl_matrix_free(s->reference);
}

static void check_triangle(int dim, int n, bool unit, bool transpose)
{
    triangle s;
    triangle_start(&s, dim, unit);
    size_t count = (size_t)dim * (size_t)n;
    real *x = new_random(count, 3), *y = new_random(count, 4), *back = new_random(count, 5);
    gsl_matrix *in = gsl_matrix_alloc((size_t)dim, (size_t)n), *out = gsl_matrix_alloc((size_t)dim, (size_t)n);
    for (size_t k = 0; k < count; k++)
        in->data[k] = (double)x[k];
    CBLAS_TRANSPOSE_t op = transpose ? CblasTrans : CblasNoTrans;
    gsl_blas_dgemm(op, CblasNoTrans, 1, s.reference, in, 0, out);
    flow_triangle_multiply(&s.t, s.weights, transpose, s.diagonal, n, x, y);
    for (size_t k = 0; k < count; k++)
        ASSERT_NEAR(y[k], out->data[k], slack(1e-13, 3e-5));

    memcpy(back, x, count * sizeof *x);
    gsl_blas_dtrsm(CblasLeft, CblasLower, op, CblasNonUnit, 1, s.reference, in);
    flow_triangle_solve(&s.t, s.weights, transpose, s.diagonal, n, back);
    for (size_t k = 0; k < count; k++)
        ASSERT_NEAR(back[k], in->data[k], slack(1e-12, 1e-3) * (1 + fabs(in->data[k])));
    gsl_matrix_free(in);
    gsl_matrix_free(out);
    flow_free_aligned(x);
    flow_free_aligned(y);
    flow_free_aligned(back);
    triangle_end(&s);
}

static void triangles(void **state)
{
    (void)state;
    static const int dims[] = {1, 2, 5, 31, 32, 33, 64, 100}, sizes[] = {16, 128, 784};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
            for (int kind = 0; kind < 4; kind++)
                check_triangle(dims[d], sizes[n], kind % 2 == 1, kind / 2 == 1);
}

/* ------------------------------------------------------------------ flows to look at */

static void start(subject *s, const char *list, int dim, uint64_t seed)
{
    subject_open(s, (subject_shape){.dim = dim, .seed = seed}, "{\"flow\": %s}", list);
    subject_init_weights(s, seed);
    subject_workspace(s, FLOW_TILE, true);
}

static void randomize(subject *s, double size)
{
    subject_scatter_weights(s, size, SEED, 7);
}

/* The matrix of a flow that is linear: what it makes of the unit vectors. Returns its log-determinant. */
static double matrix_of(subject *s, bool latent, gsl_matrix *out)
{
    int d = s->f->dim, n = FLOW_TILE;
    size_t count = (size_t)d * (size_t)n;
    memset(s->ws->x, 0, count * sizeof *s->ws->x);
    memset(s->ws->a, 0, count * sizeof *s->ws->a);
    for (int i = 0; i < d; i++)
        s->ws->x[i * n + i] = s->ws->a[i * n + i] = 1;
    const real *z = NULL;
    if (latent)
        flow_tile_to_latent(s->f, s->weights, s->ws, n, &z);
    else
        flow_tile_to_data(s->f, s->weights, s->ws, n);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++)
            gsl_matrix_set(out, (size_t)i, (size_t)k, latent ? (double)z[i * n + k] : s->ws->x[i * n + k]);
    for (int j = 1; j < n; j++) /* the same for every row */
        ASSERT_EQ(s->ws->logdet[j], s->ws->logdet[0]);
    return s->ws->logdet[0];
}

static void expect_orthogonal(const gsl_matrix *w, double bound)
{
    gsl_matrix *product = gsl_matrix_alloc(w->size1, w->size1);
    gsl_blas_dgemm(CblasTrans, CblasNoTrans, 1, w, w, 0, product);
    for (size_t i = 0; i < w->size1; i++)
        for (size_t k = 0; k < w->size1; k++)
            ASSERT_NEAR(gsl_matrix_get(product, i, k), i == k, bound);
    gsl_matrix_free(product);
}

/* ------------------------------------------------------------------ linear */

static void starts_as_a_rotation(void **state)
{
    (void)state;
    static const int dims[] = {1, 2, 6, 40, 100};
    for (size_t t = 0; t < sizeof dims / sizeof *dims; t++) {
        int d = dims[t];
        subject s;
        start(&s, "[\"linear\"]", d, 5);
        gsl_matrix *w = gsl_matrix_alloc((size_t)d, (size_t)d);
        double log_det = matrix_of(&s, true, w);
        expect_orthogonal(w, slack(1e-12, 2e-5));
        ASSERT_NEAR(log_det, 0, slack(1e-12, 1e-5));
        if (d > 2) { /* and not as something simple: every element is there, none dominates */
            double largest = 0;
            for (size_t k = 0; k < (size_t)d * (size_t)d; k++) {
                ASSERT_NE(w->data[k], 0);
                largest = fmax(largest, fabs(w->data[k]));
            }
            ASSERT_LT(largest, 0.99);
        }
        gsl_matrix_free(w);
        subject_close(&s);
    }
}

/* Over many seeds the elements of a rotation have mean 0 and mean square 1/d, and both determinants occur. */
static void rotations_are_uniform(void **state)
{
    (void)state;
    enum { D = 3, SEEDS = 4000 };
    gsl_matrix *w = gsl_matrix_alloc(D, D);
    double sum[D * D] = {0}, squares[D * D] = {0};
    int mirrored = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        subject s;
        start(&s, "[\"linear\"]", D, seed);
        matrix_of(&s, true, w);
        for (int k = 0; k < D * D; k++) {
            sum[k] += w->data[k] / SEEDS;
            squares[k] += w->data[k] * w->data[k] / SEEDS;
        }
        gsl_permutation *p = gsl_permutation_alloc(D);
        int sign;
        gsl_linalg_LU_decomp(w, p, &sign);
        mirrored += gsl_linalg_LU_sgndet(w, sign) < 0;
        gsl_permutation_free(p);
        subject_close(&s);
    }
    for (int k = 0; k < D * D; k++) { /* five standard errors: the square of an element has variance 4/45 */
        ASSERT_NEAR(sum[k], 0, 5 * sqrt(1. / D / SEEDS));
        ASSERT_NEAR(squares[k], 1. / D, 5 * sqrt(4. / 45 / SEEDS));
    }
    ASSERT_NEAR(mirrored, SEEDS / 2, 5 * sqrt(SEEDS / 4.));
    gsl_matrix_free(w);
}

static void same_for_a_seed(void **state)
{
    (void)state;
    subject a, b, c;
    start(&a, "[\"linear\", \"linear\"]", 7, 5);
    start(&b, "[\"linear\", \"linear\"]", 7, 5);
    start(&c, "[\"linear\", \"linear\"]", 7, 6);
    size_t size = a.f->params.n_weights * sizeof(real), half = size / 2;
    assert_memory_equal(a.weights, b.weights, size);
    assert_memory_equal(a.f->params.fitted, b.f->params.fitted, a.f->params.n_fitted * sizeof(double));
    assert_memory_not_equal(a.weights, c.weights, half);
    assert_memory_not_equal(a.weights, (char *)a.weights + half, half); /* two blocks, two rotations */
    subject_close(&a);
    subject_close(&b);
    subject_close(&c);
}

static void determinant_is_that_of_the_matrix(void **state)
{
    (void)state;
    static const int dims[] = {1, 2, 6, 20};
    for (size_t t = 0; t < sizeof dims / sizeof *dims; t++) {
        size_t d = (size_t)dims[t];
        subject s;
        start(&s, "[\"linear\"]", dims[t], 9);
        randomize(&s, 1);
        gsl_matrix *w = gsl_matrix_alloc(d, d), *back = gsl_matrix_alloc(d, d), *product = gsl_matrix_alloc(d, d);
        double log_det = matrix_of(&s, true, w), log_det_back = matrix_of(&s, false, back);
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1, w, back, 0, product);
        for (size_t k = 0; k < d * d && is_double; k++)
            ASSERT_NEAR(product->data[k], k / d == k % d, 1e-8);
        gsl_permutation *p = gsl_permutation_alloc(d);
        int sign;
        gsl_linalg_LU_decomp(w, p, &sign);
        ASSERT_NEAR(log_det, gsl_linalg_LU_lndet(w), slack(1e-9, 2e-3));
        ASSERT_NEAR(log_det_back, -log_det, 0);
        gsl_permutation_free(p);
        gsl_matrix_free(w);
        gsl_matrix_free(back);
        gsl_matrix_free(product);
        subject_close(&s);
    }
}

static size_t fitted_at(const subject *s, const char *name)
{
    for (int e = 0; e < s->f->params.n_entries; e++)
        if (strcmp(s->f->params.entries[e].name, name) == 0)
            return s->f->params.entries[e].offset;
    fail_msg("there is no %s", name);
    return 0;
}

/* What a file may hold: values that make the matrix singular, or lead out of the tile. */
static void hostile_values(void **state)
{
    (void)state;
    subject s;
    start(&s, "[\"linear\"]", 4, 1);
    flow_error err;
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    static const double signs[] = {0, 2, -0.5, 1e300}, orders[] = {-1, 4, 0.5, 1e300};
    size_t sign = fitted_at(&s, "0.linear/sign") + 2, order = fitted_at(&s, "0.linear/order") + 2;
    for (int k = 0; k < 4; k++) {
        double old = s.f->params.fitted[sign];
        s.f->params.fitted[sign] = signs[k];
        assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
        s.f->params.fitted[sign] = old;
        old = s.f->params.fitted[order];
        s.f->params.fitted[order] = orders[k];
        assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
        s.f->params.fitted[order] = s.f->params.fitted[order + 1]; /* twice the same line */
        assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
        s.f->params.fitted[order] = old;
    }
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    subject_close(&s);

    const subject_shape shape = {.dim = 4097, .seed = 1};
    assert_int_equal(subject_try(&s, &err, shape, "{\"flow\": [\"linear\"]}"), FLOW_SPEC);
    assert_non_null(strstr(err.message, "at most 4096"));
    subject_close(&s);
}

/* ------------------------------------------------------------------ permute */

static void permute_takes_a_list(void **state)
{
    (void)state;
    static const size_t order[] = {2, 0, 3, 1};
    subject s;
    start(&s, "[{\"type\": \"permute\", \"order\": [2, 0, 3, 1]}]", 4, 5);
    gsl_matrix *w = gsl_matrix_alloc(4, 4);
    matrix_of(&s, true, w);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++)
            ASSERT_EQ(gsl_matrix_get(w, i, k), (k == order[i]));
    gsl_matrix_free(w);
    subject_close(&s);
}

/* ------------------------------------------------------------------ householder */

/* The product of the reflections in plain loops, from the stored vectors. */
static void expected_reflections(const subject *s, gsl_matrix *out)
{
    int d = s->f->dim, n_reflections = s->f->params.entries[0].rows;
    gsl_matrix_set_identity(out);
    for (int k = 0; k < n_reflections; k++) {
        const real *v = s->weights + (size_t)k * (size_t)d;
        double square = 0;
        for (int i = 0; i < d; i++)
            square += (double)v[i] * (double)v[i];
        for (int c = 0; c < d; c++) {
            double along = 0;
            for (int i = 0; i < d; i++)
                along += (double)v[i] * gsl_matrix_get(out, (size_t)i, (size_t)c);
            for (int i = 0; i < d; i++)
                *gsl_matrix_ptr(out, (size_t)i, (size_t)c) -= 2 * along / square * (double)v[i];
        }
    }
}

static void reflections_are_their_formula(void **state)
{
    (void)state;
    static const int dims[] = {1, 2, 6, 40};
    for (size_t t = 0; t < sizeof dims / sizeof *dims; t++) {
        size_t d = (size_t)dims[t];
        subject s;
        start(&s, "[{\"type\": \"householder\", \"reflections\": 12}]", dims[t], 5);
        assert_int_equal(s.f->params.entries[0].rows, dims[t] < 12 ? dims[t] : 12);
        gsl_matrix *w = gsl_matrix_alloc(d, d), *expected = gsl_matrix_alloc(d, d), *back = gsl_matrix_alloc(d, d);
        ASSERT_EQ(matrix_of(&s, true, w), 0);
        ASSERT_EQ(matrix_of(&s, false, back), 0);
        expect_orthogonal(w, slack(1e-13, 1e-5));
        expected_reflections(&s, expected);
        for (size_t i = 0; i < d; i++) {
            for (size_t k = 0; k < d; k++) {
                ASSERT_NEAR(gsl_matrix_get(w, i, k), gsl_matrix_get(expected, i, k), slack(1e-13, 1e-5));
                ASSERT_NEAR(gsl_matrix_get(back, k, i), gsl_matrix_get(expected, i, k), slack(1e-13, 1e-5));
            }
        }
        gsl_matrix_free(w);
        gsl_matrix_free(expected);
        gsl_matrix_free(back);
        subject_close(&s);
    }
}

/* Vectors of any length, none included, make orthogonal maps and finite gradients. */
static void reflections_of_any_length(void **state)
{
    (void)state;
    static const double lengths[] = {0, 1e-42, 1e-30, 1e-10, 1, 1e10, 1e30};
    enum { D = 5 };
    for (size_t t = 0; t < sizeof lengths / sizeof *lengths; t++) {
        subject s;
        start(&s, "[\"householder\"]", D, 5);
        for (size_t k = 0; k < D * D; k++)
            s.weights[k] = (real)((double)s.weights[k] * lengths[t]);
        gsl_matrix *w = gsl_matrix_alloc(D, D);
        matrix_of(&s, true, w);
        expect_orthogonal(w, slack(1e-13, 1e-5));
        const real *gx;
        for (size_t k = 0; k < D * FLOW_TILE; k++)
            s.ws->ga[k] = (real)uniform(k, 9);
        flow_tile_to_latent_backward(s.f, s.weights, s.ws, FLOW_TILE, s.ws->ga, &gx);
        real *gradient = new_random(s.f->params.n_weights, 10);
        flow_tapes_gradient(&s.ws->tape, 1, 1, s.f->params.n_weights, gradient);
        for (size_t k = 0; k < D * FLOW_TILE; k++)
            assert_true(isfinite(gx[k]));
        for (size_t k = 0; k < s.f->params.n_weights; k++)
            assert_true(isfinite(gradient[k]));
        flow_free_aligned(gradient);
        gsl_matrix_free(w);
        subject_close(&s);
    }
}

/* ------------------------------------------------------------------ iaf */

/* x of the tile z, both (dim, FLOW_TILE) */
static void sampled(subject *s, const double *z, double *x)
{
    size_t count = (size_t)s->f->dim * FLOW_TILE;
    for (size_t k = 0; k < count; k++)
        s->ws->a[k] = (real)z[k];
    flow_tile_to_data(s->f, s->weights, s->ws, FLOW_TILE);
    memcpy(x, s->ws->x, count * sizeof *x);
}

/* x_i = z_i e^s + m with s and m from the dimensions before i: once these are known, x at z_i = 0 and at z_i = 1 tell
 * m and e^s. In 2 dim passes this inverts what samples, without the walk; `order` is that of the dimensions. */
static void invert_by_passes(subject *s, const double *order, const double *x, double *z)
{
    int d = s->f->dim, n = FLOW_TILE;
    double *at[2] = {calloc((size_t)d * (size_t)n, sizeof(double)), calloc((size_t)d * (size_t)n, sizeof(double))};
    assert_non_null(at[0]);
    assert_non_null(at[1]);
    memset(z, 0, (size_t)d * (size_t)n * sizeof *z);
    for (int step = 0; step < d; step++) {
        int i = (int)order[step];
        for (int side = 0; side < 2; side++) {
            for (int j = 0; j < n; j++)
                z[i * n + j] = side;
            sampled(s, z, at[side]);
        }
        for (int j = 0; j < n; j++)
            z[i * n + j] = (x[i * n + j] - at[0][i * n + j]) / (at[1][i * n + j] - at[0][i * n + j]);
    }
    free(at[0]);
    free(at[1]);
}

static void iaf_inverts_what_it_samples(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "[{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [12, 9]}]",
        "[{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [], \"order\": \"reverse\"}]",
        "[{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [20], \"order\": \"random\"}]",
    };
    enum { D = 7 };
    for (size_t t = 0; t < sizeof specs / sizeof *specs; t++) {
        subject s;
        start(&s, specs[t], D, 3);
        randomize(&s, 0.4);
        double x[D * FLOW_TILE], expected[D * FLOW_TILE];
        for (size_t k = 0; k < D * FLOW_TILE; k++)
            s.ws->x[k] = x[k] = 2 * uniform(k, 8);
        invert_by_passes(&s, s.f->params.fitted + fitted_at(&s, "0.iaf/order"), x, expected);
        memcpy(s.ws->x, x, sizeof x);
        const real *z;
        flow_tile_to_latent(s.f, s.weights, s.ws, FLOW_TILE, &z);
        for (int k = 0; k < D * FLOW_TILE; k++)
            ASSERT_NEAR(z[k], expected[k], slack(1e-9, 1e-3) * (1 + fabs(expected[k])));
        subject_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triangles),
        cmocka_unit_test(starts_as_a_rotation),
        cmocka_unit_test(rotations_are_uniform),
        cmocka_unit_test(same_for_a_seed),
        cmocka_unit_test(determinant_is_that_of_the_matrix),
        cmocka_unit_test(hostile_values),
        cmocka_unit_test(permute_takes_a_list),
        cmocka_unit_test(reflections_are_their_formula),
        cmocka_unit_test(reflections_of_any_length),
        cmocka_unit_test(iaf_inverts_what_it_samples),
    };
    return cmocka_run_group_tests_name("single blocks", tests, NULL, NULL);
}
