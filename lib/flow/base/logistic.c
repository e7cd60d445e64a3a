/* Independent standard logistic distributions, the base of NICE (Dinh et al. 2015, sec. 3.4):
 *     log p(z) = -|z| - 2 log(1 + exp(-|z|)),   d log p / dz = -tanh(z / 2).
 * It is the uniform distribution on (0, 1) seen through a sigmoid; its tails are exponential. The temperature
 * multiplies the draws. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "flow/base.h"
#include "flow/chunk.h"
#include "num/rng.h"
#include "num/simd.h"
#include "num/vecmath.h"

typedef struct logistic {
    int dim;
} logistic;

static flow_status logistic_configure(void *self, const void *options, const flow_block_context *context,
                                      flow_params *params, flow_error *err)
{
    (void)options, (void)params, (void)err;
    ((logistic *)self)->dim = context->dims.n;
    return FLOW_OK;
}

FLOW_MULTIVERSION
static void logistic_minus_size(int n, const real *restrict z, real *restrict e)
{
    for (int j = 0; j < n; j++)
        e[j] = z[j] < 0 ? z[j] : -z[j];
}

FLOW_MULTIVERSION
static void logistic_add_density(int n, const real *restrict z, const real *restrict log_e, double *restrict logp)
{
    for (int j = 0; j < n; j++)
        logp[j] += (double)(z[j] < 0 ? z[j] : -z[j]) - 2 * (double)log_e[j];
}

static void logistic_log_density(const void *self, const flow_pass *pass, const real *z, double *logp)
{
    const logistic *base = self;
    for (flow_chunk c = {0}; flow_chunk_next(&c, base->dim, pass->n, FLOW_TILE);) {
        real e[FLOW_TILE];
        logistic_minus_size(c.m, z + c.at, e);
        flow_vec_exp((size_t)c.m, e, e);
        flow_vec_log1p((size_t)c.m, e, e);
        logistic_add_density(c.m, z + c.at, e, logp + c.first);
    }
}

static void logistic_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    const logistic *base = self;
    for (flow_chunk c = {0}; flow_chunk_next(&c, base->dim, pass->n, FLOW_TILE);) {
        real t[FLOW_TILE];
        for (int j = 0; j < c.m; j++)
            t[j] = (real)0.5 * z[c.at + (size_t)j];
        flow_vec_tanh((size_t)c.m, t, t);
        for (int j = 0; j < c.m; j++)
            gz[c.at + (size_t)j] = -glogp[c.first + j] * t[j];
    }
}

static void logistic_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row,
                            double temperature, real *z)
{
    const logistic *base = self;
    for (int i = 0; i < base->dim; i++) {
        for (int j = 0; j < pass->n; j++) {
            double u = flow_rng_uniform(seed, FLOW_STREAM_BASE, first_row + (uint64_t)j, (uint32_t)i);
            z[(size_t)i * (size_t)pass->n + (size_t)j] = (real)(temperature * (log(u) - log1p(-u)));
        }
    }
}

static void logistic_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const logistic *base = self;
    const size_t count = (size_t)base->dim * (size_t)pass->n;
    for (size_t k = 0; k < count; k++)
        u[k] = gsl_cdf_logistic_P((double)z[k], 1);
}

const flow_base_type flow_base_logistic = {
    .info = {FLOW_INFO_BARE("logistic", "independent standard logistic distributions")},
    .state_size = sizeof(logistic), .configure = logistic_configure, .log_density = logistic_log_density,
    .backward = logistic_backward, .sample = logistic_sample, .to_uniform = logistic_to_uniform,
};
