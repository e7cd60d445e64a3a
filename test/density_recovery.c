/* Flows against densities that are known: trained on draws from them, they must come close to the truth.
 *
 * A correlated Gaussian in 5 dimensions and a mixture of three Gaussians in 2, each learned by a MAF and by a RealNVP,
 * the mixture by a continuous flow, too;
 * the measure is the Kullback-Leibler divergence from the truth, mean(log p_true - log p_model) over fresh draws, in
 * nats. A learned density must also integrate to one, and describe its own samples.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/rows.h"
#include "known_density.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "train/trainer.h"
#include "values.h"

enum { N_TRAINING = 50000, N_HELD_OUT = 10000, MOST_DIM = 5, MOST_PARTS = 3 };

/* ---- the truth: mixtures of Gaussians; one part is a Gaussian ---- */

typedef struct part {
    double weight;
    double mean[MOST_DIM];
    double factor[MOST_DIM * MOST_DIM]; /* (d, d): Cholesky factor of the covariance */
} part;

typedef struct parts {
    int dim, n;
    part at[MOST_PARTS];
} parts;

static parts known; /* what is drawn from now */

static void add_part(double weight, const double *mean, const double *covariance)
{
    size_t d = (size_t)known.dim;
    part *p = &known.at[known.n++];
    p->weight = weight;
    memcpy(p->mean, mean, d * sizeof *mean);
    memcpy(p->factor, covariance, d * d * sizeof *covariance);
    gsl_matrix_view view = gsl_matrix_view_array(p->factor, d, d);
    assert_int_equal(gsl_linalg_cholesky_decomp1(&view.matrix), 0);
}

static void draw(gsl_rng *rng, double *x)
{
    double u = gsl_rng_uniform(rng);
    int k = 0;
    while (k + 1 < known.n && u >= known.at[k].weight)
        u -= known.at[k++].weight;
    size_t d = (size_t)known.dim;
    const part *p = &known.at[k];
    gsl_vector_const_view mean = gsl_vector_const_view_array(p->mean, d);
    gsl_matrix_const_view factor = gsl_matrix_const_view_array(p->factor, d, d);
    gsl_vector_view out = gsl_vector_view_array(x, d);
    gsl_ran_multivariate_gaussian(rng, &mean.vector, &factor.matrix, &out.vector);
}

static double true_logp(const double *x)
{
    double sum = 0, store[MOST_DIM];
    size_t d = (size_t)known.dim;
    gsl_vector_view work = gsl_vector_view_array(store, d);
    for (int k = 0; k < known.n; k++) {
        gsl_vector_const_view at = gsl_vector_const_view_array(x, d);
        gsl_vector_const_view mean = gsl_vector_const_view_array(known.at[k].mean, d);
        gsl_matrix_const_view factor = gsl_matrix_const_view_array(known.at[k].factor, d, d);
        double p;
        gsl_ran_multivariate_gaussian_pdf(&at.vector, &mean.vector, &factor.matrix, &p, &work.vector);
        sum += known.at[k].weight * p;
    }
    return log(sum);
}

static truth gaussian(void)
{
    static const double mean[] = {1, -2, 0, 30, 0.001};
    static const double covariance[] = {
        1.0,   0.8,  -0.3,  4.0,   0.0002,
        0.8,   2.0,   0.1,  2.0,   0.0000,
        -0.3,  0.1,   0.5, -1.0,   0.0003,
        4.0,   2.0,  -1.0, 40.0,   0.0000,
        0.0002, 0.0,  0.0003, 0.0, 0.000001,
    };
    known = (parts){.dim = 5};
    add_part(1, mean, covariance);
    return (truth){"gaussian", 5, draw, true_logp, N_TRAINING, N_HELD_OUT, 0};
}

static truth mixture(void)
{
    known = (parts){.dim = 2};
    add_part(0.5, (double[]){-2, 0}, (double[]){0.5, 0.4, 0.4, 0.6});
    add_part(0.3, (double[]){2, 1.5}, (double[]){0.4, -0.3, -0.3, 0.8});
    add_part(0.2, (double[]){1, -2.5}, (double[]){1.0, 0, 0, 0.15});
    return (truth){"mixture", 2, draw, true_logp, N_TRAINING, N_HELD_OUT, 0};
}

/* With affine maps the mixture takes depth: 5 MAF blocks stop at 0.027 nats, wider networks or longer training do not
 * help, 8 reach 0.015. The specs below leave 0.016 nats or less with each of eight seeds. */
#define BLOCK(type, repeat, act) \
    "{\"type\": \"" type "\", \"repeat\": " #repeat ", \"hidden\": [64, 64], \"activation\": \"" act "\"}"
#define SPEC(type, repeat, act, epochs, rate)                                 \
    "{\"flow\": [{\"type\": \"standardize\"}, " BLOCK(type, repeat, act) "]," \
    " \"train\": {\"epochs\": " #epochs ", \"optimizer\": {\"rate\": " #rate "}}}"

static void recovers(truth t, const char *spec, double most)
{
    learned l = learn(&t, spec);
    double kl = divergence(&t, &l);
    forget(&l);
    ASSERT_GT(kl, -0.01);
    ASSERT_LT(kl, most);
}

