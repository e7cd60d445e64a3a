/* The bases: densities and draws against GSL, and for every registered one that the density integrates to 1, that the
 * draws follow it, and that a draw depends on its seed and row alone.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/registry.h"
#include "harness.h"
#include "num/rng.h"
#include "values.h"

enum { N = 16, DRAWS = 20480 };

static const bool is_double = sizeof(real) == sizeof(double);

/* ---- a flow without blocks, so that its log-density is that of its base ---- */

static subject open_base(const char *json, int dim)
{
    subject s;
    subject_open(&s, (subject_shape){.dim = dim, .seed = 5}, "{\"base\": %s}", json);
    subject_init_weights(&s, 7);
    subject_workspace(&s, FLOW_TILE, true);
    return s;
}

static double uniform(int row, int column)
{
    return 2 * flow_rng_uniform(19, FLOW_STREAM_OTHER, (uint64_t)row, (uint32_t)column) - 1;
}

static void shake_weights(subject *s, double size)
{
    for (int e = 0; e < s->f->params.n_entries; e++) {
        const flow_param *entry = &s->f->params.entries[e];
        for (int k = 0; k < entry->rows * entry->cols; k++)
            s->weights[entry->offset + (size_t)k] += (real)(size * uniform(e, k));
    }
}

static real *values_of(const subject *s, const char *name)
{
    for (int e = 0; e < s->f->params.n_entries; e++)
        if (strcmp(s->f->params.entries[e].name, name) == 0)
            return s->weights + s->f->params.entries[e].offset;
    fail_msg("there is no \"%s\"", name);
    return NULL;
}

/* Log-densities of N rows (d, N). */
static void log_density(const subject *s, const double *z, double *logp)
{
    memcpy(s->ws->x, z, (size_t)s->f->dim * N * sizeof *z);
    flow_tile_logp(s->f, s->weights, s->ws, N, logp, NULL);
}

static void draw(const subject *s, uint64_t seed, uint64_t first_row, int n, double temperature, real *z)
{
    flow_tile_draw(s->f, s->weights, s->ws, n, seed, first_row, temperature);
    memcpy(z, s->ws->a, (size_t)s->f->dim * (size_t)n * sizeof *z);
}

/* DRAWS values of dimension `i`, sorted. */
static double *sorted_draws(const subject *s, int i)
{
    double *values = malloc(DRAWS * sizeof *values);
    real *z = malloc((size_t)s->f->dim * FLOW_TILE * sizeof *z);
    assert_non_null(values);
    assert_non_null(z);
    for (int first = 0; first < DRAWS; first += FLOW_TILE) {
        draw(s, 3, (uint64_t)first, FLOW_TILE, 1, z);
        for (int j = 0; j < FLOW_TILE; j++)
            values[first + j] = (double)z[i * FLOW_TILE + j];
    }
    free(z);
    gsl_sort(values, 1, DRAWS);
    return values;
}

/* ---- what GSL says: density and distribution function of one dimension ---- */

typedef struct law {
    const char *json;
    double (*density)(const subject *s, int i, double z); /* NULL: the dimensions are not independent */
    double (*below)(const subject *s, int i, double z);
    double reach;
} law;

static double degrees(const subject *s, int i)
{
    double a = (double)values_of(s, "base/log_degrees")[i];
    return 1 + 9 * exp(a / sqrt(1 + a * a / 49));
}

static double t_density(const subject *s, int i, double z)
{
    return gsl_ran_tdist_pdf(z, degrees(s, i));
}

static double t_below(const subject *s, int i, double z)
{
    return gsl_cdf_tdist_P(z, degrees(s, i));
}

static double wild_density(const subject *s, int i, double z)
{
    return 0.9 * t_density(s, i, z) + 0.1 * gsl_ran_cauchy_pdf(z, 1);
}

static double wild_below(const subject *s, int i, double z)
{
    return 0.9 * t_below(s, i, z) + 0.1 * gsl_cdf_cauchy_P(z, 1);
}

