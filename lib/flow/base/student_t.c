/* Independent Student t distributions, one per dimension, with trainable degrees of freedom: a flow of maps with
 * bounded slopes has the tails of its base, so that heavy-tailed data need a heavy-tailed base, and one that can
 * differ from dimension to dimension (Jaini et al. 2020, sec. 4; Laszkiewicz et al. 2022).
 *
 *     log p(z) = log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu pi) / 2 - (nu + 1) / 2 log(1 + z^2 / nu)
 *     nu = 1 + (degrees - 1) exp(s),  s = a / sqrt(1 + (a / 7)^2),  a = 0 at the start
 *
 * nu stays above 1, where the mean exists, and can rise by e^7, where the distribution is a normal one. It moves on a
 * logarithmic scale because its effect does: from 10 to 3 is about as far as from 100 to 30, and a step of an
 * optimizer is about as long everywhere.
 *
 * With a share of `outliers`, e, each dimension has the density (1 - e) p(z) + e / (pi (1 + z^2)) instead. Degrees of
 * freedom that fit the bulk of the rows may be many, and leave a value far out with hundreds of nats less; a share of a
 * Cauchy distribution costs e nats of a row and bounds the loss by -log(e) + 2 log(z) or so.
 *
 * Draws are gsl_ran_tdist's, from a sequence per row. The temperature multiplies them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_sf_psi.h>
#include <math.h>

#include "core/memory.h"
#include "flow/base.h"
#include "flow/base/options.h"
#include "flow/chunk.h"
#include "num/rng.h"
#include "num/simd.h"
#include "num/vecmath.h"

#define BOUND 7

typedef struct student_t {
    double degrees, outliers;
    int dim;
    size_t weight; /* a (dim) */
} student_t;

static const flow_option student_t_table[] = {
    FLOW_KEY_NUMBER(flow_student_t_options, degrees, "10", 1.1, 1000,
                    "degrees of freedom of every dimension at the start of the training"),
    FLOW_KEY_NUMBER(flow_student_t_options, outliers, "0", 0, 0.5,
                    "share of a Cauchy distribution in every dimension, which bounds what a value far out costs"),
    FLOW_OPTIONS_END,
};

static flow_status student_t_configure(void *self, const void *options, const flow_block_context *context,
                                       flow_params *params, flow_error *err)
{
    student_t *base = self;
    base->degrees = ((const flow_student_t_options *)options)->degrees;
    base->outliers = ((const flow_student_t_options *)options)->outliers;
    base->dim = context->dims.n;
    return flow_params_add_weights(params, &base->weight, "log_degrees", base->dim, 1, FLOW_INIT_ZERO, 0, NULL, err);
}

typedef struct student_t_scratch {
    double *nu; /* (dim) */
    real *g;    /* (dim, n): the gradient at a */
} student_t_scratch;

static size_t student_t_lay_out(const student_t *base, int n, bool keep, void *memory, student_t_scratch *w)
{
    flow_layout layout = {.base = memory};
    w->nu = flow_layout_take(&layout, (size_t)base->dim, sizeof *w->nu);
    w->g = flow_layout_take(&layout, keep ? (size_t)base->dim * (size_t)n : 0, sizeof *w->g);
    return layout.used;
}

static size_t student_t_scratch_size(const void *self, int n, bool keep)
{
    student_t_scratch w;
    return student_t_lay_out(self, n, keep, NULL, &w);
}

/* nu of dimension i, and d nu / da */
static double student_t_degrees_of(const student_t *base, const real *weights, int i, double *slope)
{
    double a = (double)weights[base->weight + (size_t)i], q = 1 / sqrt(1 + a * a / (BOUND * BOUND));
    double rise = (base->degrees - 1) * exp(a * q);
    if (slope != NULL)
        *slope = rise * q * q * q;
    return 1 + rise;
}

/* log p(0) */
static double student_t_top(double nu)
{
    return gsl_sf_lngamma(0.5 * (nu + 1)) - gsl_sf_lngamma(0.5 * nu) - 0.5 * log(acos(-1) * nu);
}

