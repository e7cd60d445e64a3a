/* Rows against draws in several columns at once: the energy distance of all columns together and of the pairs of
 * columns that look worst, and the means of products of their ranks. A table of many columns has thousands of pairs;
 * which of them are tested is decided by rows that the tests do not see, so that the few tests keep their level.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/parallel.h"
#include "run/diagnose_run.h"
#include "stat/energy.h"
#include "stat/smooth.h"

enum {
    POINTS = 500,     /* rows, and as many draws, in a test */
    SCREENED = 10000, /* rows that choose the pairs, at most */
    TESTED_PAIRS = 5,
    PERMUTATIONS = 9999,
    PRODUCTS = 4,
    MOST_COLUMNS = 128
};

typedef struct energy_tests {
    diagnosis *d;
    size_t n_screen, n; /* rows that choose, and behind them those that are tested */
    double *ranks;      /* (d, 2 n): of rows and draws together, as normal scores */
    double *scores;     /* (d, 4 n_screen): of rows and draws together, in the screening */
    double *suspicion;  /* (pairs) */
    size_t *pairs;      /* (TESTED_PAIRS): i * d + j */
    int n_pairs;
    diagnose_test tests[1 + 2 * TESTED_PAIRS];
} energy_tests;

/* u (2 n): the ranks in (0, 1) of column i of n rows and draws from row `first` on, together. Equal values share their
 * mean rank. */
static bool energy_rank(const diagnosis *d, size_t i, size_t first, size_t n, double *u)
{
    double *values = calloc(2 * n, sizeof *values);
    size_t *order = calloc(2 * n, sizeof *order);
    if (values != NULL && order != NULL) {
        for (size_t j = 0; j < n; j++) {
            values[j] = d->rows[(first + j) * d->width + i];
            values[n + j] = d->draws[(first + j) * d->d + i];
        }
        gsl_sort_index(order, values, 1, 2 * n);
        for (size_t low = 0, high; low < 2 * n; low = high) {
            for (high = low + 1; high < 2 * n && values[order[high]] == values[order[low]];)
                high++;
            for (size_t k = low; k < high; k++)
                u[order[k]] = 0.5 * (double)(low + high) / (double)(2 * n);
        }
    }
    const bool done = values != NULL && order != NULL;
    free(values);
    free(order);
    return done;
}

static void energy_rank_column(void *context, int item, int thread)
{
    (void)thread;
    energy_tests *run = context;
    const size_t i = (size_t)item, n = run->n, m = run->n_screen;
    double *normal = run->ranks + i * 2 * n, *u = malloc(2 * m * sizeof *u);
    if (u == NULL || !energy_rank(run->d, i, m, n, normal) || !energy_rank(run->d, i, 0, m, u)) {
        normal[0] = NAN; /* memory is out */
    } else {
        for (size_t j = 0; j < 2 * n; j++)
            normal[j] = gsl_cdf_ugaussian_Pinv(normal[j]);
        flow_smooth_scores(run->scores + i * 4 * m, u, 2 * m);
    }
    free(u);
}

/* How much the means of the products of two scores differ between rows and draws, in standard deviations. */
static double energy_suspect(const double *u, const double *v, size_t n)
{
    double sum = 0;
    for (size_t a = 0; a < 2; a++) {
        for (size_t b = 0; b < 2; b++) {
            const double *x = u + a * 2 * n, *y = v + b * 2 * n;
            double difference = 0, squares = 0;
            for (size_t j = 0; j < n; j++) {
                const double row = x[j] * y[j], draw = x[n + j] * y[n + j];
                difference += row - draw;
                squares += row * row + draw * draw;
            }
            sum += squares > 0 ? difference * difference / squares : 0;
        }
    }
    return sum;
}