static double normal_density(const subject *s, int i, double z)
{
    (void)s, (void)i;
    return gsl_ran_ugaussian_pdf(z);
}

static double normal_below(const subject *s, int i, double z)
{
    (void)s, (void)i;
    return gsl_cdf_ugaussian_P(z);
}

static double logistic_density(const subject *s, int i, double z)
{
    (void)s, (void)i;
    return gsl_ran_logistic_pdf(z, 1);
}

static double logistic_below(const subject *s, int i, double z)
{
    (void)s, (void)i;
    return gsl_cdf_logistic_P(z, 1);
}

static double box_density(const subject *s, int i, double z)
{
    (void)s, (void)i;
    return gsl_ran_flat_pdf(z, -2, 2);
}

static double box_below(const subject *s, int i, double z)
{
    (void)s, (void)i;
    return gsl_cdf_flat_P(z, -2, 2);
}

/* Flat on (-1, 1), and the halves of a normal distribution of deviation 0.5 beside it. */
static double shoulder_density(const subject *s, int i, double z)
{
    (void)s, (void)i;
    double outside = fmax(fabs(z) - 1, 0), height = 1 / (2 + 0.5 * sqrt(2 * acos(-1)));
    return height * gsl_ran_gaussian_pdf(outside, 0.5) / gsl_ran_gaussian_pdf(0, 0.5);
}

static double shoulder_below(const subject *s, int i, double z)
{
    (void)s, (void)i;
    double halves = 0.5 * sqrt(2 * acos(-1)), height = 1 / (2 + halves);
    double left = gsl_cdf_gaussian_P(fmin(z + 1, 0), 0.5), right = gsl_cdf_gaussian_P(fmax(z - 1, 0), 0.5) - 0.5;
    return height * (halves * (left + right) + fmin(fmax(z, -1), 1) + 1);
}

static const law laws[] = {
    {"\"normal\"", normal_density, normal_below, 6},
    {"\"student_t\"", t_density, t_below, 30},
    {"{\"type\": \"student_t\", \"outliers\": 0.1}", wild_density, wild_below, 30},
    {"{\"type\": \"student_t\", \"outlier_rows\": 0.25, \"outlier_spread\": 0.4}", NULL, wild_below, 30},
    {"\"logistic\"", logistic_density, logistic_below, 20},
    {"{\"type\": \"uniform\", \"bound\": 2, \"edge\": 0}", box_density, box_below, 2},
    {"{\"type\": \"uniform\", \"bound\": 1, \"edge\": 0.5}", shoulder_density, shoulder_below, 4},
};
enum { N_LAWS = sizeof laws / sizeof *laws, DIM = 3 };

static void densities_against_gsl(void **state)
{
    (void)state;
    for (int l = 0; l < N_LAWS; l++) {
        if (laws[l].density == NULL)
            continue;
        subject s = open_base(laws[l].json, DIM);
        shake_weights(&s, 2);
        for (int round = 0; round < 20; round++) {
            double z[DIM * N], logp[N];
            for (int k = 0; k < DIM * N; k++)
                z[k] = (double)(real)(laws[l].reach * uniform(round, k));
            log_density(&s, z, logp);
            for (int j = 0; j < N; j++) {
                double expected = 0;
                for (int i = 0; i < DIM; i++)
                    expected += log(laws[l].density(&s, i, z[i * N + j]));
                ASSERT_NEAR(logp[j], expected, (is_double ? 1e-12 : 2e-6) * (1 + fabs(expected)));
            }
        }
        subject_close(&s);
    }
}

/* The share of outliers is one of rows: a row is from one of two products. Far out, where float has no digits for the
 * exponent of the other part, too. */
