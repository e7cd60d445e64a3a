/* Flows with a support against densities that are known: trained on draws from them, they must come close to the truth,
 * and their densities must be densities in the units of the data.
 *
 * The measure is the Kullback-Leibler divergence from the truth, mean(log p_true - log p_model) over fresh draws, in
 * nats; for discrete columns log p_model is the lower bound on the logarithm of the probability that logprob gives.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_bessel.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/rows.h"
#include "known_density.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "train/draws.h"
#include "train/trainer.h"
#include "values.h"

enum { N_TRAINING = 20000, N_HELD_OUT = 4000, MOST_DIM = 2 };

static void expect_close(const truth *t, const learned *l)
{
    double kl = divergence(t, l);
    ASSERT_GT(kl, -0.005);
    ASSERT_LT(kl, 0.02);
}

/* Draws of the model are where they can be, and its log p at them is the log p of those rows. */
static void expect_samples(const learned *l)
{
    enum { N = 100000 };
    flow_error err;
    double *x = malloc(N * MOST_DIM * sizeof *x), *logp = malloc(N * sizeof *logp), *again = malloc(N * sizeof *again);
    double round_trip;
    assert_non_null(x);
    assert_non_null(logp);
    assert_non_null(again);
    flow_rows_sample(l->runner, 5, 0, N, 1, NULL, x, logp, &round_trip);
    flow_rows_logp(l->runner, x, N, again);
    assert_memory_equal(logp, again, N * sizeof *logp);
    for (int r = 0; r < N; r++)
        if (flow_check_row(l->made.f, x + r * l->made.f->dim, &err) != FLOW_OK)
            fail_msg("%s", err.message);
    print_message("           round trip of samples %.1e\n", round_trip);
    ASSERT_LT(round_trip, 0.01);
    free(x);
    free(logp);
    free(again);
}

#define SPEC(columns, block, epochs)                                                           \
    "{\"flow\": [{\"type\": \"support\", \"columns\": {" columns "}}, \"standardize\", " block "]," \
    " \"train\": {\"epochs\": " epochs ", \"optimizer\": {\"rate\": 0.01}}}"
#define SPLINES "{\"type\": \"nsf_ar\", \"repeat\": 2, \"hidden\": [16, 16]}"

/* ---- bounds ---- */

static void draw_exponential(gsl_rng *rng, double *x)
{
    x[0] = gsl_ran_exponential(rng, 0.02);
}

static double logp_exponential(const double *x)
{
    return -x[0] / 0.02 - log(0.02);
}

/* The integral of a density of one column over x = map(t), t from -half to half, by the midpoint rule. */
static double integral(const learned *l, double half, double (*map)(double t, double *slope))
{
    enum { CELLS = 20000 };
    double *x = malloc(CELLS * sizeof *x), *logp = malloc(CELLS * sizeof *logp), step = 2 * half / CELLS, sum = 0,
           slope;
    assert_non_null(x);
    assert_non_null(logp);
    for (int i = 0; i < CELLS; i++)
        x[i] = map(-half + (i + 0.5) * step, &slope);
    flow_rows_logp(l->runner, x, CELLS, logp);
    for (int i = 0; i < CELLS; i++) {
        map(-half + (i + 0.5) * step, &slope);
        sum += exp(logp[i]) * slope * step;
    }
    free(x);
    free(logp);
    print_message("           integral %.6f\n", sum);
    return sum;
}

static double positive(double t, double *slope)
{
    return *slope = exp(t);
}

static double unit(double t, double *slope)
{
    double x = 1 / (1 + exp(-t));
    *slope = x * (1 - x);
    return x;
}

static void test_exponential(void **state)
{
    (void)state;
    truth t = {"exponential", 1, draw_exponential, logp_exponential, N_TRAINING, N_HELD_OUT, 0};
    learned l = learn(&t, SPEC("\"a\": {\"lower\": 0}", SPLINES, "10"));
    expect_close(&t, &l);
    ASSERT_LT(fabs(integral(&l, 40, positive) - 1), 1e-3);
    expect_samples(&l);
    forget(&l);
}

/* A density that is infinite at the upper bound. */
static void draw_beta(gsl_rng *rng, double *x)
{
    x[0] = gsl_ran_beta(rng, 2, 0.7);
}

static double logp_beta(const double *x)
{
    return lgamma(2.7) - lgamma(2) - lgamma(0.7) + log(x[0]) - 0.3 * log1p(-x[0]);
}

