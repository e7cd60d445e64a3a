/* A mixture of K normal distributions with diagonal covariance, over all dimensions together, trained with the flow:
 * a flow is continuous, so that separate islands of data are torn out of one normal distribution only with thin
 * bridges between them (Stimper et al. 2022); from a mixture each island has a component to come from.
 *
 *     log p(z) = log sum_k w_k prod_i phi((z_i - mean_ki) / sigma_ki) / sigma_ki
 *
 * w is a softmax of logits, sigma = sqrt(2/3) exp(s) with s = a / sqrt(1 + (a / bound)^2), and logits and a start at
 * 0. The means start at random in (-1, 1), which makes the variance 1 on the whole; with "fit" (the default) rows of
 * the data take their place when a training starts, far from each other by the draws of k-means++ (Arthur and
 * Vassilvitskii 2007).
 *
 * The temperature multiplies the distance of a draw from the mean of its component, and leaves the means. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/base.h"
#include "flow/base/options.h"
#include "num/rng.h"
#include "num/simd.h"
#include "num/vecmath.h"
#include "num/vector.h"

enum { MOST_COMPONENTS = 1000 };

typedef struct mixture {
    flow_mixture_base_options options;
    int dim;
    uint64_t seed;
    size_t logit, mean, scale; /* weights (K), (K, dim), (K, dim) */
} mixture;

static const flow_option mixture_base_table[] = {
    FLOW_KEY_INT(flow_mixture_base_options, components, "10", 1, MOST_COMPONENTS,
                 "normal distributions in the mixture"),
    FLOW_KEY_NUMBER(flow_mixture_base_options, bound, "3", 0.1, 30, "largest absolute log-scale of a component"),
    FLOW_KEY_FLAG(flow_mixture_base_options, fit, "true", "start the means at rows of the data"),
    FLOW_OPTIONS_END,
};

static flow_status base_mixture_configure(void *self, const void *options, const flow_block_context *context,
                                          flow_params *params, flow_error *err)
{
    mixture *base = self;
    base->options = *(const flow_mixture_base_options *)options;
    int k = (int)base->options.components, d = context->dims.n;
    base->dim = d;
    base->seed = context->seed;
    FLOW_TRY(flow_params_add_weights(params, &base->logit, "logits", k, 1, FLOW_INIT_ZERO, 0, NULL, err));
    FLOW_TRY(flow_params_add_weights(params, &base->mean, "means", k, d, FLOW_INIT_FAN_IN, 1, NULL, err));
    return flow_params_add_weights(params, &base->scale, "log_scales", k, d, FLOW_INIT_ZERO, 0, NULL, err);
}

typedef struct base_mixture_scratch {
    double *weight;                /* (K) */
    double *log_height;            /* (K): log w - sum log sigma - dim log(2 pi) / 2 */
    real *inverse;                 /* (K, dim): 1 / sigma */
    double *exponent;              /* (K, n): log of w times density */
    double *top;                   /* (n): the largest of them */
    real *share;                   /* (K, n): what each component has of the density; the log-density leaves it */
    real *sum;                     /* (n) */
    size_t *chosen;                /* (n): the component of a draw */
    real *glogit, *gmean, *gscale; /* (K, n), (K dim, n), (K dim, n) */
} base_mixture_scratch;

static size_t base_mixture_lay_out(const mixture *base, int n, bool keep, void *memory, base_mixture_scratch *w)
{
    flow_layout layout = {.base = memory};
    *w = (base_mixture_scratch){0};
    size_t k = (size_t)base->options.components, rows = (size_t)n, values = k * (size_t)base->dim;
    w->weight = flow_layout_take(&layout, k, sizeof *w->weight);
    w->log_height = flow_layout_take(&layout, k, sizeof *w->log_height);
    w->inverse = flow_layout_take(&layout, values, sizeof *w->inverse);
    w->exponent = flow_layout_take(&layout, k * rows, sizeof *w->exponent);
    w->top = flow_layout_take(&layout, rows, sizeof *w->top);
    w->share = flow_layout_take(&layout, k * rows, sizeof *w->share);
    w->sum = flow_layout_take(&layout, rows, sizeof *w->sum);
    w->chosen = flow_layout_take(&layout, rows, sizeof *w->chosen);
    if (!keep)
        return layout.used;
    w->glogit = flow_layout_take(&layout, k * rows, sizeof *w->glogit);
    w->gmean = flow_layout_take(&layout, values * rows, sizeof *w->gmean);
    w->gscale = flow_layout_take(&layout, values * rows, sizeof *w->gscale);
    return layout.used;
}