static void outlier_rows_against_gsl(void **state)
{
    (void)state;
    subject s = open_base("{\"type\": \"student_t\", \"outlier_rows\": 0.05, \"outlier_spread\": 0.3}", DIM);
    shake_weights(&s, 2);
    for (int round = 0; round < 40; round++) {
        double z[DIM * N], logp[N];
        for (int k = 0; k < DIM * N; k++)
            z[k] = (double)(real)(uniform(round, k) * pow(10, 3 * uniform(round, k + 1000)));
        log_density(&s, z, logp);
        for (int j = 0; j < N; j++) {
            double usual = 0.95, strange = 0.05;
            for (int i = 0; i < DIM; i++) {
                const double p = t_density(&s, i, z[i * N + j]);
                usual *= p;
                strange *= 0.7 * p + 0.3 * gsl_ran_cauchy_pdf(z[i * N + j], 1);
            }
            const double expected = log(usual + strange);
            ASSERT_NEAR(logp[j], expected, (is_double ? 1e-12 : 2e-6) * (1 + fabs(expected)));
        }
    }
    subject_close(&s);
}

/* Of the rows that have values far out, as many have two of them as the mixture of rows says: with a share of every
 * dimension there would be one such row in 400 draws. */
static void outlier_rows_are_joint(void **state)
{
    (void)state;
    subject s = open_base("{\"type\": \"student_t\", \"degrees\": 1000, \"outlier_rows\": 0.1, "
                          "\"outlier_spread\": 0.5}",
                          2);
    real z[2 * FLOW_TILE];
    int one = 0, both = 0;
    for (int first = 0; first < DRAWS; first += FLOW_TILE) {
        draw(&s, 9, (uint64_t)first, FLOW_TILE, 1, z);
        for (int j = 0; j < FLOW_TILE; j++) {
            const int far = (fabs((double)z[j]) > 6) + (fabs((double)z[FLOW_TILE + j]) > 6);
            one += far == 1;
            both += far == 2;
        }
    }
    const double p = 0.5 * 2 * gsl_cdf_cauchy_Q(6, 1), expect_one = 0.1 * 2 * p * (1 - p), expect_both = 0.1 * p * p;
    ASSERT_NEAR((double)one / DRAWS, expect_one, 5 * sqrt(expect_one / DRAWS));
    ASSERT_NEAR((double)both / DRAWS, expect_both, 5 * sqrt(expect_both / DRAWS));
    subject_close(&s);
}

/* Kolmogorov and Smirnov: sqrt(n) times the largest distance is beyond 2 once in 1,500 times. */
static void draws_against_gsl(void **state)
{
    (void)state;
    for (int l = 0; l < N_LAWS; l++) {
        subject s = open_base(laws[l].json, DIM);
        shake_weights(&s, 2);
        for (int i = 0; i < DIM; i++) {
            double *z = sorted_draws(&s, i), distance = 0;
            for (int k = 0; k < DRAWS; k++) {
                double below = laws[l].below(&s, i, z[k]);
                distance = fmax(distance, fmax(fabs(below - (double)k / DRAWS), fabs(below - (k + 1.) / DRAWS)));
            }
            if (!(distance * sqrt(DRAWS) < 2))
                fail_msg("%s, dimension %d: distance %g", laws[l].json, i, distance);
            free(z);
        }
        subject_close(&s);
    }
}

/* to_uniform of N rows (d, N). */
static void uniforms(const subject *s, const real *z, double *u)
{
    flow_tile_to_uniform(s->f, s->weights, s->ws, N, z);
    memcpy(u, s->ws->x, (size_t)s->f->dim * N * sizeof *u);
}

static void distribution_functions_against_gsl(void **state)
{
    (void)state;
    for (int l = 0; l < N_LAWS; l++) {
        if (laws[l].density == NULL)
            continue;
        subject s = open_base(laws[l].json, DIM);
        shake_weights(&s, 2);
        real z[DIM * N];
        double u[DIM * N];
        for (int k = 0; k < DIM * N; k++)
            z[k] = (real)(laws[l].reach * uniform(l, k));
        uniforms(&s, z, u);
        for (int k = 0; k < DIM * N; k++)
            ASSERT_NEAR(u[k], laws[l].below(&s, k / N, (double)z[k]), is_double ? 1e-12 : 1e-6);
        subject_close(&s);
    }
}