static void test_beta(void **state)
{
    (void)state;
    truth t = {"beta", 1, draw_beta, logp_beta, N_TRAINING, N_HELD_OUT, 0};
    learned l = learn(&t, SPEC("\"a\": {\"lower\": 0, \"upper\": 1}", SPLINES, "10"));
    expect_close(&t, &l);
    ASSERT_LT(fabs(integral(&l, 30, unit) - 1), 1e-3);
    expect_samples(&l);
    forget(&l);
}

/* ---- counts ---- */

static const double rate = 2.5;

static void draw_poisson(gsl_rng *rng, double *x)
{
    x[0] = gsl_ran_poisson(rng, rate);
}

static double logp_poisson(const double *x)
{
    return x[0] * log(rate) - rate - lgamma(x[0] + 1);
}

/* log P(k) of the model: its density integrated over the cell of k; and the mean of the density's logarithm there. */
static void cell(const learned *l, int k, double *log_probability, double *mean_log)
{
    enum { N = FLOW_TILE, TILES = 16 };
    flow_error err;
    flow_workspace *ws;
    assert_int_equal(flow_workspace_new(&ws, l->made.f, N, false, &err), FLOW_OK);
    double logp[N], sum = 0;
    *mean_log = 0;
    for (int t = 0; t < TILES; t++) {
        for (int j = 0; j < N; j++)
            ws->x[j] = k + (t * N + j + 0.5) / (N * TILES);
        flow_tile_logp(l->made.f, flow_trainer_best(l->made.trainer), ws, N, logp,
                       NULL); /* without noise: the density at x itself */
        for (int j = 0; j < N; j++) {
            sum += exp(logp[j]) / (N * TILES);
            *mean_log += logp[j] / (N * TILES);
        }
    }
    *log_probability = log(sum);
    flow_workspace_free(ws);
}

static void test_poisson(void **state)
{
    (void)state;
    truth t = {"poisson", 1, draw_poisson, logp_poisson, N_TRAINING, N_HELD_OUT, 0};
    learned l = learn(&t, SPEC("\"a\": {\"discrete\": true, \"lower\": 0}", SPLINES, "10"));
    expect_close(&t, &l);
    expect_samples(&l);
    enum { MOST = 40 };
    double k[MOST], bound[MOST], sum = 0, gap = 0, single = 0;
    for (int i = 0; i < MOST; i++)
        k[i] = i;
    flow_rows_logp(l.runner, k, MOST, bound);
    for (int i = 0; i < MOST; i++) {
        double exact, mean_log, p = exp(logp_poisson(k + i));
        cell(&l, i, &exact, &mean_log);
        ASSERT_LT(mean_log, exact + 1e-9); /* Jensen's inequality */
        sum += exp(exact);
        gap += p * (exact - bound[i]);
        single += p * (exact - mean_log);
    }
    print_message("           sum of all P %.6f; the bound is %.5f nats below log P, with one draw it would be %.5f\n",
                  sum, gap, single);
    ASSERT_LT(fabs(sum - 1), 1e-3); /* in float, and no count is beyond 40 */
    ASSERT_GT(gap, -1e-3);
    ASSERT_LT(gap, 5e-3);
    ASSERT_LT(gap, single);
    forget(&l);
}

/* A count whose mean depends on a bounded column: probability times density. */
static void draw_both(gsl_rng *rng, double *x)
{
    x[0] = gsl_ran_beta(rng, 2, 2) * 6 - 1;
    x[1] = gsl_ran_binomial(rng, (x[0] + 1) / 6, 5);
}

static double logp_both(const double *x)
{
    double p = (x[0] + 1) / 6;
    return log(6 * p * (1 - p)) - log(6) + lgamma(6) - lgamma(x[1] + 1) - lgamma(6 - x[1]) + x[1] * log(p) +
           (5 - x[1]) * log1p(-p);
}

static void test_both(void **state)
{
    (void)state;
    truth t = {"beta-binomial", 2, draw_both, logp_both, N_TRAINING, N_HELD_OUT, 0};
    learned l =
        learn(&t, SPEC("\"a\": {\"lower\": -1, \"upper\": 5}, \"b\": {\"discrete\": true, \"lower\": 0, \"upper\": 5}",
                       "{\"type\": \"nsf_ar\", \"repeat\": 3, \"hidden\": [32, 32]}", "15"));
    expect_close(&t, &l);
    expect_samples(&l);
    forget(&l);
}

/* ---- circles ---- */

