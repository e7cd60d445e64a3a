/* The column map "asinh": its map against the formulas in long double, what it makes of known distributions, and rows
 * far outside of the data, in front of a MAF as well. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/column/asinh_fit.h"
#include "num/rng.h"
#include "values.h"

enum { ROWS = 8192 };

static double uniform(uint64_t row, uint32_t column)
{
    return flow_rng_uniform(17, FLOW_STREAM_OTHER, row, column);
}

static double normal(uint64_t row, uint32_t column)
{
    return sqrt(-2 * log(uniform(row, column))) * cos(2 * acos(-1.0) * uniform(row, column + 100));
}

/* ---- the map ---- */

static const flow_asinh_options usual = {false};

static const flow_asinh maps[] = {
    {0, 1, 0, 1, 4},            {0.3, 5e3, 1e-5, 2e-4, 4.9}, {125.09, 1e-3, 9, 2, 12},
    {-1e6, 3e5, -2, 0.5, 1000}, {2e-5, 6e-5, 13, 3.8, 1000},
};

enum { N_MAPS = sizeof maps / sizeof *maps };

static const flow_column *open_map(subject *s, const flow_asinh *a)
{
    subject_open(s, (subject_shape){.dim = 1, .seed = 1}, "{\"flow\": [\"asinh\"]}");
    const double numbers[] = {a->center, a->scale, a->mean, a->deviation, a->turn};
    memcpy(s->f->params.fitted, numbers, sizeof numbers);
    return &s->f->columns[0];
}

static void exact(const flow_asinh *a, double x, long double *z, long double *logdet)
{
    long double y = (long double)x - a->center, t = asinhl(y / a->scale), u = (t - a->mean) / a->deviation;
    long double v = fabsl(u) / a->turn, root = v > 0 ? powl(log1pl(powl(v, 4)), 0.25L) : 0;
    *z = copysignl(a->turn * root, u);
    *logdet = -logl(hypotl(y, a->scale)) - logl(a->deviation) + (v > 0 ? 3 * logl(v / root) : 0) - log1pl(powl(v, 4));
}

static void the_map_follows_the_formula(void **state)
{
    (void)state;
    for (int k = 0; k < N_MAPS; k++) {
        subject s;
        const flow_asinh *a = &maps[k];
        const flow_column *map = open_map(&s, a);
        for (int side = -1; side <= 1; side += 2) {
            double last = NAN;
            for (int e = -100; e < 3000; e++) {
                double x = a->center + side * a->scale * pow(10, e / 10.), z, back, logdet = 0, logdet_back = 0;
                long double z_exact, logdet_exact;
                if (!(fabs(x) < 1e300))
                    break;
                exact(a, x, &z_exact, &logdet_exact);
                map->type->to_latent(map->state, s.f->params.fitted, 1, &x, &z, &logdet);
                map->type->to_data(map->state, s.f->params.fitted, 1, &z, &back, &logdet_back);
                /* t has the digits of the mean that is subtracted from it */
                double digits = DBL_EPSILON * (4 + 4 * fabs(a->mean) / a->deviation);
                if (!(fabsl(z - z_exact) <= digits * (1 + fabsl(z_exact))) ||
                    !(fabsl(logdet - logdet_exact) <= digits * (8 + 4 * fabsl(logdet_exact))))
                    fail_msg("map %d at %.17g: z %.17g, not %.17Lg; log-determinant %.17g, not %.17Lg", k, x, z,
                             z_exact, logdet, logdet_exact);
                /* x comes back as exactly as z says where it is; slopes are 1 / exp(logdet) */
                double slack = 4 * DBL_EPSILON * (fabs(x) + fabs(a->center) + (fabs(z) + digits) * exp(-logdet));
                if (!(fabs(back - x) <= slack) && fabs(x) < 1e100)
                    fail_msg("map %d at %.17g: back at %.17g, allowed %g", k, x, back, slack);
                if (fabs(x) < 1e100)
                    ASSERT_NEAR(logdet + logdet_back, 0, 1e-11 * (1 + fabs(logdet)));
                if (!isnan(last) && e > 0 && !(side * (z - last) > 0))
                    fail_msg("map %d at %.17g: not monotone", k, x);
                ASSERT_LT(fabs(z), 1500);
                last = z;
            }
        }
        subject_close(&s);
    }
}

/* No number becomes NaN, whatever a network makes of a latent. */
static void latents_far_out(void **state)
{
    (void)state;
    static const double latents[] = {0, 1e-300, -1e-20, 12, -20, 40, -1e3, 1e10, -1e300};
    for (int k = 0; k < N_MAPS; k++) {
        subject s;
        const flow_column *map = open_map(&s, &maps[k]);
        for (size_t j = 0; j < sizeof latents / sizeof *latents; j++) {
            double x, logdet = 0;
            map->type->to_data(map->state, s.f->params.fitted, 1, &latents[j], &x, &logdet);
            assert_false(isnan(x) || isnan(logdet));
        }
        subject_close(&s);
    }
}