static void mixture_against_gsl(void **state)
{
    (void)state;
    enum { K = 4 };
    subject s = open_base("{\"type\": \"mixture\", \"components\": 4, \"bound\": 2}", DIM);
    shake_weights(&s, 1.5);
    const real *logit = values_of(&s, "base/logits"), *mean = values_of(&s, "base/means");
    const real *raw = values_of(&s, "base/log_scales");
    for (int round = 0; round < 20; round++) {
        double z[DIM * N], logp[N];
        for (int k = 0; k < DIM * N; k++)
            z[k] = (double)(real)(4 * uniform(round, k));
        log_density(&s, z, logp);
        for (int j = 0; j < N; j++) {
            double density = 0, sum = 0;
            for (int k = 0; k < K; k++) {
                double term = exp((double)logit[k]);
                sum += term;
                for (int i = 0; i < DIM; i++) {
                    double a = (double)raw[k * DIM + i], sigma = sqrt(2 / 3.) * exp(a / sqrt(1 + a * a / 4));
                    term *= gsl_ran_gaussian_pdf(z[i * N + j] - (double)mean[k * DIM + i], sigma);
                }
                density += term;
            }
            ASSERT_NEAR(logp[j], log(density / sum), (is_double ? 1e-12 : 4e-6) * (1 + fabs(log(density / sum))));
        }
    }
    subject_close(&s);
}

/* The components of a mixture are of all dimensions together, and as many draws come from each as its weight says. */
static void mixture_is_joint(void **state)
{
    (void)state;
    subject s = open_base("{\"type\": \"mixture\", \"components\": 2}", 2);
    real *mean = values_of(&s, "base/means"), *logit = values_of(&s, "base/logits"), z[2 * FLOW_TILE];
    logit[0] = (real)log(3);
    logit[1] = 0;
    for (int i = 0; i < 2; i++) {
        mean[i] = 6;
        mean[2 + i] = -6;
    }
    int positive = 0;
    for (int first = 0; first < DRAWS; first += FLOW_TILE) {
        draw(&s, 9, (uint64_t)first, FLOW_TILE, 1, z);
        for (int j = 0; j < FLOW_TILE; j++) {
            ASSERT_EQ((z[j] > 0), (z[FLOW_TILE + j] > 0));
            positive += z[j] > 0;
        }
    }
    ASSERT_NEAR((double)positive / DRAWS, 0.75, 5 * sqrt(0.75 * 0.25 / DRAWS));
    subject_close(&s);
}

/* ---- every registered base ---- */

/* The Jacobian of to_uniform is triangular, and the product of its diagonal is the density. */
static void uniforms_have_the_density(void **state)
{
    (void)state;
    const double step = is_double ? 1e-5 : 1e-2;
    for (int b = -1; b < 0 || flow_bases.types[b] != NULL; b++) {
        char json[80] = "{\"type\": \"student_t\", \"outlier_rows\": 0.3, \"outlier_spread\": 0.4}";
        if (b >= 0)
            snprintf(json, sizeof json, "\"%s\"", flow_bases.types[b]->name);
        subject s = open_base(json, DIM);
        shake_weights(&s, 0.7);
        for (int round = 0; round < 5; round++) {
            real z[DIM * N];
            double at[DIM * N], logp[N], u[DIM * N];
            for (int i = 0; i < DIM; i++) /* row 0, and row 1 + 2 i + k with step (2 k - 1) in dimension i */
                for (int j = 0; j < N; j++)
                    z[i * N + j] = (real)(0.9 * uniform(round, i) + (j == 1 + 2 * i) * step - (j == 2 + 2 * i) * step);
            for (int k = 0; k < DIM * N; k++)
                at[k] = (double)z[k];
            log_density(&s, at, logp);
            uniforms(&s, z, u);
            double product = 1;
            for (int i = 0; i < DIM; i++) {
                product *=
                    (u[i * N + 1 + 2 * i] - u[i * N + 2 + 2 * i]) / (at[i * N + 1 + 2 * i] - at[i * N + 2 + 2 * i]);
                for (int k = i + 1; k < DIM; k++)
                    ASSERT_EQ(u[i * N + 1 + 2 * k], u[i * N]);
            }
            ASSERT_NEAR(log(product), logp[0], is_double ? 1e-6 : 2e-3);
        }
        subject_close(&s);
    }
}