static void test_gaussian_by_maf(void **state)
{
    (void)state;
    recovers(gaussian(), SPEC("maf", 5, "relu", 10, 0.001), 0.02);
}

static void test_gaussian_by_realnvp(void **state)
{
    (void)state;
    recovers(gaussian(), SPEC("realnvp", 8, "relu", 10, 0.001), 0.02);
}

/* Two dimensions go on, three are finished. */
static void test_gaussian_by_split(void **state)
{
    (void)state;
    recovers(gaussian(),
             "{\"flow\": [\"standardize\", {\"type\": \"realnvp\", \"repeat\": 6, \"hidden\": [64, 64]},"
             " {\"type\": \"split\", \"keep\": 2, \"flow\": [{\"type\": \"maf\", \"repeat\": 2, \"hidden\": [32]}]}],"
             " \"train\": {\"epochs\": 10, \"optimizer\": {\"rate\": 0.001}}}",
             0.02);
}

static void test_mixture_by_realnvp(void **state)
{
    (void)state;
    recovers(mixture(), SPEC("realnvp", 12, "tanh", 20, 0.005), 0.02);
}

/* The integral and the entropy of a 2-D density, by the midpoint rule over a square that holds all of it. */
static void integrate(const learned *l, double half, int n_cells, double *mass, double *entropy)
{
    size_t cells = (size_t)n_cells;
    double step = 2 * half / n_cells, *rows = malloc(cells * 2 * sizeof *rows), *logp = malloc(cells * sizeof *logp);
    assert_non_null(rows);
    assert_non_null(logp);
    *mass = *entropy = 0;
    for (int i = 0; i < n_cells; i++) {
        for (int j = 0; j < n_cells; j++) {
            rows[2 * j] = -half + (i + 0.5) * step;
            rows[2 * j + 1] = -half + (j + 0.5) * step;
        }
        flow_rows_logp(l->runner, rows, cells, logp);
        for (int j = 0; j < n_cells; j++) {
            double p = exp(logp[j]) * step * step;
            *mass += p;
            *entropy -= p > 0 ? p * logp[j] : 0;
        }
    }
    free(rows);
    free(logp);
}

/* n_cells: along a side of the grid for the integral; n: samples. */
static void recovers_mixture(const char *spec, int n_cells, size_t n)
{
    truth t = mixture();
    learned l = learn(&t, spec);
    double kl = divergence(&t, &l);
    ASSERT_GT(kl, -0.01);
    ASSERT_LT(kl, 0.02);

    double mass, entropy;
    integrate(&l, 10, n_cells, &mass, &entropy);
    double *x = malloc(n * 2 * sizeof *x), *logp = malloc(n * sizeof *logp), round_trip;
    assert_non_null(x);
    assert_non_null(logp);
    flow_rows_sample(l.runner, 5, 0, n, 1, NULL, x, logp, &round_trip);
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        mean += logp[i] / (double)n;
        square += logp[i] * logp[i] / (double)n;
    }
    double error = sqrt((square - mean * mean) / (double)n);
    print_message("           integral %.5f, mean log p of samples %.4f +- %.4f, minus the entropy %.4f, round trip "
                  "%.1e\n", mass, mean, error, -entropy, round_trip);
    ASSERT_LT(fabs(mass - 1), 0.01);
    ASSERT_LT(fabs(mean + entropy), 4 * error + 0.005);
    ASSERT_LT(round_trip, 0.01);
    free(x);
    free(logp);
    forget(&l);
}

static void test_mixture_by_maf(void **state)
{
    (void)state;
    recovers_mixture(SPEC("maf", 10, "relu", 20, 0.005), 800, 100000);
}

static void test_mixture_by_ffjord(void **state)
{
    (void)state;
    recovers_mixture("{\"flow\": [\"standardize\", {\"type\": \"ffjord\", \"hidden\": [32, 32]}],"
                     " \"train\": {\"epochs\": 6, \"ema\": 0.98, \"optimizer\": {\"rate\": 0.02}}}", 200, 20000);
}

/* Time stamps, or masses far from zero: the offset costs nothing. */
static void test_offset(void **state)
{
    (void)state;
    truth plain = gaussian(), shifted = gaussian();
    shifted.name = "gaussian + 1.7e9";
    shifted.offset = 1.7e9;
    learned l = learn(&plain, SPEC("maf", 5, "relu", 4, 0.001));
    double expected = divergence(&plain, &l);
    forget(&l);
    l = learn(&shifted, SPEC("maf", 5, "relu", 4, 0.001));
    double found = divergence(&shifted, &l);
    forget(&l);
    ASSERT_LT(fabs(found - expected), 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian_by_maf),
        cmocka_unit_test(test_gaussian_by_realnvp),
        cmocka_unit_test(test_gaussian_by_split),
        cmocka_unit_test(test_mixture_by_maf),
        cmocka_unit_test(test_mixture_by_ffjord),
        cmocka_unit_test(test_mixture_by_realnvp),
        cmocka_unit_test(test_offset),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