/* ---- known distributions ---- */

static double draw_normal(uint64_t r)
{
    return 3 + 0.01 * normal(r, 1);
}
static double draw_uniform(uint64_t r)
{
    return uniform(r, 1);
}
static double draw_laplace(uint64_t r)
{
    return log(uniform(r, 1)) - log(uniform(r, 2));
}
static double draw_cauchy(uint64_t r)
{
    return tan(acos(-1.0) * (uniform(r, 1) - 0.5));
}
static double draw_exponential(uint64_t r)
{
    return -log(uniform(r, 1));
}
static double draw_decades(uint64_t r)
{
    return exp(3.8 * normal(r, 1));
}
static double draw_mirrored(uint64_t r)
{
    return -exp(3.8 * normal(r, 1));
}
static double draw_pareto(uint64_t r)
{
    return 1 / uniform(r, 1);
}

static double log_normal_density(double z)
{
    return -0.5 * z * z - 0.5 * log(2 * acos(-1.0));
}

static double logp_normal(double x)
{
    return log_normal_density((x - 3) / 0.01) - log(0.01);
}
static double logp_uniform(double x)
{
    return 0 * x;
}
static double logp_laplace(double x)
{
    return -fabs(x) - log(2.0);
}
static double logp_cauchy(double x)
{
    return -log(acos(-1.0) * (1 + x * x));
}
static double logp_exponential(double x)
{
    return -x;
}
static double logp_decades(double x)
{
    return log_normal_density(log(fabs(x)) / 3.8) - log(3.8 * fabs(x));
}
static double logp_pareto(double x)
{
    return -2 * log(x);
}

/* The divergence of the map with a normal base, in nats: what the blocks behind it have to learn. */
static const struct {
    const char *name;
    double (*draw)(uint64_t row), (*logp)(double x);
    double most;
} known[] = {
    {"normal", draw_normal, logp_normal, 0.001},
    {"uniform", draw_uniform, logp_uniform, 0.185},
    {"Laplace", draw_laplace, logp_laplace, 0.012},
    {"Cauchy", draw_cauchy, logp_cauchy, 0.02},
    {"exponential", draw_exponential, logp_exponential, 0.06},
    {"ten decades", draw_decades, logp_decades, 0.02},
    {"mirrored", draw_mirrored, logp_decades, 0.02},
    {"Pareto", draw_pareto, logp_pareto, 0.02},
};

static void fit(subject *s, const char *map, const double *rows, size_t n)
{
    flow_error err = {0};
    subject_open(s, (subject_shape){.dim = 1, .seed = 1}, "{\"flow\": [\"%s\"]}", map);
    subject_init_weights(s, 1);
    if (flow_fit(s->f, s->weights, rows, n, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void logp_of(const subject *s, const real *weights, const double *rows, size_t n, double *logp)
{
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s->f, weights, 1, NULL), FLOW_OK);
    flow_rows_logp(runner, rows, n, logp);
    flow_runner_free(runner);
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += values[k];
    return sum / (double)n;
}

static void known_distributions_become_normal(void **state)
{
    (void)state;
    static double rows[ROWS], fresh[ROWS], logp[ROWS];
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        double truth = 0;
        for (uint64_t r = 0; r < ROWS; r++) {
            rows[r] = known[k].draw(r);
            fresh[r] = known[k].draw(r + 1000000);
            truth += known[k].logp(fresh[r]) / ROWS;
        }
        subject s;
        fit(&s, "standardize", rows, ROWS);
        logp_of(&s, s.weights, fresh, ROWS, logp);
        double of_standardize = truth - mean_of(logp, ROWS);
        subject_close(&s);
        fit(&s, "asinh", rows, ROWS);
        logp_of(&s, s.weights, fresh, ROWS, logp);
        double divergence = truth - mean_of(logp, ROWS);
        print_message("           %s: %.4f nats, with standardize %.4f\n", known[k].name, divergence, of_standardize);
        ASSERT_LT(divergence, known[k].most);
        ASSERT_LT(divergence, of_standardize + 0.005);
        /* the density falls on both sides at last: a straight map has the most to gain from its turn */
        static const double out[] = {1e2, 1e4, 1e6, 1e12}, scales[] = {0.01, 1};
        for (int side = -1; side <= 1; side += 2) {
            double before = INFINITY;
            for (size_t j = 0; j < 4; j++) {
                double x = side * out[j] * scales[k > 0], at;
                logp_of(&s, s.weights, &x, 1, &at);
                if (!(at < before) || !(at > -250))
                    fail_msg("%s: %g at %g, %g before", known[k].name, at, x, before);
                before = at;
            }
        }
        subject_close(&s);
    }
}