static double density_at(double z, void *context)
{
    double in[N], logp[N];
    for (int j = 0; j < N; j++)
        in[j] = z;
    log_density(context, in, logp);
    return exp(logp[0]);
}

static subject open_registered(int b, int dim)
{
    char json[80];
    snprintf(json, sizeof json, "\"%s\"", flow_bases.types[b]->name);
    subject s = open_base(json, dim);
    shake_weights(&s, 0.7);
    return s;
}

/* In one dimension: the mass between every hundredth draw is what their number says, and the whole is 1. */
static void draws_follow_the_density(void **state)
{
    (void)state;
    enum { STRIDE = 128 };
    gsl_integration_workspace *space = gsl_integration_workspace_alloc(1000);
    gsl_set_error_handler_off(); /* float densities have steps below the accuracy asked for */
    for (int b = 0; flow_bases.types[b] != NULL; b++) {
        subject s = open_registered(b, 1);
        double *z = sorted_draws(&s, 0), below, mass, error, distance = 0;
        gsl_function f = {density_at, &s};
        gsl_integration_qagil(&f, z[0], 1e-6, 1e-4, 1000, space, &below, &error);
        for (int k = STRIDE; k < DRAWS; k += STRIDE) {
            gsl_integration_qag(&f, z[k - STRIDE], z[k], 1e-7, 1e-4, 1000, GSL_INTEG_GAUSS31, space, &mass, &error);
            below += mass;
            distance = fmax(distance, fabs(below - (k + 0.5) / DRAWS));
        }
        gsl_integration_qagiu(&f, z[DRAWS - STRIDE], 1e-6, 1e-4, 1000, space, &mass, &error);
        if (!(distance * sqrt(DRAWS) < 2) || !(fabs(below + mass - 1) < 1e-3))
            fail_msg("%s: distance %g, mass %.9g", flow_bases.types[b]->name, distance, below + mass);
        free(z);
        subject_close(&s);
    }
    gsl_set_error_handler(NULL);
    gsl_integration_workspace_free(space);
}

static void draws_do_not_know_the_cut(void **state)
{
    (void)state;
    for (int b = 0; flow_bases.types[b] != NULL; b++) {
        for (int d = 1; d <= 6; d += 5) {
            subject s = open_registered(b, d);
            real whole[6 * FLOW_TILE], part[6 * FLOW_TILE];
            const uint64_t start = 0xffffffc0; /* the rows pass 2^32 */
            draw(&s, 77, start, FLOW_TILE, 1, whole);
            for (int first = 0; first + 48 <= FLOW_TILE; first += 7) {
                draw(&s, 77, start + (uint64_t)first, 48, 1, part);
                for (int i = 0; i < d; i++)
                    assert_memory_equal(part + i * 48, whole + i * FLOW_TILE + first, 48 * sizeof *part);
            }
            draw(&s, 78, start, FLOW_TILE, 1, part);
            int same = 0;
            for (int k = 0; k < d * FLOW_TILE; k++)
                same += part[k] == whole[k];
            ASSERT_LT(same, 3);
            subject_close(&s);
        }
    }
}

/* The temperature multiplies the distance from 0; in a mixture, from the mean of the component. */
static void temperature_scales_the_spread(void **state)
{
    (void)state;
    for (int b = 0; flow_bases.types[b] != NULL; b++) {
        subject s = open_registered(b, 2);
        real warm[2 * FLOW_TILE], cool[2 * FLOW_TILE], frozen[2 * FLOW_TILE];
        draw(&s, 5, 0, FLOW_TILE, 1, warm);
        draw(&s, 5, 0, FLOW_TILE, 0.25, cool);
        draw(&s, 5, 0, FLOW_TILE, 0, frozen);
        bool is_mixture = strcmp(flow_bases.types[b]->name, "mixture") == 0;
        for (int k = 0; k < 2 * FLOW_TILE; k++) {
            assert_true(is_mixture ? frozen[k] != 0 : frozen[k] == 0);
            double expected = 0.25 * (double)warm[k] + 0.75 * (double)frozen[k];
            ASSERT_NEAR(cool[k], expected, 1e-6 * (1 + fabs((double)warm[k])));
        }
        subject_close(&s);
    }
}