static void energy_screen(void *context, int item, int thread)
{
    (void)thread;
    energy_tests *run = context;
    const size_t i = (size_t)item, d = run->d->d, size = 4 * run->n_screen;
    for (size_t j = 0; j < d; j++)
        run->suspicion[i * d + j] =
            j < i ? energy_suspect(run->scores + i * size, run->scores + j * size, run->n_screen) : -1;
}

/* ---- products of the ranks of a pair, as in stat/smooth.h ---- */

/* The quadratic form of the inverse of a symmetric matrix, by elimination; directions without variance are left out.
 * Overwrites both. */
static double energy_form(double matrix[PRODUCTS][PRODUCTS], double vector[PRODUCTS])
{
    double sum = 0;
    for (int k = 0; k < PRODUCTS; k++) {
        if (!(matrix[k][k] > 1e-12))
            continue;
        sum += vector[k] * vector[k] / matrix[k][k];
        for (int i = k + 1; i < PRODUCTS; i++) {
            const double factor = matrix[i][k] / matrix[k][k];
            for (int j = k + 1; j < PRODUCTS; j++)
                matrix[i][j] -= factor * matrix[k][j];
            vector[i] -= factor * vector[k];
        }
    }
    return sum;
}

static void energy_products(double out[PRODUCTS], const double *u, const double *v, size_t n, size_t j)
{
    for (size_t k = 0; k < PRODUCTS; k++)
        out[k] = u[(k / 2) * n + j] * v[(k % 2) * n + j];
}

/* How the means of the four products differ between n rows and the n draws behind them: chi squared with four degrees
 * of freedom (Hotelling 1931). From the scores (4 n) of two columns. */
static diagnose_test energy_compare(const double *u, const double *v, size_t n, size_t a, size_t b)
{
    double mean[2][PRODUCTS] = {{0}}, variance[PRODUCTS][PRODUCTS] = {{0}}, difference[PRODUCTS], product[PRODUCTS];
    double strength = 0;
    for (size_t j = 0; j < 2 * n; j++) {
        energy_products(product, u, v, 2 * n, j);
        for (int k = 0; k < PRODUCTS; k++)
            mean[j >= n][k] += product[k] / (double)n;
    }
    for (size_t j = 0; j < 2 * n; j++) {
        energy_products(product, u, v, 2 * n, j);
        for (int k = 0; k < PRODUCTS; k++)
            for (int l = 0; l < PRODUCTS; l++)
                variance[k][l] += (product[k] - mean[j >= n][k]) * (product[l] - mean[j >= n][l]) /
                                  ((double)n * (double)(n - 1));
    }
    for (int k = 0; k < PRODUCTS; k++) {
        difference[k] = mean[0][k] - mean[1][k];
        strength += fmax(0, difference[k] * difference[k] - variance[k][k]);
    }
    const double correlation = difference[0], form = energy_form(variance, difference);
    return (diagnose_test){.part = PART_ENERGY, .kind = KIND_RELATION, .a = (int)a, .b = (int)b,
                           .p = gsl_cdf_chisq_Q(form, PRODUCTS), .share = 0.375 * sqrt(strength),
                           .observed = correlation};
}

static diagnose_test energy_test_relation(const energy_tests *run, size_t a, size_t b)
{
    const diagnosis *d = run->d;
    const size_t left = d->n - run->n_screen, n = left < SCREENED ? left : SCREENED;
    double *u = malloc(10 * n * sizeof *u);
    diagnose_test out = {.p = DIAGNOSE_NO_MEMORY};
    if (u != NULL) {
        double *v = u + 4 * n, *ranks = v + 4 * n;
        const bool ranked = energy_rank(d, a, run->n_screen, n, ranks);
        flow_smooth_scores(u, ranks, 2 * n);
        if (ranked && energy_rank(d, b, run->n_screen, n, ranks)) {
            flow_smooth_scores(v, ranks, 2 * n);
            out = energy_compare(u, v, n, a, b);
        }
    }
    free(u);
    return out;
}

/* ---- the tests ---- */

