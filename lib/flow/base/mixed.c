/* The base where some latents are periodic: these are uniform, and the others have the base that the spec names. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

#include "core/memory.h"
#include "flow/base.h"
#include "num/rng.h"
#include "num/vector.h"

typedef struct mixed {
    const flow_base_type *type; /* of the linear dimensions */
    void *state;                /* owned */
    flow_dims dims;
    int n_linear;
    int *linear; /* (n_linear), owned */
} mixed;

typedef struct mixed_scratch {
    real *z, *gz; /* (n_linear, n) */
    double *u;    /* (n_linear, n) */
    void *base;
} mixed_scratch;

static size_t mixed_lay_out(const mixed *m, int n, bool keep, void *memory, mixed_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)m->n_linear * (size_t)n;
    w->z = flow_layout_take(&layout, count, sizeof *w->z);
    w->gz = flow_layout_take(&layout, keep ? count : 0, sizeof *w->gz);
    w->u = flow_layout_take(&layout, count, sizeof *w->u);
    bool works = m->n_linear > 0 && m->type->scratch_size != NULL;
    w->base = flow_layout_take(&layout, works ? m->type->scratch_size(m->state, n, keep) : 0, 1);
    return layout.used;
}

static size_t mixed_scratch_size(const void *self, int n, bool keep)
{
    mixed_scratch w;
    return mixed_lay_out(self, n, keep, NULL, &w);
}

/* The pass of the base of the linear dimensions. */
static flow_pass pass_within(const mixed *m, const flow_pass *pass, mixed_scratch *w)
{
    flow_pass within = *pass;
    mixed_lay_out(m, pass->n, pass->keep, pass->scratch, w);
    within.scratch = w->base;
    return within;
}

static void mixed_log_density(const void *self, const flow_pass *pass, const real *z, double *logp)
{
    const mixed *m = self;
    mixed_scratch w;
    const flow_pass within = pass_within(m, pass, &w);
    for (int j = 0; j < pass->n; j++)
        logp[j] -= (m->dims.n - m->n_linear) * log(2 * FLOW_PI);
    if (m->n_linear == 0)
        return;
    flow_rows_gather(m->n_linear, m->linear, pass->n, z, w.z);
    m->type->log_density(m->state, &within, w.z, logp);
}

static void mixed_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    (void)z; /* its linear dimensions are in the scratch */
    const mixed *m = self;
    mixed_scratch w;
    const flow_pass within = pass_within(m, pass, &w);
    memset(gz, 0, (size_t)m->dims.n * (size_t)pass->n * sizeof *gz);
    if (m->n_linear == 0)
        return;
    m->type->backward(m->state, &within, w.z, glogp, w.gz);
    flow_rows_scatter(m->n_linear, m->linear, pass->n, w.gz, gz);
}

static void mixed_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row, double temperature,
                         real *z)
{
    const mixed *m = self;
    int n = pass->n;
    mixed_scratch w;
    const flow_pass within = pass_within(m, pass, &w);
    if (m->n_linear > 0) {
        m->type->sample(m->state, &within, seed, first_row, temperature, w.z);
        flow_rows_scatter(m->n_linear, m->linear, n, w.z, z);
    }
    for (int i = 0; i < m->dims.n; i++) {
        for (int j = 0; j < n && m->dims.periodic[i]; j++) {
            double u = flow_rng_uniform(seed, FLOW_STREAM_PERIODIC, first_row + (uint64_t)j, (uint32_t)i);
            z[(size_t)i * (size_t)n + (size_t)j] = (real)(2 * FLOW_PI * (u - 0.5));
        }
    }
}

static void mixed_to_uniform(const void *self, const flow_pass *pass, const real *z, double *u)
{
    const mixed *m = self;
    const size_t n = (size_t)pass->n;
    mixed_scratch w;
    const flow_pass within = pass_within(m, pass, &w);
    for (size_t k = 0; k < (size_t)m->dims.n * n; k++)
        u[k] = ((double)z[k] + FLOW_PI) / (2 * FLOW_PI);
    if (m->n_linear == 0)
        return;
    flow_rows_gather(m->n_linear, m->linear, pass->n, z, w.z);
    m->type->to_uniform(m->state, &within, w.z, w.u);
    for (int i = 0; i < m->n_linear; i++)
        memcpy(u + (size_t)m->linear[i] * n, w.u + (size_t)i * n, n * sizeof *u);
}

static flow_status mixed_fit(const void *self, flow_params *params, real *weights, int n, const real *z,
                             flow_error *err)
{
    const mixed *m = self;
    if (m->n_linear == 0 || m->type->fit == NULL)
        return FLOW_OK;
    real *linear = malloc((size_t)m->n_linear * (size_t)n * sizeof *linear);
    if (linear == NULL)
        return flow_error_memory(err, "the base");
    flow_rows_gather(m->n_linear, m->linear, n, z, linear);
    flow_status status = m->type->fit(m->state, params, weights, n, linear, err);
    free(linear);
    return status;
}

static flow_status mixed_configure(void *self, const void *options, const flow_block_context *context,
                                   flow_params *params, flow_error *err)
{
    mixed *m = self;
    const flow_choice *linear = &((const flow_mixed_options *)options)->linear;
    assert(context->dims.periodic != NULL);
    m->dims = context->dims;
    m->type = (const flow_base_type *)linear->type;
    m->state = calloc(1, m->type->state_size);
    m->linear = malloc((size_t)m->dims.n * sizeof *m->linear);
    if (m->state == NULL || m->linear == NULL)
        return flow_error_memory(err, "the base");
    for (int i = 0; i < m->dims.n; i++)
        if (!m->dims.periodic[i])
            m->linear[m->n_linear++] = i;
    flow_block_context within = *context;
    within.dims = (flow_dims){.n = m->n_linear};
    return m->n_linear > 0 ? m->type->configure(m->state, linear->options, &within, params, err) : FLOW_OK;
}

static void mixed_release(void *self)
{
    mixed *m = self;
    if (m->type->release != NULL && m->state != NULL)
        m->type->release(m->state);
    free(m->state);
    free(m->linear);
}

static const flow_option mixed_table[] = {
    FLOW_KEY_CHOICE(flow_mixed_options, linear, "\"normal\"", NULL, "the base of the linear dimensions"),
    FLOW_OPTIONS_END,
};

const flow_base_type flow_base_mixed = {
    .info = {.name = "mixed", .help = "another base for the linear dimensions, uniform periodic ones",
             .options = mixed_table, .options_size = sizeof(flow_mixed_options)}, .state_size = sizeof(mixed),
    .configure = mixed_configure, .release = mixed_release, .scratch_size = mixed_scratch_size,
    .log_density = mixed_log_density, .backward = mixed_backward, .sample = mixed_sample, .fit = mixed_fit,
    .to_uniform = mixed_to_uniform,
};