/* A von Mises variate by rejection from the uniform distribution, which is enough for kappa of a few. */
static double von_mises(gsl_rng *rng, double mean, double kappa)
{
    for (;;) {
        double t = 2 * M_PI * gsl_rng_uniform(rng);
        if (gsl_rng_uniform(rng) < exp(kappa * (cos(t - mean) - 1)))
            return t;
    }
}

static double density_von_mises(double t, double mean, double kappa)
{
    return exp(kappa * (cos(t - mean) - 1)) / (2 * M_PI * gsl_sf_bessel_I0_scaled(kappa));
}

/* Two of them, one across the seam, in degrees from 0 to 360. */
static void draw_angle(gsl_rng *rng, double *x)
{
    bool first = gsl_rng_uniform(rng) < 0.6;
    double t = von_mises(rng, first ? 0.1 : 2.2, first ? 4 : 12);
    x[0] = t * 180 / M_PI;
}

static double logp_angle(const double *x)
{
    double t = x[0] * M_PI / 180;
    return log((0.6 * density_von_mises(t, 0.1, 4) + 0.4 * density_von_mises(t, 2.2, 12)) * M_PI / 180);
}

/* The log-density of rows that differ by a whole number of periods, or are on both sides of the seam, is the same. */
static void expect_continuous(const learned *l, int column, double period, double begin, const double *row)
{
    double x[4 * MOST_DIM], logp[4], tiny = 1e-6 * period; /* float has 1e-7 of a period */
    int d = l->made.f->dim;
    for (int k = 0; k < 4; k++)
        memcpy(x + k * d, row, (size_t)d * sizeof *x);
    x[column] = begin;
    x[d + column] = begin - tiny;
    x[2 * d + column] = begin + tiny;
    x[3 * d + column] = begin + 3 * period;
    flow_rows_logp(l->runner, x, 4, logp);
    ASSERT_LT(fabs(logp[1] - logp[0]), 2e-3);
    ASSERT_LT(fabs(logp[2] - logp[0]), 2e-3);
    ASSERT_LT(fabs(logp[3] - logp[0]), 1e-4);
}

static void test_circle(void **state)
{
    (void)state;
    enum { CELLS = 3600 };
    truth t = {"von Mises mixture", 1, draw_angle, logp_angle, N_TRAINING, N_HELD_OUT, 0};
    learned l = learn(&t, SPEC("\"a\": {\"periodic\": 360}", SPLINES, "10"));
    expect_close(&t, &l);
    expect_samples(&l);
    expect_continuous(&l, 0, 360, 0, (double[]){0});
    double x[CELLS], logp[CELLS], sum = 0;
    for (int i = 0; i < CELLS; i++)
        x[i] = (i + 0.5) * 360 / CELLS - 720;
    flow_rows_logp(l.runner, x, CELLS, logp);
    for (int i = 0; i < CELLS; i++)
        sum += exp(logp[i]) * 360 / CELLS;
    print_message("           integral over a period %.6f\n", sum);
    ASSERT_LT(fabs(sum - 1), 1e-4);
    flow_rows_sample(l.runner, 7, 0, CELLS, 1, NULL, x, NULL, NULL);
    for (int i = 0; i < CELLS; i++)
        assert_true(x[i] >= 0 && x[i] < 360);
    forget(&l);
}

/* Correlated angles: the second is around twice the first, which winds around the torus. */
static void draw_torus(gsl_rng *rng, double *x)
{
    x[0] = von_mises(rng, 3, 1) - M_PI;
    x[1] = remainder(von_mises(rng, 2 * x[0], 5), 2 * M_PI);
}

static double logp_torus(const double *x)
{
    return log(density_von_mises(x[0] + M_PI, 3, 1) * density_von_mises(x[1], 2 * x[0], 5));
}

static void torus_by(const char *spec)
{
    enum { CELLS = 200 };
    truth t = {"torus", 2, draw_torus, logp_torus, N_TRAINING, N_HELD_OUT, 0};
    learned l = learn(&t, spec);
    expect_close(&t, &l);
    expect_samples(&l);
    for (int k = 0; k < 8; k++) {
        expect_continuous(&l, 0, 2 * M_PI, -M_PI, (double[]){0, 0.8 * k - 3});
        expect_continuous(&l, 1, 2 * M_PI, -M_PI, (double[]){0.8 * k - 3, 0});
    }
    double rows[CELLS * 2], logp[CELLS], sum = 0, step = 2 * M_PI / CELLS;
    for (int i = 0; i < CELLS; i++) {
        for (int j = 0; j < CELLS; j++) {
            rows[2 * j] = (i + 0.5) * step;
            rows[2 * j + 1] = (j + 0.5) * step;
        }
        flow_rows_logp(l.runner, rows, CELLS, logp);
        for (int j = 0; j < CELLS; j++)
            sum += exp(logp[j]) * step * step;
    }
    print_message("           integral over the torus %.6f\n", sum);
    ASSERT_LT(fabs(sum - 1), 2e-3);
    forget(&l);
}