/* All columns are test 0, the energy distances of pairs those behind it, and the products of pairs the last ones. */
static void energy_test(void *context, int item, int thread)
{
    (void)thread;
    energy_tests *run = context;
    if (item > run->n_pairs) {
        const size_t chosen = run->pairs[item - 1 - run->n_pairs];
        run->tests[item] = energy_test_relation(run, chosen % run->d->d, chosen / run->d->d);
        return;
    }
    const diagnosis *d = run->d;
    const size_t n = run->n, pair = item > 0 ? run->pairs[item - 1] : 0;
    const size_t columns = item > 0 ? 2 : d->d, which[2] = {pair % d->d, pair / d->d};
    double *points = malloc(2 * n * columns * sizeof *points);
    flow_distance out = {.p = DIAGNOSE_NO_MEMORY};
    for (size_t k = 0; k < columns && points != NULL; k++)
        for (size_t j = 0; j < 2 * n; j++)
            points[j * columns + k] = run->ranks[(item > 0 ? which[k] : k) * 2 * n + j];
    if (points != NULL)
        flow_energy_test(&out, points, n, n, columns, PERMUTATIONS, diagnose_seed(d, 600 + (uint64_t)item), NULL);
    free(points);
    /* a shift of a normal distribution by s has the distance s^2 / sqrt(pi), and the share s / sqrt(2 pi) */
    const double share = sqrt(fmax(0, out.distance - 1.8 / (double)n) * 1.7725 / 6.2832);
    run->tests[item] = (diagnose_test){.part = PART_ENERGY,
                                       .kind = item > 0 ? KIND_TWO : KIND_JOINT,
                                       .a = item > 0 ? (int)which[0] : -1,
                                       .b = item > 0 ? (int)which[1] : -1,
                                       .p = out.p,
                                       .share = share,
                                       .observed = out.distance};
}

static flow_status energy_run(energy_tests *run, flow_error *err)
{
    diagnosis *d = run->d;
    const size_t n_pairs = d->d * (d->d - 1) / 2;
    flow_parallel_for((int)d->d, d->threads, energy_rank_column, run);
    for (size_t i = 0; i < d->d; i++)
        if (isnan(run->ranks[i * 2 * run->n]))
            return flow_error_memory(err, "the energy distance");
    if (n_pairs > 0) {
        flow_parallel_for((int)d->d, d->threads, energy_screen, run);
        run->n_pairs = n_pairs < TESTED_PAIRS ? (int)n_pairs : TESTED_PAIRS;
        gsl_sort_largest_index(run->pairs, (size_t)run->n_pairs, run->suspicion, 1, d->d * d->d);
    }
    flow_parallel_for(1 + 2 * run->n_pairs, d->threads, energy_test, run);
    for (int i = 0; i <= 2 * run->n_pairs; i++)
        diagnose_add(d, &run->tests[i]);
    return FLOW_OK;
}

flow_status diagnose_energy(diagnosis *d, flow_error *err)
{
    energy_tests run = {.d = d, .n = d->n / 2 < POINTS ? d->n / 2 : POINTS};
    run.n_screen = d->n - run.n < SCREENED ? d->n - run.n : SCREENED;
    if (d->d > MOST_COLUMNS)
        return FLOW_OK;
    run.ranks = malloc(d->d * 2 * run.n * sizeof *run.ranks);
    run.scores = malloc(d->d * 4 * run.n_screen * sizeof *run.scores);
    run.suspicion = malloc(d->d * d->d * sizeof *run.suspicion);
    run.pairs = malloc(TESTED_PAIRS * sizeof *run.pairs);
    flow_status status = FLOW_OK;
    if (run.ranks == NULL || run.scores == NULL || run.suspicion == NULL || run.pairs == NULL)
        status = flow_error_memory(err, "the energy distance");
    if (status == FLOW_OK)
        status = energy_run(&run, err);
    free(run.ranks);
    free(run.scores);
    free(run.suspicion);
    free(run.pairs);
    return status;
}