/* Three rows that are anything at all move the numbers by no more than the rows beside them. */
static void single_rows_change_nothing(void **state)
{
    (void)state;
    static const double values[][3] = {{1e6, 1e6, 1e6}, {-1e12, 1e12, 0}, {1e300, -1e300, 5800}};
    static double rows[ROWS], fresh[ROWS], logp[ROWS];
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        subject s;
        for (uint64_t r = 0; r < ROWS; r++) {
            rows[r] = known[k].draw(r);
            fresh[r] = known[k].draw(r + 1000000);
        }
        fit(&s, "asinh", rows, ROWS);
        logp_of(&s, s.weights, fresh, ROWS, logp);
        subject_close(&s);
        double clean = mean_of(logp, ROWS);
        for (int j = 0; j < 3; j++) {
            memcpy(rows, values[j], sizeof values[j]);
            fit(&s, "asinh", rows, ROWS);
            logp_of(&s, s.weights, fresh, ROWS, logp);
            ASSERT_NEAR(mean_of(logp, ROWS), clean, 0.002);
            logp_of(&s, s.weights, rows, 3, logp);
            for (int i = 0; i < 3; i++)
                assert_true(isfinite(logp[i]) && logp[i] > (fabs(values[j][i]) > 1e100 ? -1e5 : -250));
            subject_close(&s);
        }
    }
}

/* ---- sparing ---- */

/* A normal column around 0 with the deviation 0.01, and exponential values of 1 in a twentieth of the rows. */
static double draw_sharp(uint64_t r)
{
    return 0.01 * normal(r, 1) + (uniform(r, 7) < 0.05 ? -log(uniform(r, 8)) : 0);
}

static flow_asinh fit_drawn(double (*draw)(uint64_t r), bool sparing, double *width)
{
    static double values[ROWS];
    flow_asinh a;
    for (uint64_t r = 0; r < ROWS; r++)
        values[r] = draw(r);
    assert_true(flow_asinh_fit(&a, &(flow_asinh_options){.sparing = sparing}, values, ROWS));
    *width = values[ROWS - 20] - values[19]; /* they are sorted now */
    return a;
}

static bool is_curved(double (*draw)(uint64_t r), bool sparing)
{
    double width;
    return fit_drawn(draw, sparing, &width).scale < 100 * width;
}

static void a_sparing_map_bends_smooth_tails_only(void **state)
{
    (void)state;
    double width;
    assert_true(is_curved(draw_cauchy, true) && is_curved(draw_pareto, true) && is_curved(draw_decades, true));
    assert_true(is_curved(draw_sharp, false) && is_curved(draw_exponential, false));
    assert_false(is_curved(draw_sharp, true) || is_curved(draw_exponential, true) || is_curved(draw_normal, true));
    ASSERT_EQ(fit_drawn(draw_cauchy, true, &width).scale, fit_drawn(draw_cauchy, false, &width).scale);
    ASSERT_NEAR(fit_drawn(draw_normal, true, &width).turn, 8, 0.01);
    ASSERT_LT(fit_drawn(draw_normal, false, &width).turn, 6);
}

/* ---- few values, and equal ones ---- */

static void ties_and_few_rows(void **state)
{
    (void)state;
    static double values[ROWS];
    flow_asinh a;
    assert_false(flow_asinh_fit(&a, &usual, (double[]){1}, 1));
    assert_false(flow_asinh_fit(&a, &usual, (double[]){1, 1, 1}, 3));
    assert_false(flow_asinh_fit(&a, &usual, (double[]){-1.5e308, 1.5e308, 0, 1}, 4));
    assert_true(flow_asinh_fit(&a, &usual, (double[]){1, 2}, 2));
    ASSERT_NEAR(a.mean + a.deviation * 1, asinh((2 - a.center) / a.scale), 1e-9);
    /* many zeros are no reason to look at zero through a magnifying glass */
    for (int share = 1; share <= 3; share++) {
        for (uint64_t r = 0; r < ROWS; r++)
            values[r] = uniform(r, 3) < (share == 3 ? 0.9995 : 0.45 * share) ? 0 : exp(normal(r, 4));
        assert_true(flow_asinh_fit(&a, &usual, values, ROWS));
        ASSERT_GT(a.scale, 1e-3);
    }
    subject s;
    flow_error err;
    static const char *const columns[] = {"x", "flat"};
    static const double rows[] = {1, 7, 2, 7, 3, 7};
    subject_open(&s, (subject_shape){.dim = 2, .columns = columns, .seed = 1}, "{\"flow\": [\"asinh\"]}");
    subject_init_weights(&s, 1);
    assert_int_equal(flow_fit(s.f, s.weights, rows, 3, columns, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "column 2 flat has no spread"));
    subject_close(&s);
    /* numbers from a file that cannot be */
    fit(&s, "asinh", values, ROWS);
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    for (int k = 1; k < 5; k++) {
        double kept = s.f->params.fitted[k];
        s.f->params.fitted[k] = k == 2 ? NAN : 0;
        assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
        s.f->params.fitted[k] = kept;
    }
    subject_close(&s);
}