/* z^2 / nu */
FLOW_MULTIVERSION
static void student_t_scaled_squares(int n, real inverse, const real *restrict z, real *restrict u)
{
    for (int j = 0; j < n; j++)
        u[j] = z[j] * inverse * z[j];
}

FLOW_MULTIVERSION
static void student_t_add_density(int n, double constant, double power, const real *restrict log_u,
                                  double *restrict logp)
{
    for (int j = 0; j < n; j++)
        logp[j] += constant - power * (double)log_u[j];
}

/* ---- with outliers ---- */

/* z^2, so far as it is a number */
FLOW_MULTIVERSION
static void outliers_squares(int n, const real *restrict z, real *restrict square)
{
    const real most = (real)1e18;
    for (int j = 0; j < n; j++) {
        const real at = z[j] < -most ? most : z[j] > most ? most : z[j];
        square[j] = at * at;
    }
}

/* From log(1 + z^2) in `ahead`: `constant` minus that, plus power log_u. */
FLOW_MULTIVERSION
static void outliers_compare(int n, real constant, real power, const real *restrict log_u, real *restrict ahead)
{
    for (int j = 0; j < n; j++)
        ahead[j] = constant - ahead[j] + power * log_u[j];
}

/* The logarithm of the part of the Cauchy distribution minus that of the other one, which is log(1 - e) + constant -
 * power log_u. */
static void outliers_look(const student_t *base, const real *z, int m, double constant, double power, const real *log_u,
                          real *ahead)
{
    outliers_squares(m, z, ahead);
    flow_vec_log1p((size_t)m, ahead, ahead);
    outliers_compare(m, (real)(log(base->outliers / acos(-1)) - constant - log1p(-base->outliers)), (real)power, log_u,
                     ahead);
}

/* Adds log((1 - e) p + e q). */
static void outliers_add_density(const student_t *base, const real *z, int m, double constant, double power,
                                 const real *log_u, double *logp)
{
    real ahead[FLOW_TILE], more[FLOW_TILE];
    outliers_look(base, z, m, constant, power, log_u, ahead);
    flow_vec_softplus((size_t)m, ahead, more);
    for (int j = 0; j < m; j++)
        logp[j] += constant - power * (double)log_u[j] + log1p(-base->outliers) + (double)more[j];
}

/* The gradients of the first part, gz and ga, become those of both. */
FLOW_MULTIVERSION
static void outliers_mix(int n, const real *restrict z, const real *restrict share, const real *restrict glogp,
                         real *restrict gz, real *restrict ga)
{
    for (int j = 0; j < n; j++) {
        const real size = z[j] < 0 ? -z[j] : z[j];
        const real slope = size > 1 ? 2 / (z[j] + 1 / z[j]) : 2 * z[j] / (1 + z[j] * z[j]);
        gz[j] = (1 - share[j]) * gz[j] - share[j] * glogp[j] * slope;
        ga[j] *= 1 - share[j];
    }
}

/* ---- density and gradients ---- */

static void student_t_log_density(const void *self, const flow_pass *pass, const real *z, double *logp)
{
    const student_t *base = self;
    for (flow_chunk c = {0}; flow_chunk_next(&c, base->dim, pass->n, FLOW_TILE);) {
        double nu = student_t_degrees_of(base, pass->weights, (int)(c.at / (size_t)pass->n), NULL);
        double power = 0.5 * (nu + 1), constant = student_t_top(nu);
        real u[FLOW_TILE];
        student_t_scaled_squares(c.m, (real)(1 / nu), z + c.at, u);
        flow_vec_log1p((size_t)c.m, u, u);
        if (base->outliers > 0)
            outliers_add_density(base, z + c.at, c.m, constant, power, u, logp + c.first);
        else
            student_t_add_density(c.m, constant, power, u, logp + c.first);
    }
}

/* gz = -g (nu + 1) / nu z / (1 + u), and ga from d log p / dnu
 * = (psi((nu + 1) / 2) - psi(nu / 2) - 1 / nu - log(1 + u) + (nu + 1) / nu u / (1 + u)) / 2 */
