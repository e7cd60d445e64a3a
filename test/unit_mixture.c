/* The mixture univariate against GSL: its values near and far out, its density, its inverse, its gradients; also with
 * the kernels of every instruction set.
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
#include <gsl/gsl_sf_erf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/univariate/univariates.h"
#include "harness.h"
#include "kernels.h"
#include "num/mixture.h"
#include "num/rng.h"
#include "values.h"

enum { N = 16, MOST = 32 };

static const bool is_double = sizeof(real) == sizeof(double);
static const double unit = sizeof(real) == sizeof(double) ? DBL_EPSILON : FLT_EPSILON;
static const double bound = 7, spread = 0.3;

static flow_univariate univariate;
static int components;
static const flow_vecmath *kernels; /* those that are tested, or NULL: those of the univariate */

static void open_univariate(int k)
{
    char text[80];
    snprintf(text, sizeof text, "{\"type\": \"mixture\", \"components\": %d}", k);
    univariate_open(&univariate, text);
    components = k;
    assert_int_equal(univariate.type->n_params(univariate.state), 3 * k);
}

static void close_univariate(void)
{
    flow_univariate_release(&univariate);
}

static double uniform(int row, int column)
{
    return 2 * flow_rng_uniform(17, FLOW_STREAM_OTHER, (uint64_t)row, (uint32_t)column) - 1;
}

/* Parameters of N rows, each different; `size` of the logits, means and log-scales */
static void draw_theta(real *theta, int seed, double logits, double means, double scales)
{
    const double sizes[] = {logits, means, scales};
    for (int p = 0; p < 3 * components; p++)
        for (int j = 0; j < N; j++)
            theta[p * N + j] = (real)(sizes[p / components] * uniform(100 * seed + p, j));
}

/* ---- what GSL says of row j, in double ---- */

typedef struct truth {
    double log_weight[MOST], mean[MOST], sigma[MOST];
} truth;

static double bounded(double a, double limit)
{
    return a / sqrt(1 + a * a / limit / limit);
}

static double log_sum_exp(int n, const double *a)
{
    double top = -INFINITY, sum = 0;
    for (int k = 0; k < n; k++)
        top = fmax(top, a[k]);
    for (int k = 0; k < n; k++)
        sum += exp(a[k] - top);
    return top + log(sum);
}

static truth truth_of(const real *theta, int j)
{
    truth t = {0};
    int n = components;
    double offset = n > 1 ? spread / sqrt((n * n - 1) / 3.) : 0, width = n > 1 ? sqrt(1 - spread * spread) : 1;
    for (int k = 0; k < n; k++) {
        t.log_weight[k] = bounded((double)theta[k * N + j], 15);
        t.mean[k] = (double)theta[(n + k) * N + j] + offset * (2 * k + 1 - n);
        t.sigma[k] = width * exp(bounded((double)theta[(2 * n + k) * N + j], bound));
    }
    double sum = log_sum_exp(n, t.log_weight);
    for (int k = 0; k < n; k++)
        t.log_weight[k] -= sum;
    return t;
}

/* log Phi(x) */
static double log_phi(double x)
{
    return gsl_sf_log_erfc(-x / sqrt(2)) - log(2);
}

/* log F(x), or log(1 - F(x)) with side -1 */
static double log_side(const truth *t, double x, double side)
{
    double terms[MOST];
    for (int k = 0; k < components; k++)
        terms[k] = t->log_weight[k] + log_phi(side * (x - t->mean[k]) / t->sigma[k]);
    return log_sum_exp(components, terms);
}

static double log_density(const truth *t, double x)
{
    double terms[MOST];
    for (int k = 0; k < components; k++) {
        double at = (x - t->mean[k]) / t->sigma[k];
        terms[k] = t->log_weight[k] - log(t->sigma[k]) - 0.5 * at * at - 0.5 * log(2 * acos(-1));
    }
    return log_sum_exp(components, terms);
}

/* z with log Phi(-|z|) = y, from GSL's quantile or, where the probability underflows, by bisection */
static double quantile(double y)
{
    if (y > -600)
        return gsl_cdf_ugaussian_Qinv(exp(y));
    double low = 0, high = sqrt(-2 * y) + 1;
    for (int k = 0; k < 200; k++) {
        double middle = 0.5 * (low + high);
        *(log_phi(-middle) > y ? &low : &high) = middle;
    }
    return low;
}

static double z_of(const truth *t, double x)
{
    double lower = log_side(t, x, 1), upper = log_side(t, x, -1);
    return lower < upper ? -quantile(lower) : quantile(upper);
}