static size_t base_mixture_scratch_size(const void *self, int n, bool keep)
{
    base_mixture_scratch w;
    return base_mixture_lay_out(self, n, keep, NULL, &w);
}

/* log sigma of a raw log-scale, and d log sigma / da */
static double base_mixture_log_sigma(const mixture *base, real raw, double *slope)
{
    double a = (double)raw, r = a / base->options.bound, q = 1 / sqrt(1 + r * r);
    if (slope != NULL)
        *slope = q * q * q;
    return a * q + 0.5 * log(2. / 3);
}

/* What depends on the weights alone. */
static void base_mixture_prepare(const mixture *base, const real *weights, base_mixture_scratch *w)
{
    const double half_log_2pi = 0.91893853320467274178;
    int n_components = (int)base->options.components;
    const real *logit = weights + base->logit;
    double top = (double)logit[0], sum = 0;
    for (int k = 1; k < n_components; k++)
        top = fmax(top, (double)logit[k]);
    for (int k = 0; k < n_components; k++)
        sum += exp((double)logit[k] - top);
    for (int k = 0; k < n_components; k++) {
        double log_weight = (double)logit[k] - top - log(sum);
        w->weight[k] = exp(log_weight);
        w->log_height[k] = log_weight - half_log_2pi * base->dim;
        for (int i = 0; i < base->dim; i++) {
            size_t at = (size_t)k * (size_t)base->dim + (size_t)i;
            double s = base_mixture_log_sigma(base, weights[base->scale + at], NULL);
            w->log_height[k] -= s;
            w->inverse[at] = (real)exp(-s);
        }
    }
}

FLOW_MULTIVERSION
static void base_mixture_subtract_half_squares(int n, real mean, real inverse, const real *restrict z,
                                               double *restrict exponent)
{
    for (int j = 0; j < n; j++) {
        double t = (double)((z[j] - mean) * inverse);
        exponent[j] -= 0.5 * t * t;
    }
}

FLOW_MULTIVERSION
static void base_mixture_raise_top(int n, const double *restrict exponent, double *restrict top)
{
    for (int j = 0; j < n; j++)
        top[j] = exponent[j] > top[j] ? exponent[j] : top[j];
}

FLOW_MULTIVERSION
static void base_mixture_below_top(int n, const double *restrict exponent, const double *restrict top,
                                   real *restrict share)
{
    for (int j = 0; j < n; j++)
        share[j] = (real)(exponent[j] - top[j]);
}

FLOW_MULTIVERSION
static void base_mixture_divide(int n, const real *restrict by, real *restrict a)
{
    for (int j = 0; j < n; j++)
        a[j] /= by[j];
}

