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
 * A value far out makes all dimensions that depend on it strange, and each of them then costs -log(e). With a share of
 * `outlier_rows`, e, the mixture is one of rows: with q the Cauchy density and s the `outlier_spread`,
 *
 *     (1 - e) prod_i p(z_i) + e prod_i ((1 - s) p(z_i) + s q(z_i))
 *
 * so that a row costs -log(e) once, and -log(s) for each dimension that is strange.
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
    double degrees, outliers, outlier_rows, outlier_spread;
    int dim;
    size_t weight; /* a (dim) */
} student_t;

static const flow_option student_t_table[] = {
    FLOW_KEY_NUMBER(flow_student_t_options, degrees, "10", 1.1, 1000,
                    "degrees of freedom of every dimension at the start of the training"),
    FLOW_KEY_NUMBER(flow_student_t_options, outliers, "0", 0, 0.5,
                    "share of a Cauchy distribution in every dimension, which bounds what a value far out costs"),
    FLOW_KEY_NUMBER(flow_student_t_options, outlier_rows, "0", 0, 0.5,
                    "share of rows that are outliers: each of their dimensions may be far out"),
    FLOW_KEY_NUMBER(flow_student_t_options, outlier_spread, "0.3", 0.001, 0.999,
                    "share of a Cauchy distribution in every dimension of a row that is an outlier"),
    FLOW_OPTIONS_END,
};

static flow_status student_t_configure(void *self, const void *options, const flow_block_context *context,
                                       flow_params *params, flow_error *err)
{
    student_t *base = self;
    const flow_student_t_options *o = options;
    if (o->outliers > 0 && o->outlier_rows > 0)
        return flow_error_set(err, FLOW_SPEC,
                              "\"outliers\" is a share of every dimension, \"outlier_rows\" one of the "
                              "rows; give one of them");
    base->degrees = o->degrees;
    base->outliers = o->outliers;
    base->outlier_rows = o->outlier_rows;
    base->outlier_spread = o->outlier_spread;
    base->dim = context->dims.n;
    return flow_params_add_weights(params, &base->weight, "log_degrees", base->dim, 1, FLOW_INIT_ZERO, 0, NULL, err);
}

typedef struct student_t_scratch {
    double *nu; /* (dim) */
    real *g;    /* (dim, n): the gradient at a */
    /* (n), with `outlier_rows`: the log-densities of both parts, and the probability that the row is an outlier */
    double *usual, *strange;
    real *is_outlier;
    /* (dim, n), with `outlier_rows`: what log_density leaves to backward: log(1 + z^2 / nu), and the probability that a
     * latent of an outlier has the Cauchy distribution */
    real *log_u, *share;
} student_t_scratch;