/* ---- one place per row ---- */

/* For a map, which may leave something else there. */
static real *copy_of(const real *theta)
{
    static real copy[3 * MOST * N];
    return memcpy(copy, theta, (size_t)(3 * components * N) * sizeof *copy);
}

static flow_mixtures mixtures_of(const real *theta)
{
    return (flow_mixtures){.k = components, .m = N, .bound = (real)bound, .theta = theta, .stride = N};
}

static void map(bool latent, const real *theta, const real *in, real *out, double *logdet)
{
    memset(logdet, 0, N * sizeof *logdet);
    if (kernels == NULL) {
        univariate.type->map[latent ? FLOW_TO_LATENT : FLOW_TO_DATA](univariate.state, 1, N, in, copy_of(theta), N, out,
                                                                     logdet);
        return;
    }
    const flow_mixtures mix = mixtures_of(theta);
    real log_slope[N];
    (latent ? kernels->mixture_map : kernels->mixture_invert)(&mix, in, out, log_slope);
    for (int j = 0; j < N; j++)
        logdet[j] = latent ? (double)log_slope[j] : -(double)log_slope[j];
}

static void to_latent(const real *theta, const real *x, real *z, double *logdet)
{
    map(true, theta, x, z, logdet);
}

static void to_data(const real *theta, const real *z, real *x, double *logdet)
{
    map(false, theta, z, x, logdet);
}

static void backward(bool latent, const real *theta, const real *in, const real *out, const real *g, const real *gl,
                     real *gin, real *gtheta)
{
    if (kernels == NULL) {
        univariate.type->backward[latent ? FLOW_TO_LATENT : FLOW_TO_DATA](univariate.state, 1, N, in, theta, N, out, g,
                                                                          gl, gin, gtheta);
        return;
    }
    const flow_mixtures mix = mixtures_of(theta);
    kernels->mixture_backward(&mix, !latent, latent ? in : out, latent ? out : in, g, gl, gin, gtheta);
}

static const double places[] = {-1e4, -300, -50, -12, -7, -4, -2.5, -1.7, -1, -0.6, -0.3, -0.05, 0,
                                0.02, 0.2,  0.7, 1.3, 2,  3,    5,    9,  20,   50,   600,   1e4};
enum { N_PLACES = sizeof places / sizeof *places };

static void values_against_gsl(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 10, 32};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        open_univariate(counts[c]);
        real theta[3 * MOST * N], x[N], z[N];
        double logdet[N];
        for (int size = 0; size < 3; size++) {
            draw_theta(theta, size, 3 * size, 2 * size, size);
            for (int k = 0; k < N_PLACES; k++) {
                for (int j = 0; j < N; j++)
                    x[j] = (real)places[k];
                to_latent(theta, x, z, logdet);
                for (int j = 0; j < N; j++) {
                    truth t = truth_of(theta, j);
                    double expected = z_of(&t, (double)x[j]), size_z = fmax(1, fabs(expected));
                    /* one unit of x, and of the exponents behind it, moves z by a unit of z and its slope there */
                    double slope = log_density(&t, (double)x[j]) + 0.5 * expected * expected + 0.5 * log(2 * acos(-1));
                    ASSERT_NEAR(z[j], expected, 20 * unit * (size_z + exp(slope) * fabs((double)x[j])));
                    double conditioning = is_double ? 1 : 1 + 0.1 * size_z;
                    ASSERT_NEAR(logdet[j], slope, 40 * unit * conditioning * (1 + size_z * (is_double ? size_z : 1)));
                }
            }
        }
        close_univariate();
    }
}

/* At theta = 0: what the header comment says. */
static void starts_near_the_identity(void **state)
{
    (void)state;
    for (int k = 1; k <= MOST; k++) {
        open_univariate(k);
        real theta[3 * MOST * N] = {0}, x[N], z[N];
        double logdet[N], worst = 0;
        for (int at = -30; at <= 30; at++) {
            for (int j = 0; j < N; j++)
                x[j] = (real)(0.1 * at);
            to_latent(theta, x, z, logdet);
            worst = fmax(worst, fabs((double)(z[0] - x[0])));
        }
        ASSERT_LT(worst, (k == 1 ? 4 * unit * 3 : 0.012));
        for (int j = 0; j < N; j++)
            x[j] = 1000;
        to_latent(theta, x, z, logdet);
        ASSERT_NEAR(exp(logdet[0]), k == 1 ? 1 : 1 / sqrt(1 - spread * spread), 1e-4);
        close_univariate();
    }
}