/* Far out every density is finite and points back inside; what is not a number does not hide. */
static void far_out(void **state)
{
    (void)state;
    for (int b = 0; flow_bases.types[b] != NULL; b++) {
        subject s = open_registered(b, 2);
        double x[2 * N], logp[N];
        for (int j = 0; j < N; j++) {
            x[j] = (j % 2 == 0 ? 1 : -1) * pow(10, 1 + j / 2);
            x[N + j] = 0;
        }
        memcpy(s.ws->x, x, sizeof x);
        const real *z, *gx;
        flow_tile_logp(s.f, s.weights, s.ws, N, logp, &z);
        for (int j = 0; j < N; j++)
            s.ws->glogdet[j] = 1;
        flow_tile_logp_backward(s.f, s.weights, s.ws, N, z, &gx);
        for (int j = 0; j < N; j++) {
            assert_true(isfinite(logp[j]));
            assert_true(isfinite(gx[j]));
            ASSERT_EQ((gx[j] > 0), (x[j] < 0));
            ASSERT_NE(gx[j], 0);
        }
        real gradient[256];
        ASSERT_LE(s.f->params.n_weights, 256);
        flow_tapes_gradient(&s.ws->tape, 1, 1, s.f->params.n_weights, gradient);
        for (size_t k = 0; k < s.f->params.n_weights; k++)
            assert_true(isfinite(gradient[k]));
        x[3] = NAN;
        log_density(&s, x, logp);
        for (int j = 0; j < N; j++)
            ASSERT_EQ(isnan(logp[j]), (j == 3));
        subject_close(&s);
    }
}

static void box_without_shoulders(void **state)
{
    (void)state;
    subject s = open_base("{\"type\": \"uniform\", \"bound\": 0.1, \"edge\": 0}", 1);
    double z[N] = {0}, logp[N];
    z[1] = 0.2;
    z[2] = -0.2;
    z[3] = (double)(real)0.1; /* rounded up or not, the bound lies inside */
    z[4] = -z[3];
    z[5] = NAN;
    log_density(&s, z, logp);
    for (int j = 0; j < N; j++) {
        if (j == 1 || j == 2)
            ASSERT_EQ(logp[j], -INFINITY);
        else if (j == 5)
            assert_true(isnan(logp[j]));
        else
            ASSERT_NEAR(logp[j], log(1 / 0.2), 1e-6);
    }
    real draws[FLOW_TILE];
    draw(&s, 1, 0, FLOW_TILE, 1, draws);
    for (int j = 0; j < FLOW_TILE; j++)
        ASSERT_LE(fabs(draws[j]), (real)0.1);
    subject_close(&s);
}

/* ---- the start of a mixture, and training ---- */