static void base_mixture_log_density(const void *self, const flow_pass *pass, const real *z, double *logp)
{
    const mixture *base = self;
    int n = pass->n;
    size_t rows = (size_t)n, d = (size_t)base->dim, n_components = (size_t)base->options.components;
    base_mixture_scratch w;
    base_mixture_lay_out(base, n, pass->keep, pass->scratch, &w);
    base_mixture_prepare(base, pass->weights, &w);
    for (size_t k = 0; k < n_components; k++) {
        double *exponent = w.exponent + k * rows;
        for (int j = 0; j < n; j++)
            exponent[j] = w.log_height[k];
        for (size_t i = 0; i < d; i++)
            base_mixture_subtract_half_squares(n, pass->weights[base->mean + k * d + i], w.inverse[k * d + i],
                                               z + i * rows, exponent);
        if (k == 0)
            memcpy(w.top, exponent, rows * sizeof *w.top);
        base_mixture_raise_top(n, exponent, w.top);
    }
    memset(w.sum, 0, rows * sizeof *w.sum);
    for (size_t k = 0; k < n_components; k++) {
        real *share = w.share + k * rows;
        base_mixture_below_top(n, w.exponent + k * rows, w.top, share);
        flow_vec_exp(rows, share, share);
        flow_vec_add(rows, share, w.sum);
    }
    for (size_t k = 0; k < n_components; k++)
        base_mixture_divide(n, w.sum, w.share + k * rows);
    flow_vec_log(rows, w.sum, w.sum);
    for (int j = 0; j < n; j++)
        logp[j] += w.top[j] + (double)w.sum[j];
}

FLOW_MULTIVERSION
static void base_mixture_gradients(int n, real mean, real inverse, real slope, const real *restrict z,
                                   const real *restrict share, const real *restrict glogp, real *restrict gz,
                                   real *restrict gmean, real *restrict gscale)
{
    for (int j = 0; j < n; j++) {
        real t = (z[j] - mean) * inverse, g = glogp[j] * share[j];
        gmean[j] = g * t * inverse;
        gscale[j] = g * (t * t - 1) * slope;
        gz[j] -= gmean[j];
    }
}

static void base_mixture_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    assert(pass->keep);
    const mixture *base = self;
    int n = pass->n;
    size_t rows = (size_t)n, d = (size_t)base->dim, n_components = (size_t)base->options.components;
    base_mixture_scratch w;
    base_mixture_lay_out(base, n, pass->keep, pass->scratch, &w);
    memset(gz, 0, d * rows * sizeof *gz);
    for (size_t k = 0; k < n_components; k++) {
        const real *share = w.share + k * rows;
        for (size_t i = 0; i < d; i++) {
            size_t at = k * d + i;
            double slope;
            base_mixture_log_sigma(base, pass->weights[base->scale + at], &slope);
            base_mixture_gradients(n, pass->weights[base->mean + at], w.inverse[at], (real)slope, z + i * rows, share,
                                   glogp, gz + i * rows, w.gmean + at * rows, w.gscale + at * rows);
        }
        for (size_t j = 0; j < rows; j++)
            w.glogit[k * rows + j] = glogp[j] * (share[j] - (real)w.weight[k]);
    }
    flow_tape_vector(pass->tape, base->logit, (int)n_components, w.glogit);
    flow_tape_vector(pass->tape, base->mean, (int)(n_components * d), w.gmean);
    flow_tape_vector(pass->tape, base->scale, (int)(n_components * d), w.gscale);
}

/* The place at which the running sum of the n weights passes u. */
static size_t base_mixture_choose(size_t n, const double *weight, double u)
{
    size_t k = 0;
    for (; k < n - 1 && u >= weight[k]; k++)
        u -= weight[k];
    return k;
}

static void base_mixture_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row,
                                double temperature, real *z)
{
    const mixture *base = self;
    size_t rows = (size_t)pass->n, d = (size_t)base->dim, n_components = (size_t)base->options.components;
    base_mixture_scratch w;
    base_mixture_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    base_mixture_prepare(base, pass->weights, &w);
    /* The normals take the columns from 0, a quarter as many as there are dimensions. */
    flow_rng_normals(z, base->dim, pass->n, seed, FLOW_STREAM_BASE, first_row);
    for (size_t j = 0; j < rows; j++) {
        double u = flow_rng_uniform(seed, FLOW_STREAM_BASE, first_row + j, UINT32_MAX);
        w.chosen[j] = base_mixture_choose(n_components, w.weight, u);
    }
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j < rows; j++) {
            size_t at = w.chosen[j] * d + i;
            real *value = &z[i * rows + j];
            *value = pass->weights[base->mean + at] + (real)temperature * *value / w.inverse[at];
        }
    }
}

/* ---- the start ---- */