static void one_component_is_affine(void **state)
{
    (void)state;
    open_univariate(1);
    real theta[3 * N], x[N], z[N], back[N];
    double logdet[N], logdet_back[N];
    for (int k = 0; k < 200; k++) {
        draw_theta(theta, k, 5, 3, 3);
        for (int j = 0; j < N; j++)
            x[j] = (real)((k < 100 ? 5 : 1000) * uniform(k, 200 + j));
        to_latent(theta, x, z, logdet);
        to_data(theta, z, back, logdet_back);
        for (int j = 0; j < N; j++) {
            double s = bounded((double)theta[2 * N + j], bound), m = (double)theta[N + j];
            double expected = ((double)x[j] - m) * exp(-s);
            ASSERT_NEAR(z[j], expected, 20 * unit * (1 + fabs(expected) + exp(-s) * fabs(m)));
            ASSERT_NEAR(logdet[j], -s, 40 * unit * (1 + fabs(s)));
            ASSERT_NEAR(logdet_back[j], s, 40 * unit * (1 + fabs(s)));
            ASSERT_NEAR(back[j], m + exp(s) * (double)z[j], 20 * unit * (exp(s) * (1 + fabs((double)z[j])) + fabs(m)));
        }
    }
    close_univariate();
}

typedef struct density {
    const real *theta;
    int row;
} density;

static double density_at(double x, void *context)
{
    const density *d = context;
    real in[N], z[N];
    double logdet[N];
    for (int j = 0; j < N; j++)
        in[j] = (real)x;
    to_latent(d->theta, in, z, logdet);
    return gsl_ran_ugaussian_pdf((double)z[d->row]) * exp(logdet[d->row]);
}

static void density_integrates_to_one(void **state)
{
    (void)state;
    open_univariate(10);
    gsl_integration_workspace *space = gsl_integration_workspace_alloc(1000);
    real theta[3 * MOST * N];
    draw_theta(theta, 5, 3, 3, 1.2);
    for (int row = 0; row < N; row += 3) {
        density d = {theta, row};
        gsl_function f = {density_at, &d};
        double total = 0, error;
        for (int piece = -15; piece < 15; piece++) {
            double part;
            gsl_integration_qag(&f, piece, piece + 1, 1e-7, 1e-6, 1000, GSL_INTEG_GAUSS31, space, &part, &error);
            total += part;
        }
        ASSERT_NEAR(total, 1, is_double ? 1e-6 : 1e-5);
    }
    gsl_integration_workspace_free(space);
    close_univariate();
}

/* Also where a Newton iteration alone would be lost: components narrower than the gaps between them by orders of
 * magnitude, weights of all sizes. z comes back to its last digits, or x has none left that could bring it nearer. */
static void inverse_to_the_last_digits(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 5, 10, 32};
    static const struct {
        double logits, means, scales;
    } sizes[] = {{0, 0, 0}, {2, 1, 0.5}, {3, 3, 3}, {1, 10, 7}, {30, 3, 5}, {100, 100, 20}, {5, 1e4, 100}};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        open_univariate(counts[c]);
        real theta[3 * MOST * N], x[N], z[N], again[N], beside[N], z_beside[2][N];
        double logdet[N], logdet_back[N], ignored[N];
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (int k = 0; k < 12 * N_PLACES; k++) {
                draw_theta(theta, k, sizes[s].logits, sizes[s].means, sizes[s].scales);
                for (int j = 0; j < N; j++)
                    z[j] = (real)(k < N_PLACES ? places[k] : 6 * uniform(k, 300 + j));
                to_data(theta, z, x, logdet_back);
                to_latent(theta, x, again, logdet);
                for (int side = 0; side < 2; side++) {
                    for (int j = 0; j < N; j++)
                        beside[j] = (real)((double)x[j] * (1 + (side == 0 ? 2 : -2) * unit));
                    to_latent(theta, beside, z_beside[side], ignored);
                }
                for (int j = 0; j < N; j++) {
                    assert_true(isfinite(x[j]) && isfinite(logdet_back[j]));
                    double step = fabs((double)(z_beside[1][j] - z_beside[0][j]));
                    if (!(fabs((double)(again[j] - z[j])) <= 8 * unit * (1 + fabs((double)z[j])) + step))
                        fail_msg("K = %d, sizes %zu, %d, row %d: %.9g comes back as %.9g; beside it are %.9g and %.9g",
                                 counts[c], s, k, j, (double)z[j], (double)again[j], (double)z_beside[0][j],
                                 (double)z_beside[1][j]);
                    ASSERT_EQ(logdet[j], -logdet_back[j]);
                }
            }
        }
        close_univariate();
    }
}