FLOW_MULTIVERSION
static void student_t_gradients(int n, real ratio, real constant, real half_slope, const real *restrict z,
                                const real *restrict u, const real *restrict log_u, const real *restrict glogp,
                                real *restrict gz, real *restrict ga)
{
    for (int j = 0; j < n; j++) {
        real q = 1 / (1 + u[j]), share = u[j] < 1 ? u[j] * q : 1 - q;
        gz[j] = -glogp[j] * ratio * z[j] * q;
        ga[j] = glogp[j] * half_slope * (constant - log_u[j] + ratio * share);
    }
}

static void student_t_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    assert(pass->keep);
    const student_t *base = self;
    student_t_scratch w;
    student_t_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    for (flow_chunk c = {0}; flow_chunk_next(&c, base->dim, pass->n, FLOW_TILE);) {
        double slope, nu = student_t_degrees_of(base, pass->weights, (int)(c.at / (size_t)pass->n), &slope);
        double constant = gsl_sf_psi(0.5 * (nu + 1)) - gsl_sf_psi(0.5 * nu) - 1 / nu;
        real u[FLOW_TILE], log_u[FLOW_TILE];
        student_t_scaled_squares(c.m, (real)(1 / nu), z + c.at, u);
        flow_vec_log1p((size_t)c.m, u, log_u);
        student_t_gradients(c.m, (real)((nu + 1) / nu), (real)constant, (real)(0.5 * slope), z + c.at, u, log_u,
                            glogp + c.first, gz + c.at, w.g + c.at);
        if (base->outliers > 0) {
            const double power = 0.5 * (nu + 1), top = student_t_top(nu);
            real share[FLOW_TILE];
            outliers_look(base, z + c.at, c.m, top, power, log_u, share);
            flow_vec_sigmoid((size_t)c.m, share, share);
            outliers_mix(c.m, z + c.at, share, glogp + c.first, gz + c.at, w.g + c.at);
        }
    }
    flow_tape_vector(pass->tape, base->weight, base->dim, w.g);
}

static double student_t_draw(const student_t *base, const gsl_rng *rng, double nu)
{
    const bool outlier = base->outliers > 0 && gsl_rng_uniform(rng) < base->outliers;
    return outlier ? gsl_ran_cauchy(rng, 1) : gsl_ran_tdist(rng, nu);
}

static void student_t_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row,
                             double temperature, real *z)
{
    const student_t *base = self;
    student_t_scratch w;
    student_t_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    for (int i = 0; i < base->dim; i++)
        w.nu[i] = student_t_degrees_of(base, pass->weights, i, NULL);
    for (int j = 0; j < pass->n; j++) {
        flow_rng_sequence sequence;
        gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_BASE, first_row + (uint64_t)j);
        for (int i = 0; i < base->dim; i++)
            z[(size_t)i * (size_t)pass->n + (size_t)j] = (real)(temperature * student_t_draw(base, &rng, w.nu[i]));
    }
}

static void student_t_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const student_t *base = self;
    const double share = base->outliers;
    for (int i = 0; i < base->dim; i++) {
        const double nu = student_t_degrees_of(base, pass->weights, i, NULL);
        const size_t first = (size_t)i * (size_t)pass->n;
        for (size_t k = first; k < first + (size_t)pass->n; k++)
            u[k] = (1 - share) * gsl_cdf_tdist_P((double)z[k], nu) + share * gsl_cdf_cauchy_P((double)z[k], 1);
    }
}

const flow_base_type flow_base_student_t = {
    .info = {FLOW_INFO("student_t",
                       "independent Student t distributions with trainable degrees of freedom, for heavy tails",
                       student_t_table, flow_student_t_options)},
    .state_size = sizeof(student_t), .configure = student_t_configure, .scratch_size = student_t_scratch_size,
    .log_density = student_t_log_density, .backward = student_t_backward, .sample = student_t_sample,
    .to_uniform = student_t_to_uniform,
};
