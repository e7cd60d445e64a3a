/* The standard normal distribution in d dimensions. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "flow/base.h"
#include "num/rng.h"
#include "num/simd.h"

typedef struct normal {
    int dim;
} normal;

static flow_status normal_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)options, (void)params, (void)err;
    ((normal *)self)->dim = context->dims.n;
    return FLOW_OK;
}

FLOW_MULTIVERSION
static void normal_subtract_half_squares(int n, const real *restrict z, double *restrict logp)
{
    for (int j = 0; j < n; j++)
        logp[j] -= 0.5 * (double)z[j] * (double)z[j];
}

static void normal_log_density(const void *self, const flow_pass *pass, const real *z, double *logp)
{
    const normal *base = self;
    const double half_log_2pi = 0.91893853320467274178;
    for (int j = 0; j < pass->n; j++)
        logp[j] -= half_log_2pi * base->dim;
    for (int i = 0; i < base->dim; i++)
        normal_subtract_half_squares(pass->n, z + (size_t)i * (size_t)pass->n, logp);
}

static void normal_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    const normal *base = self;
    for (int i = 0; i < base->dim; i++) {
        size_t at = (size_t)i * (size_t)pass->n;
        for (int j = 0; j < pass->n; j++)
            gz[at + (size_t)j] = -glogp[j] * z[at + (size_t)j];
    }
}

static void normal_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row,
                          double temperature, real *z)
{
    const normal *base = self;
    flow_rng_normals(z, base->dim, pass->n, seed, FLOW_STREAM_BASE, first_row);
    if (temperature == 1)
        return;
    size_t count = (size_t)base->dim * (size_t)pass->n;
    for (size_t k = 0; k < count; k++)
        z[k] = (real)(temperature * (double)z[k]);
}

static void normal_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const normal *base = self;
    const size_t count = (size_t)base->dim * (size_t)pass->n;
    for (size_t k = 0; k < count; k++)
        u[k] = gsl_cdf_ugaussian_P((double)z[k]);
}

const flow_base_type flow_base_normal = {
    .info = {FLOW_INFO_BARE("normal", "standard normal distribution")},
    .state_size = sizeof(normal), .configure = normal_configure, .log_density = normal_log_density,
    .backward = normal_backward, .sample = normal_sample, .to_uniform = normal_to_uniform,
};
