/* The uniform distribution on a box, with shoulders: flat where every |z_i| <= bound, and outside falling off like a
 * normal distribution of standard deviation `edge`,
 *     log p(z_i) = -log(2 bound + edge sqrt(2 pi)) - max(|z_i| - bound, 0)^2 / (2 edge^2).
 *
 * A box alone has no density outside, and no gradient that would show the way in: the first row outside stops the
 * training. With shoulders the density is finite everywhere and has a continuous gradient, so that any flow can be
 * trained; "edge": 0 is the box itself, -inf outside, for flows that end in a map onto the box. The temperature
 * multiplies the draws. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "flow/base.h"
#include "flow/base/options.h"
#include "num/rng.h"
#include "num/simd.h"

typedef struct uniform {
    double bound, edge;
    int dim;
    double shoulder; /* the mass of one shoulder */
    double density;  /* on the box */
} uniform;

static const flow_option uniform_table[] = {
    FLOW_KEY_NUMBER(flow_uniform_options, bound, "1", 1e-6, 1e6, "the box is (-bound, bound) in every dimension"),
    FLOW_KEY_NUMBER(flow_uniform_options, edge, "0.1", 0, 1e6,
                    "width of the shoulders outside the box; 0: no density outside, for flows that map onto the box"),
    FLOW_OPTIONS_END,
};

static flow_status uniform_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    (void)params, (void)err;
    uniform *base = self;
    const flow_uniform_options *asked = options;
    const double root_2pi = 2.50662827463100050242;
    base->dim = context->dims.n;
    base->edge = asked->edge;
    base->bound = (double)(real)asked->bound; /* a z that was rounded to the bound lies inside */
    base->density = 1 / (2 * base->bound + base->edge * root_2pi);
    base->shoulder = 0.5 * base->edge * root_2pi * base->density;
    return FLOW_OK;
}

/* How far z lies outside; what is not a number stays so. */
static inline double uniform_excess(double size, double bound)
{
    return size <= bound ? 0 : size - bound;
}

FLOW_MULTIVERSION
static void uniform_add_density(int n, double log_density, double bound, double inverse_edge, const real *restrict z,
                                double *restrict logp)
{
    for (int j = 0; j < n; j++) {
        double t = uniform_excess(fabs((double)z[j]), bound) * inverse_edge;
        logp[j] += log_density - 0.5 * t * t;
    }
}

static void uniform_add_box(int n, double log_density, double bound, const real *z, double *logp)
{
    for (int j = 0; j < n; j++) {
        double out = uniform_excess(fabs((double)z[j]), bound);
        logp[j] += out > 0 ? -INFINITY : log_density + out;
    }
}

static void uniform_log_density(const void *self, const flow_pass *pass, const real *z, double *logp)
{
    const uniform *base = self;
    for (int i = 0; i < base->dim; i++) {
        const real *line = z + (size_t)i * (size_t)pass->n;
        if (base->edge > 0)
            uniform_add_density(pass->n, log(base->density), base->bound, 1 / base->edge, line, logp);
        else
            uniform_add_box(pass->n, log(base->density), base->bound, line, logp);
    }
}

static void uniform_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    const uniform *base = self;
    double curvature = base->edge > 0 ? 1 / (base->edge * base->edge) : 0;
    for (int i = 0; i < base->dim; i++) {
        size_t at = (size_t)i * (size_t)pass->n;
        for (int j = 0; j < pass->n; j++) {
            double v = (double)z[at + (size_t)j],
                   slope = -copysign(uniform_excess(fabs(v), base->bound), v) * curvature;
            gz[at + (size_t)j] = (real)((double)glogp[j] * slope);
        }
    }
}

/* The quantile function. */
static double uniform_quantile(const uniform *base, double u)
{
    if (u < base->shoulder)
        return -base->bound + base->edge * gsl_cdf_ugaussian_Pinv(0.5 * u / base->shoulder);
    if (1 - u < base->shoulder)
        return base->bound - base->edge * gsl_cdf_ugaussian_Pinv(0.5 * (1 - u) / base->shoulder);
    return -base->bound + (u - base->shoulder) / base->density;
}

/* The distribution function. */
static double uniform_below(const uniform *base, double z)
{
    if (z < -base->bound)
        return base->edge > 0 ? 2 * base->shoulder * gsl_cdf_ugaussian_P((z + base->bound) / base->edge) : 0;
    if (z > base->bound)
        return base->edge > 0 ? 1 - 2 * base->shoulder * gsl_cdf_ugaussian_Q((z - base->bound) / base->edge) : 1;
    return base->shoulder + (z + base->bound) * base->density;
}

static void uniform_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const uniform *base = self;
    const size_t count = (size_t)base->dim * (size_t)pass->n;
    for (size_t k = 0; k < count; k++)
        u[k] = uniform_below(base, (double)z[k]);
}

static void uniform_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row,
                           double temperature, real *z)
{
    const uniform *base = self;
    for (int i = 0; i < base->dim; i++) {
        for (int j = 0; j < pass->n; j++) {
            double u = flow_rng_uniform(seed, FLOW_STREAM_BASE, first_row + (uint64_t)j, (uint32_t)i);
            z[(size_t)i * (size_t)pass->n + (size_t)j] = (real)(temperature * uniform_quantile(base, u));
        }
    }
}

const flow_base_type flow_base_uniform = {
    .info = {FLOW_INFO("uniform", "uniform on a box, with smooth shoulders outside",
                       uniform_table, flow_uniform_options)},
    .state_size = sizeof(uniform), .configure = uniform_configure, .log_density = uniform_log_density,
    .backward = uniform_backward, .sample = uniform_sample, .to_uniform = uniform_to_uniform,
};