#define TORUS "\"a\": {\"periodic\": 6.283185307179586}, \"b\": {\"periodic\": 6.283185307179586}"

static void test_torus_by_maf(void **state)
{
    (void)state;
    torus_by(SPEC(TORUS, "{\"type\": \"maf\", \"repeat\": 3, \"hidden\": [48, 48], \"activation\": \"silu\"}", "25"));
}

static void test_torus_by_couplings(void **state)
{
    (void)state;
    torus_by(SPEC(TORUS, "{\"type\": \"coupling\", \"repeat\": 6, \"hidden\": [48, 48], \"activation\": \"silu\"}",
                  "25"));
}

/* A line whose mean goes around with an angle. */
static void draw_cylinder(gsl_rng *rng, double *x)
{
    x[1] = von_mises(rng, 1, 2);
    x[0] = 100 + 10 * cos(x[1]) + gsl_ran_gaussian(rng, 2);
}

static double logp_cylinder(const double *x)
{
    return log(density_von_mises(x[1], 1, 2) * gsl_ran_gaussian_pdf(x[0] - 100 - 10 * cos(x[1]), 2));
}

static void test_cylinder(void **state)
{
    (void)state;
    truth t = {"cylinder", 2, draw_cylinder, logp_cylinder, N_TRAINING, N_HELD_OUT, 0};
    learned l =
        learn(&t, SPEC("\"b\": {\"periodic\": 6.283185307179586}",
                       "{\"type\": \"maf\", \"repeat\": 4, \"hidden\": [32, 32], \"activation\": \"silu\"}", "20"));
    expect_close(&t, &l);
    expect_samples(&l);
    for (int k = 0; k < 5; k++)
        expect_continuous(&l, 1, 2 * M_PI, 0, (double[]){90 + 5 * k, 0});
    forget(&l);
}

/* ---- without data ---- */

/* Draws of a flow with supports, fitted to a density that has them too (test/densities/bounded.c). */
static void test_reverse_kl(void **state)
{
    (void)state;
    static const char spec[] =
        "{\"flow\": [{\"type\": \"support\", \"columns\": {\"rate\": {\"lower\": 0}, "
        "\"angle\": {\"periodic\": 6.283185307179586}, \"share\": {\"lower\": 0, \"upper\": 1}}}, "
        "{\"type\": \"nsf\", \"repeat\": 4, \"hidden\": [16]}], "
        "\"train\": {\"objective\": {\"type\": \"reverse_kl\", \"density\": \"bounded.so\", \"steps\": 100}, "
        "\"epochs\": 12, \"batch\": 512, \"optimizer\": {\"rate\": 0.01}}}";
    flow_error err = {0};
    flow_target *target;
    flow_draws *drawn = NULL;
    flow_estimate found;
    int n_threads = flow_processors();
    if (flow_target_open(&target, "build/densities/test/bounded.so", 3, true, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    subject s;
    subject_open(&s, (subject_shape){.dim = 3, .columns = target->columns, .seed = 1}, "%s", spec);
    subject_start_target(&s, target, n_threads);
    subject_run(&s);
    if (flow_draws_new(&drawn, s.f, flow_trainer_best(s.trainer), target, NULL, n_threads, &err) != FLOW_OK ||
        flow_draws_estimate(&found, drawn, 1, 50000, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    double log_z = log(2 * M_PI * gsl_sf_bessel_I0(3) / 12);
    print_message("           bound %.4f, log Z %.4f +- %.4f; it is %.4f\n", found.bound, found.log_z,
                  found.log_z_error, log_z);
    assert_int_equal(found.not_finite, 0);
    ASSERT_LT(found.bound, log_z + 0.002);
    ASSERT_GT(found.bound, log_z - 0.02);
    ASSERT_LT(fabs(found.log_z - log_z), 4 * found.log_z_error + 1e-3);
    flow_draws_free(drawn);
    subject_close(&s);
    flow_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exponential),
        cmocka_unit_test(test_beta),
        cmocka_unit_test(test_poisson),
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_torus_by_maf),
        cmocka_unit_test(test_torus_by_couplings),
        cmocka_unit_test(test_cylinder),
        cmocka_unit_test(test_reverse_kl),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