static void mixture_starts_at_the_data(void **state)
{
    (void)state;
    enum { ROWS = 300 };
    static const double centers[3][2] = {{10, 0}, {-10, 3}, {0, -20}};
    double rows[ROWS * 2];
    for (int j = 0; j < ROWS; j++)
        for (int i = 0; i < 2; i++)
            rows[2 * j + i] = centers[j % 3][i] + uniform(j, i);
    for (int run = 0; run < 2; run++) {
        subject s = open_base(run == 0 ? "{\"type\": \"mixture\", \"components\": 3}"
                                       : "{\"type\": \"mixture\", \"components\": 3, \"fit\": false}",
                              2);
        assert_int_equal(flow_fit(s.f, s.weights, rows, ROWS, NULL, NULL), FLOW_OK);
        const real *mean = values_of(&s, "base/means");
        bool seen[3] = {false};
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                if (hypot((double)mean[2 * k] - centers[c][0], (double)mean[2 * k + 1] - centers[c][1]) < 2)
                    seen[c] = true;
        for (int c = 0; c < 3; c++)
            ASSERT_EQ(seen[c], (run == 0));
        subject_close(&s);
    }
    /* fewer places than components: the rest stays at random, different from each other */
    subject s = open_base("{\"type\": \"mixture\", \"components\": 5}", 2);
    assert_int_equal(flow_fit(s.f, s.weights, rows, 2, NULL, NULL), FLOW_OK);
    const real *mean = values_of(&s, "base/means");
    for (int k = 0; k < 5; k++)
        for (int l = 0; l < k; l++)
            ASSERT_NE(mean[2 * k], mean[2 * l]);
    subject_close(&s);
}

enum { ROWS_OF_T = 8192 };

/* The degrees of freedom that make column i of the rows likeliest, by a search among GSL's densities. */
static double likeliest_degrees(const double *rows, int i)
{
    double low = log(1.5), high = log(100);
    while (high - low > 1e-4) {
        double at[2] = {low + (high - low) / 3, high - (high - low) / 3}, sum[2] = {0, 0};
        for (int side = 0; side < 2; side++)
            for (int j = 0; j < ROWS_OF_T; j++)
                sum[side] += log(gsl_ran_tdist_pdf(rows[2 * j + i], exp(at[side])));
        *(sum[0] < sum[1] ? &low : &high) = sum[0] < sum[1] ? at[0] : at[1];
    }
    return exp(low);
}

/* Plain gradient ascent on the log-likelihood finds the degrees of freedom of the rows. */
static void degrees_are_found(void **state)
{
    (void)state;
    subject s = open_base("\"student_t\"", 2);
    static const double wanted[] = {3, 15};
    double *rows = malloc(2 * ROWS_OF_T * sizeof *rows);
    assert_non_null(rows);
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, 0, FLOW_STREAM_OTHER, 0);
    for (int k = 0; k < 2 * ROWS_OF_T; k++)
        rows[k] = gsl_ran_tdist(&rng, wanted[k % 2]);
    flow_step *step = subject_step(&s, "\"mle\"", NULL, ROWS_OF_T, 2);
    real gradient[FLOW_LANES * 2];
    const flow_batch batch = {.rows = rows, .n = ROWS_OF_T, .stride = 2, .share = 1. / ROWS_OF_T};
    for (int k = 0; k < 400; k++) {
        assert_true(isfinite(flow_step_gradient(step, s.weights, &batch, gradient)));
        real *a = values_of(&s, "base/log_degrees");
        for (int i = 0; i < 2; i++)
            a[i] -= (i == 0 ? 5 : 100) * gradient[i];
    }
    for (int i = 0; i < 2; i++)
        ASSERT_NEAR(degrees(&s, i), likeliest_degrees(rows, i), 0.005 * wanted[i]);
    ASSERT_NEAR(degrees(&s, 0), 3, 0.25);
    free(rows);
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(densities_against_gsl),
        cmocka_unit_test(draws_against_gsl),
        cmocka_unit_test(distribution_functions_against_gsl),
        cmocka_unit_test(uniforms_have_the_density),
        cmocka_unit_test(mixture_against_gsl),
        cmocka_unit_test(mixture_is_joint),
        cmocka_unit_test(draws_follow_the_density),
        cmocka_unit_test(draws_do_not_know_the_cut),
        cmocka_unit_test(temperature_scales_the_spread),
        cmocka_unit_test(far_out),
        cmocka_unit_test(box_without_shoulders),
        cmocka_unit_test(mixture_starts_at_the_data),
        cmocka_unit_test(degrees_are_found),
        cmocka_unit_test(outlier_rows_against_gsl),
        cmocka_unit_test(outlier_rows_are_joint),
    };
    return cmocka_run_group_tests_name("bases", tests, NULL, NULL);
}