/* Whatever a network says, and wherever a row is, the map is finite; what is not finite does not hide. */
static void finite_whatever_theta(void **state)
{
    (void)state;
    static const double sizes[] = {0, 1, 1e2, 1e6, 1e15, 1e30};
    open_univariate(10);
    real theta[3 * MOST * N], x[N], z[N];
    double logdet[N];
    for (int k = 0; k < 216; k++) {
        double reach = sizes[k % 6];
        draw_theta(theta, k, sizes[k / 6 % 6], sizes[k / 36], sizes[k / 6 % 6]);
        for (int j = 0; j < N; j++)
            x[j] = (real)(reach * uniform(k, 400 + j));
        to_latent(theta, x, z, logdet);
        for (int j = 0; j < N; j++)
            assert_true(isfinite(z[j]) && isfinite(logdet[j]));
        to_data(theta, x, z, logdet);
        for (int j = 0; j < N; j++)
            assert_true(isfinite(z[j]) && isfinite(logdet[j]));
    }
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        draw_theta(theta, k, 1, 1, 1);
        for (int j = 0; j < N; j++)
            x[j] = j == 3 ? (real)bad[k] : (real)uniform(k, j);
        to_latent(theta, x, z, logdet);
        for (int j = 0; j < N; j++)
            ASSERT_EQ(isfinite(z[j]), (j != 3));
        to_data(theta, x, z, logdet);
        for (int j = 0; j < N; j++)
            ASSERT_EQ(isfinite(z[j]), (j != 3));
    }
    close_univariate();
}

/* L = c . output + g . logdet of each row */
static void objective(bool latent, const real *theta, const real *in, double *l)
{
    real out[N];
    double logdet[N];
    map(latent, theta, in, out, logdet);
    for (int j = 0; j < N; j++)
        l[j] = uniform(j, 501) * (double)out[j] + uniform(j, 502) * logdet[j];
}

/* Both backwards against central differences, from the middle to where probabilities are 1e-500. */
static void gradients_far_out(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    open_univariate(4);
    static const double reach[] = {1, 5, 12, 50};
    for (int k = 0; k < 8; k++) {
        bool latent = k % 2 == 0;
        real theta[12 * N], in[N], out[N], c[N], g[N], gin[N], gtheta[12 * N];
        double logdet[N], l[2][N];
        draw_theta(theta, k, 1, 2, 0.7);
        for (int j = 0; j < N; j++) {
            in[j] = (real)(reach[k / 2] * (j % 2 == 0 ? 1 : -1) * (1 + 0.1 * uniform(j, 500)));
            c[j] = (real)uniform(j, 501);
            g[j] = (real)uniform(j, 502);
        }
        map(latent, theta, in, out, logdet);
        backward(latent, theta, in, out, c, g, gin, gtheta);
        for (int p = -1; p < 12; p++) { /* -1: the input */
            real moved[12 * N];
            real *at = p < 0 ? in : moved + p * N;
            memcpy(moved, theta, sizeof moved);
            double h = 1e-5;
            for (int side = 0; side < 2; side++) {
                for (int j = 0; j < N; j++)
                    at[j] += (real)(side == 0 ? h : -2 * h);
                objective(latent, moved, in, l[side]);
            }
            for (int j = 0; j < N; j++) {
                at[j] += (real)h;
                double found = (double)(p < 0 ? gin[j] : gtheta[p * N + j]), expected = (l[0][j] - l[1][j]) / (2 * h);
                ASSERT_NEAR(found, expected, 1e-6 * (1 + fabs(expected)) * (reach[k / 2] > 12 ? 100 : 1));
            }
        }
    }
    close_univariate();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_against_gsl),         cmocka_unit_test(starts_near_the_identity),
        cmocka_unit_test(one_component_is_affine),    cmocka_unit_test(density_integrates_to_one),
        cmocka_unit_test(inverse_to_the_last_digits), cmocka_unit_test(finite_whatever_theta),
        cmocka_unit_test(gradients_far_out),
    };
    const flow_vecmath *all[KERNEL_TABLES];
    int n_tables = kernel_tables(all), failed = 0;
    for (int t = 0; t <= n_tables; t++) {
        char title[80];
        kernels = t < n_tables ? all[t] : NULL;
        snprintf(title, sizeof title, "the mixture univariate%s%s", t < n_tables ? ", " : "",
                 t < n_tables ? all[t]->name : "");
        failed += cmocka_run_group_tests_name(title, tests, NULL, NULL);
    }
    return failed;
}
