/* Activation normalization: z_i = (x_i + b_i) exp(s_i), one scale and one shift per dimension (Kingma and Dhariwal
 * 2018, sec. 3.1). The first fit makes its output have mean 0 and deviation 1; a flag among the fitted values remembers
 * that, in the model file too. With "fit": false it starts at the identity: the diagonal scaling of NICE (Dinh et al.
 * 2015, sec. 3.3). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"

typedef struct actnorm {
    bool fits;
    int dim;
    size_t log_scale, shift; /* offsets in the weights */
    size_t initialized;      /* offset in the fitted values */
} actnorm;

static const flow_option actnorm_table[] = {
    FLOW_KEY_FLAG(flow_actnorm_options, fit, "true",
                  "start with mean 0 and deviation 1 on the data; false: start at the identity"),
    FLOW_OPTIONS_END,
};

static flow_status actnorm_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    actnorm *block = self;
    block->fits = ((const flow_actnorm_options *)options)->fit;
    block->dim = context->dims.n;
    flow_status status =
        flow_params_add_weights(params, &block->log_scale, "log_scale", block->dim, 1, FLOW_INIT_ZERO, 0, NULL, err);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &block->shift, "shift", block->dim, 1, FLOW_INIT_ZERO, 0, NULL, err);
    if (status == FLOW_OK)
        status = flow_params_add_fitted(params, &block->initialized, "initialized", 1, 1, err);
    return status;
}

/* What the backward reads: z, and the gradients of shift and log-scale for the tape: three (d, n) arrays. */
typedef struct actnorm_scratch {
    real *z, *gshift, *gscale;
} actnorm_scratch;

static size_t actnorm_lay_out(const actnorm *block, int n, bool keep, void *memory, actnorm_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t count = keep ? (size_t)block->dim * (size_t)n : 0;
    w->z = flow_layout_take(&layout, count, sizeof(real));
    w->gshift = flow_layout_take(&layout, count, sizeof(real));
    w->gscale = flow_layout_take(&layout, count, sizeof(real));
    return layout.used;
}

static size_t actnorm_scratch_size(const void *self, int n, bool keep)
{
    actnorm_scratch w;
    return actnorm_lay_out(self, n, keep, NULL, &w);
}

static double actnorm_log_scale_of(const actnorm *block, const flow_pass *pass, int i)
{
    return (double)pass->weights[block->log_scale + (size_t)i];
}

static double actnorm_scale_of(const actnorm *block, const flow_pass *pass, int i)
{
    return exp(actnorm_log_scale_of(block, pass, i));
}

static real actnorm_shift_of(const actnorm *block, const flow_pass *pass, int i)
{
    return pass->weights[block->shift + (size_t)i];
}

static void actnorm_add_logdet(const actnorm *block, const flow_pass *pass, double sign, double *logdet)
{
    double sum = 0;
    for (int i = 0; i < block->dim; i++)
        sum += actnorm_log_scale_of(block, pass, i);
    for (int j = 0; j < pass->n; j++)
        logdet[j] += sign * sum;
}

static void actnorm_keep(const actnorm *block, const flow_pass *pass, const real *z)
{
    actnorm_scratch w;
    actnorm_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    if (pass->keep)
        memcpy(w.z, z, (size_t)block->dim * (size_t)pass->n * sizeof *z);
}

static void actnorm_to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    const actnorm *block = self;
    for (int i = 0; i < block->dim; i++) {
        real scale = (real)actnorm_scale_of(block, pass, i), shift = actnorm_shift_of(block, pass, i);
        size_t at = (size_t)i * (size_t)pass->n;
        for (int j = 0; j < pass->n; j++)
            z[at + (size_t)j] = (x[at + (size_t)j] + shift) * scale;
    }
    actnorm_keep(block, pass, z);
    actnorm_add_logdet(block, pass, 1, logdet);
}

static void actnorm_to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    const actnorm *block = self;
    for (int i = 0; i < block->dim; i++) {
        real inverse = (real)(1 / actnorm_scale_of(block, pass, i)), shift = actnorm_shift_of(block, pass, i);
        size_t at = (size_t)i * (size_t)pass->n;
        for (int j = 0; j < pass->n; j++)
            x[at + (size_t)j] = z[at + (size_t)j] * inverse - shift;
    }
    actnorm_keep(block, pass, z);
    actnorm_add_logdet(block, pass, -1, logdet);
}

static void actnorm_to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    assert(pass->keep);
    const actnorm *block = self;
    actnorm_scratch w;
    actnorm_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    for (int i = 0; i < block->dim; i++) {
        real scale = (real)actnorm_scale_of(block, pass, i);
        for (size_t j = 0, k = (size_t)i * (size_t)pass->n; j < (size_t)pass->n; j++, k++) {
            real g = gz[k] * scale;
            w.gscale[k] = gz[k] * w.z[k] + pass->glogdet[j]; /* z = (x + b) e^s */
            w.gshift[k] = g;
            gx[k] = g;
        }
    }
    flow_tape_vector(pass->tape, block->log_scale, block->dim, w.gscale);
    flow_tape_vector(pass->tape, block->shift, block->dim, w.gshift);
}

static void actnorm_to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    assert(pass->keep);
    const actnorm *block = self;
    actnorm_scratch w;
    actnorm_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    for (int i = 0; i < block->dim; i++) {
        real inverse = (real)(1 / actnorm_scale_of(block, pass, i));
        for (size_t j = 0, k = (size_t)i * (size_t)pass->n; j < (size_t)pass->n; j++, k++) {
            real g = gx[k] * inverse;
            w.gscale[k] = -g * w.z[k] - pass->glogdet[j]; /* x = z e^-s - b */
            w.gshift[k] = -gx[k];
            gz[k] = g;
        }
    }
    flow_tape_vector(pass->tape, block->log_scale, block->dim, w.gscale);
    flow_tape_vector(pass->tape, block->shift, block->dim, w.gshift);
}

static flow_status actnorm_fit(const void *self, flow_params *params, real *weights, int n, const real *x,
                               flow_error *err)
{
    const actnorm *block = self;
    double *initialized = &params->fitted[block->initialized];
    if (!block->fits || *initialized != 0)
        return FLOW_OK;
    double *values = malloc(((size_t)n + 1) * sizeof *values);
    if (values == NULL)
        return flow_error_memory(err, "the fit of actnorm");
    for (int i = 0; i < block->dim; i++) {
        for (int j = 0; j < n; j++)
            values[j] = (double)x[(size_t)i * (size_t)n + (size_t)j];
        double mean = gsl_stats_mean(values, 1, (size_t)n);
        double deviation = n > 1 ? gsl_stats_sd_m(values, 1, (size_t)n, mean) : 0;
        bool usable = isfinite(deviation) && deviation > 1e-12;
        weights[block->shift + (size_t)i] = (real)(isfinite(mean) ? -mean : 0);
        weights[block->log_scale + (size_t)i] = (real)(usable ? -log(deviation) : 0);
    }
    free(values);
    *initialized = 1;
    return FLOW_OK;
}

const flow_block_type flow_block_actnorm = {
    .info = {FLOW_INFO("actnorm", "a trainable scale and shift per dimension, first fitted to the data", actnorm_table,
                       flow_actnorm_options),
             .repeats = true},
    .state_size = sizeof(actnorm),
    .configure = actnorm_configure, .pixelwise = true,
    .elementwise = true,
    .scratch_size = actnorm_scratch_size,
    .map = {actnorm_to_latent, actnorm_to_data},
    .backward = {actnorm_to_latent_backward, actnorm_to_data_backward},
    .fit = actnorm_fit,
};