/* Lowers each row's squared distance to the nearest mean; returns their sum. */
static double base_mixture_approach(int d, size_t rows, const real *z, const real *mean, double *distance)
{
    double total = 0;
    for (size_t j = 0; j < rows; j++) {
        double square = 0;
        for (int i = 0; i < d; i++) {
            double t = (double)(z[(size_t)i * rows + j] - mean[i]);
            square += t * t;
        }
        distance[j] = square < distance[j] ? square : distance[j];
        total += distance[j];
    }
    return total;
}

static flow_status base_mixture_fit(const void *self, flow_params *params, real *weights, int n, const real *z,
                                    flow_error *err)
{
    (void)params;
    const mixture *base = self;
    if (!base->options.fit)
        return FLOW_OK;
    assert(n > 0);
    size_t rows = (size_t)n;
    double *distance = malloc(rows * sizeof *distance), total = (double)rows;
    if (distance == NULL)
        return flow_error_memory(err, "the start of the mixture");
    for (size_t j = 0; j < rows; j++)
        distance[j] = 1; /* the first row is any row */
    for (int k = 0; k < (int)base->options.components && total > 0; k++) {
        real *mean = weights + base->mean + (size_t)k * (size_t)base->dim;
        double u = flow_rng_uniform(base->seed, FLOW_STREAM_OTHER, (uint64_t)k, UINT32_MAX);
        size_t row = base_mixture_choose(rows, distance, total * u);
        for (int i = 0; i < base->dim; i++)
            mean[i] = z[(size_t)i * rows + row];
        for (size_t j = 0; k == 0 && j < rows; j++)
            distance[j] = INFINITY;
        total = base_mixture_approach(base->dim, rows, z, mean, distance);
    }
    free(distance);
    return isfinite(total) ? FLOW_OK : flow_error_set(err, FLOW_NUMERIC, "the rows at the base are not finite");
}

/* Of one row, whose latents are `stride` apart. The weights of the components, given the latents before, go along as
 * logarithms in `exponent`. */
static void base_mixture_row_to_uniform(const mixture *base, const real *weights, base_mixture_scratch *w,
                                        const real *z, double *u, size_t stride)
{
    const size_t d = (size_t)base->dim, n_components = (size_t)base->options.components;
    for (size_t k = 0; k < n_components; k++)
        w->exponent[k] = log(w->weight[k]);
    for (size_t i = 0; i < d; i++) {
        double top = -INFINITY, below = 0, sum = 0;
        for (size_t k = 0; k < n_components; k++)
            top = fmax(top, w->exponent[k]);
        for (size_t k = 0; k < n_components; k++) {
            const double inverse = (double)w->inverse[k * d + i], share = exp(w->exponent[k] - top);
            const double t = ((double)z[i * stride] - (double)weights[base->mean + k * d + i]) * inverse;
            sum += share;
            below += share * gsl_cdf_ugaussian_P(t);
            w->exponent[k] += log(inverse) - 0.5 * t * t;
        }
        u[i * stride] = below / sum;
    }
}

static void base_mixture_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const mixture *base = self;
    base_mixture_scratch w;
    base_mixture_lay_out(base, pass->n, pass->keep, pass->scratch, &w);
    base_mixture_prepare(base, pass->weights, &w);
    for (int j = 0; j < pass->n; j++)
        base_mixture_row_to_uniform(base, pass->weights, &w, z + j, u + j, (size_t)pass->n);
}

const flow_base_type flow_base_mixture = {
    .info = {FLOW_INFO("mixture",
                       "a trainable mixture of normal distributions with diagonal covariances, for data in separate "
                       "pieces",
                       mixture_base_table, flow_mixture_base_options)},
    .state_size = sizeof(mixture), .configure = base_mixture_configure, .scratch_size = base_mixture_scratch_size,
    .log_density = base_mixture_log_density, .backward = base_mixture_backward, .sample = base_mixture_sample,
    .fit = base_mixture_fit, .to_uniform = base_mixture_to_uniform,
};