static size_t student_t_lay_out(const student_t *base, int n, bool keep, void *memory, student_t_scratch *w)
{
    flow_layout layout = {.base = memory};
    w->nu = flow_layout_take(&layout, (size_t)base->dim, sizeof *w->nu);
    w->g = flow_layout_take(&layout, keep ? (size_t)base->dim * (size_t)n : 0, sizeof *w->g);
    const size_t n_rows = base->outlier_rows > 0 ? (size_t)n : 0;
    w->usual = flow_layout_take(&layout, n_rows, sizeof *w->usual);
    w->strange = flow_layout_take(&layout, n_rows, sizeof *w->strange);
    w->is_outlier = flow_layout_take(&layout, n_rows, sizeof *w->is_outlier);
    const size_t n_values = keep ? (size_t)base->dim * n_rows : 0;
    w->log_u = flow_layout_take(&layout, n_values, sizeof *w->log_u);
    w->share = flow_layout_take(&layout, n_values, sizeof *w->share);
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

/* Of a Cauchy distribution in a dimension, of all rows or of those that are outliers. */
static double student_t_share(const student_t *base)
{
    return base->outlier_rows > 0 ? base->outlier_spread : base->outliers;
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

/* ---- with a share of a Cauchy distribution ---- */

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

/* The logarithm of the part of the Cauchy distribution minus that of the other one, from log(1 + z^2): `constant` minus
 * that, plus power log_u. */
FLOW_MULTIVERSION
static void outliers_compare(int n, real constant, real power, const real *restrict log_u,
                             const real *restrict log_square, real *restrict ahead)
{
    for (int j = 0; j < n; j++)
        ahead[j] = constant - log_square[j] + power * log_u[j];
}

/* The distribution of a dimension, and what each part of it adds to a log-density. */
typedef struct cauchy_share {
    double constant, power;     /* log p(z) = constant - power log_u */
    double log_rest, log_share; /* of log(1 - share), and of log(share / pi) */
} cauchy_share;

static cauchy_share outliers_of(double share, double nu)
{
    return (cauchy_share){student_t_top(nu), 0.5 * (nu + 1), log1p(-share), log(share / acos(-1))};
}

/* log(1 + z^2), and by how much the part of the Cauchy distribution is ahead. */
static void outliers_look(const cauchy_share *c, const real *z, int m, const real *log_u, real *log_square, real *ahead)
{
    outliers_squares(m, z, log_square);
    flow_vec_log1p((size_t)m, log_square, log_square);
    outliers_compare(m, (real)(c->log_share - c->constant - c->log_rest), (real)c->power, log_u, log_square, ahead);
}

/* Adds log((1 - e) p + e q). */
static void outliers_add_density(const cauchy_share *c, const real *z, int m, const real *log_u, double *logp)
{
    real log_square[FLOW_TILE], ahead[FLOW_TILE];
    outliers_look(c, z, m, log_u, log_square, ahead);
    flow_vec_softplus((size_t)m, ahead, ahead);
    for (int j = 0; j < m; j++)
        logp[j] += c->constant - c->power * (double)log_u[j] + c->log_rest + (double)ahead[j];
}

/* exp(-|ahead|) makes the probability that the Cauchy distribution is the part that a value has. */
FLOW_MULTIVERSION
static void rows_share(int n, const real *restrict ahead, const real *restrict small, real *restrict share)
{
    for (int j = 0; j < n; j++)
        share[j] = (ahead[j] < 0 ? small[j] : 1) / (1 + small[j]);
}

FLOW_MULTIVERSION
static void rows_fall_behind(int n, const real *restrict ahead, real *restrict behind)
{
    for (int j = 0; j < n; j++)
        behind[j] = ahead[j] < 0 ? ahead[j] : -ahead[j];
}

/* Adds to both parts of a row. Far out the parts are of very different size, and their sum is the larger one. */
FLOW_MULTIVERSION
static void rows_add(int n, double constant, double power, double log_rest, double log_share,
                     const real *restrict log_u, const real *restrict log_square, const real *restrict more,
                     double *restrict usual, double *restrict strange)
{
    for (int j = 0; j < n; j++) {
        const double p = constant - power * (double)log_u[j], rest = p + log_rest;
        const double q = log_share - (double)log_square[j];
        usual[j] += p;
        strange[j] += (rest > q ? rest : q) + (double)more[j];
    }
}

/* `share` (m): NULL where no gradient follows. */
static void rows_add_density(const cauchy_share *c, const real *z, int m, const real *log_u, double *usual,
                             double *strange, real *share)
{
    real log_square[FLOW_TILE], ahead[FLOW_TILE], small[FLOW_TILE];
    outliers_look(c, z, m, log_u, log_square, ahead);
    rows_fall_behind(m, ahead, small);
    flow_vec_exp((size_t)m, small, small);
    if (share != NULL)
        rows_share(m, ahead, small, share);
    flow_vec_log1p((size_t)m, small, small);
    rows_add(m, c->constant, c->power, c->log_rest, c->log_share, log_u, log_square, small, usual, strange);
}

/* Adds the log-densities of the rows from those of their parts. */
static void rows_finish(const student_t *base, int n, const student_t_scratch *w, double *logp)
{
    const double log_usual = log1p(-base->outlier_rows), log_strange = log(base->outlier_rows);
    for (int j = 0; j < n; j++) {
        const double p = log_usual + w->usual[j], q = log_strange + w->strange[j];
        const double small = exp(-fabs(p - q));
        logp[j] += (p > q ? p : q) + log1p(small);
        w->is_outlier[j] = (real)((p > q ? small : 1) / (1 + small));
    }
}

FLOW_MULTIVERSION
static void rows_weigh(int n, const real *restrict is_outlier, real *restrict share)
{
    for (int j = 0; j < n; j++)
        share[j] *= is_outlier[j];
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
    student_t_scratch w;
    student_t_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    for (int j = 0; base->outlier_rows > 0 && j < pass->n; j++)
        w.usual[j] = w.strange[j] = 0;
    for (flow_chunk c = {0}; flow_chunk_next(&c, base->dim, pass->n, FLOW_TILE);) {
        double nu = student_t_degrees_of(base, pass->weights, (int)(c.at / (size_t)pass->n), NULL);
        real u[FLOW_TILE];
        const bool leaves = base->outlier_rows > 0 && pass->keep;
        real *log_u = leaves ? w.log_u + c.at : u;
        student_t_scaled_squares(c.m, (real)(1 / nu), z + c.at, u);
        flow_vec_log1p((size_t)c.m, u, log_u);
        const cauchy_share share = outliers_of(student_t_share(base), nu);
        if (base->outlier_rows > 0)
            rows_add_density(&share, z + c.at, c.m, log_u, w.usual + c.first, w.strange + c.first,
                             leaves ? w.share + c.at : NULL);
        else if (base->outliers > 0)
            outliers_add_density(&share, z + c.at, c.m, u, logp + c.first);
        else
            student_t_add_density(c.m, share.constant, share.power, u, logp + c.first);
    }
    if (base->outlier_rows > 0)
        rows_finish(base, pass->n, &w, logp);
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
    const bool by_rows = base->outlier_rows > 0;
    student_t_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    for (flow_chunk c = {0}; flow_chunk_next(&c, base->dim, pass->n, FLOW_TILE);) {
        double slope, nu = student_t_degrees_of(base, pass->weights, (int)(c.at / (size_t)pass->n), &slope);
        double constant = gsl_sf_psi(0.5 * (nu + 1)) - gsl_sf_psi(0.5 * nu) - 1 / nu;
        real u[FLOW_TILE], own[FLOW_TILE], share[FLOW_TILE];
        const real *log_u = by_rows ? w.log_u + c.at : own;
        student_t_scaled_squares(c.m, (real)(1 / nu), z + c.at, u);
        if (!by_rows)
            flow_vec_log1p((size_t)c.m, u, own);
        student_t_gradients(c.m, (real)((nu + 1) / nu), (real)constant, (real)(0.5 * slope), z + c.at, u, log_u,
                            glogp + c.first, gz + c.at, w.g + c.at);
        if (by_rows) {
            rows_weigh(c.m, w.is_outlier + c.first, w.share + c.at);
            outliers_mix(c.m, z + c.at, w.share + c.at, glogp + c.first, gz + c.at, w.g + c.at);
        } else if (base->outliers > 0) {
            const cauchy_share of = outliers_of(base->outliers, nu);
            real log_square[FLOW_TILE];
            outliers_look(&of, z + c.at, c.m, own, log_square, share);
            flow_vec_sigmoid((size_t)c.m, share, share);
            outliers_mix(c.m, z + c.at, share, glogp + c.first, gz + c.at, w.g + c.at);
        }
    }
    flow_tape_vector(pass->tape, base->weight, base->dim, w.g);
}

/* `share`: of a Cauchy distribution */
static double student_t_draw(const gsl_rng *rng, double share, double nu)
{
    const bool outlier = share > 0 && gsl_rng_uniform(rng) < share;
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
        const bool usual = base->outlier_rows > 0 && gsl_rng_uniform(&rng) >= base->outlier_rows;
        const double share = usual ? 0 : student_t_share(base);
        for (int i = 0; i < base->dim; i++)
            z[(size_t)i * (size_t)pass->n + (size_t)j] = (real)(temperature * student_t_draw(&rng, share, w.nu[i]));
    }
}

/* A row is an outlier with a probability that depends on its latents so far; `ahead` (n) is the logarithm of that
 * probability minus that of the contrary. */
static void student_t_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const student_t *base = self;
    const bool by_rows = base->outlier_rows > 0;
    student_t_scratch w;
    student_t_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    double *ahead = w.strange;
    for (int j = 0; by_rows && j < pass->n; j++)
        ahead[j] = log(base->outlier_rows) - log1p(-base->outlier_rows);
    for (int i = 0; i < base->dim; i++) {
        const double nu = student_t_degrees_of(base, pass->weights, i, NULL);
        for (int j = 0; j < pass->n; j++) {
            const size_t k = (size_t)i * (size_t)pass->n + (size_t)j;
            const double at = (double)z[k];
            const double share = student_t_share(base) / (by_rows ? 1 + exp(-ahead[j]) : 1);
            u[k] = (1 - share) * gsl_cdf_tdist_P(at, nu) + share * gsl_cdf_cauchy_P(at, 1);
            if (by_rows) {
                const double log_ratio =
                    (nu + 1) / 2 * log1p(at * at / nu) - student_t_top(nu) - log(acos(-1)) - log1p(at * at);
                ahead[j] += log(1 - base->outlier_spread + base->outlier_spread * exp(fmin(log_ratio, 500)));
            }
        }
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