/* ---- in front of a MAF ---- */

enum { N_TRAINING = 6000, N_HELD_OUT = 2000, D = 3 };

/* A normal column, one of heavy tails, and one over ten decades; all depend on the first. */
static void make_rows(double *rows, uint64_t first, size_t n)
{
    for (size_t r = 0; r < n; r++) {
        uint64_t at = first + r;
        double a = normal(at, 1), tail = exp(-log(uniform(at, 5)) / 1.5);
        rows[r * D] = a;
        rows[r * D + 1] = (normal(at, 2) + 0.8 * a) * tail;
        rows[r * D + 2] = exp(3.8 * (0.6 * normal(at, 3) + 0.8 * a));
    }
}

/* The mean log-density of held-out rows, after a training with the row (far, 0, 1) in it; and the log-densities of rows
 * that are 1e4 out in one column. */
static double held_out_after(const char *map, double far, double *of_far)
{
    static double rows[N_TRAINING * D], held_out[N_HELD_OUT * D], logp[N_HELD_OUT];
    static const char *const columns[] = {"a", "b", "c"};
    make_rows(rows, 0, N_TRAINING);
    make_rows(held_out, 1000000, N_HELD_OUT);
    if (far != 0)
        memcpy(rows + 55 * D, (double[]){far, 0, 1}, D * sizeof *rows);
    flow_dataset *training = make_dataset("training.h5", columns, D, rows, N_TRAINING, NULL);
    flow_dataset *validation = make_dataset("held_out.h5", columns, D, held_out, N_HELD_OUT, NULL);
    subject s;
    subject_open(&s, (subject_shape){.dim = D, .columns = columns, .seed = 1},
                 "{\"flow\": [\"%s\", {\"type\": \"maf\", \"hidden\": [32, 32]}], \"train\": {\"epochs\": 8, "
                 "\"optimizer\": {\"rate\": 0.003}}}",
                 map);
    subject_start(&s, training, validation, 1);
    subject_run(&s);
    const real *best = flow_trainer_best(s.trainer);
    logp_of(&s, best, held_out, N_HELD_OUT, logp);
    double mean = mean_of(logp, N_HELD_OUT);
    static const double far_rows[] = {1e4, 0, 1, -1e4, 0, 1, 0, 1e4, 1, 0, -1e4, 1, 0, 0, 1e4, 0, 0, -1e4};
    logp_of(&s, best, far_rows, 6, of_far);
    flow_dataset_close(training);
    flow_dataset_close(validation);
    subject_close(&s);
    return mean;
}

static void a_maf_behind_it(void **state)
{
    (void)state;
    double of_far[6], standardized[6], clean = held_out_after("asinh", 0, of_far);
    double mean_standardized = held_out_after("standardize", 0, standardized);
    for (int k = 0; k < 6; k++)
        print_message("           column %d, 1e4 out: %.1f nats, with standardize %.2g\n", k / 2 + 1, of_far[k],
                      standardized[k]);
    for (int k = 0; k < 6; k++)
        assert_true(isfinite(of_far[k]) && of_far[k] > -1000);
    double with_far = held_out_after("asinh", 1e6, of_far),
           standardized_with_far = held_out_after("standardize", 1e6, standardized);
    print_message("           held-out mean %.4f, and %.4f after a row 1e6 out; with standardize %.3f, %.3f\n", clean,
                  with_far, mean_standardized, standardized_with_far);
    ASSERT_NEAR(with_far, clean, 0.05);
    ASSERT_LT(mean_standardized, clean - 1);
    for (int k = 0; k < 6; k++)
        assert_true(isfinite(of_far[k]) && of_far[k] > -1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_map_follows_the_formula),
        cmocka_unit_test(latents_far_out),
        cmocka_unit_test(known_distributions_become_normal),
        cmocka_unit_test(single_rows_change_nothing),
        cmocka_unit_test(a_sparing_map_bends_smooth_tails_only),
        cmocka_unit_test(ties_and_few_rows),
        cmocka_unit_test(a_maf_behind_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
