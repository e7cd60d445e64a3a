/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/circle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

#include "core/memory.h"
#include "num/rng.h"
#include "num/vector.h"

flow_status flow_copy_circular(bool **out, const flow_block_context *context, flow_error *err)
{
    *out = NULL;
    if (context->circular == NULL)
        return FLOW_OK;
    *out = malloc((size_t)context->dim * sizeof **out);
    if (*out == NULL)
        return flow_error_memory(err, "a block");
    memcpy(*out, context->circular, (size_t)context->dim * sizeof **out);
    return FLOW_OK;
}

/* ---- what networks see ---- */

int flow_circle_n_inputs(const bool *circular, int d)
{
    int n = d;
    for (int i = 0; circular != NULL && i < d; i++)
        n += circular[i];
    return n;
}

real *flow_circle_inputs(bool circular, int n, const real *line, real *inputs)
{
    if (!circular) {
        memcpy(inputs, line, (size_t)n * sizeof *line);
        return inputs + n;
    }
    for (int j = 0; j < n; j++) {
        inputs[j] = cos(line[j]);
        inputs[n + j] = sin(line[j]);
    }
    return inputs + 2 * (size_t)n;
}

const real *flow_circle_inputs_backward(bool circular, int n, const real *line, const real *ginputs, real *gline)
{
    for (int j = 0; j < n && !circular; j++)
        gline[j] += ginputs[j];
    for (int j = 0; j < n && circular; j++)
        gline[j] += ginputs[n + j] * cos(line[j]) - ginputs[j] * sin(line[j]);
    return ginputs + (circular ? 2 : 1) * (size_t)n;
}

double flow_circle_difference(double a, double b, double period)
{
    return period > 0 ? remainder(a - b, period) : a - b;
}

/* ---- the base ---- */

/* The base of a spec for the lines, and uniform angles. */
typedef struct mixed {
    const flow_base_type *type; /* of the lines */
    void *state;                /* owned */
    int dim, n_lines;
    int *lines;     /* (n_lines), owned */
    bool *circular; /* (dim), owned */
} mixed;

typedef struct mixed_scratch {
    real *z, *gz; /* (n_lines, n) */
    void *base;
} mixed_scratch;

static size_t mixed_lay_out(const mixed *m, int n, bool keep, void *memory, mixed_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)m->n_lines * (size_t)n;
    w->z = flow_layout_take(&layout, count, sizeof *w->z);
    w->gz = flow_layout_take(&layout, keep ? count : 0, sizeof *w->gz);
    bool works = m->n_lines > 0 && m->type->scratch_size != NULL;
    w->base = flow_layout_take(&layout, works ? m->type->scratch_size(m->state, n, keep) : 0, 1);
    return layout.used;
}

static size_t mixed_scratch_size(const void *self, int n, bool keep)
{
    mixed_scratch w;
    return mixed_lay_out(self, n, keep, NULL, &w);
}

/* The pass of the lines' base. */
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
        logp[j] -= (m->dim - m->n_lines) * log(2 * FLOW_PI);
    if (m->n_lines == 0)
        return;
    flow_rows_gather(m->n_lines, m->lines, pass->n, z, w.z);
    m->type->log_density(m->state, &within, w.z, logp);
}

static void mixed_backward(const void *self, const flow_pass *pass, const real *z, const real *glogp, real *gz)
{
    (void)z; /* its lines are in the scratch */
    const mixed *m = self;
    mixed_scratch w;
    const flow_pass within = pass_within(m, pass, &w);
    memset(gz, 0, (size_t)m->dim * (size_t)pass->n * sizeof *gz);
    if (m->n_lines == 0)
        return;
    m->type->backward(m->state, &within, w.z, glogp, w.gz);
    flow_rows_scatter(m->n_lines, m->lines, pass->n, w.gz, gz);
}

static void mixed_sample(const void *self, const flow_pass *pass, uint64_t seed, uint64_t first_row, double temperature,
                         real *z)
{
    const mixed *m = self;
    int n = pass->n;
    mixed_scratch w;
    const flow_pass within = pass_within(m, pass, &w);
    if (m->n_lines > 0) {
        m->type->sample(m->state, &within, seed, first_row, temperature, w.z);
        flow_rows_scatter(m->n_lines, m->lines, n, w.z, z);
    }
    for (int i = 0; i < m->dim; i++) {
        for (int j = 0; j < n && m->circular[i]; j++) {
            double u = flow_rng_uniform(seed, FLOW_STREAM_PERIODIC, first_row + (uint64_t)j, (uint32_t)i);
            z[(size_t)i * (size_t)n + (size_t)j] = (real)(2 * FLOW_PI * (u - 0.5));
        }
    }
}

static flow_status mixed_fit(const void *self, flow_params *params, real *weights, int n, const real *z,
                             flow_error *err)
{
    const mixed *m = self;
    if (m->n_lines == 0 || m->type->fit == NULL)
        return FLOW_OK;
    real *lines = malloc((size_t)m->n_lines * (size_t)n * sizeof *lines);
    if (lines == NULL)
        return flow_error_memory(err, "the base");
    flow_rows_gather(m->n_lines, m->lines, n, z, lines);
    flow_status status = m->type->fit(m->state, params, weights, n, lines, err);
    free(lines);
    return status;
}

/* The options are those of the base of the lines. */
static flow_status mixed_configure(void *self, const void *options, const flow_block_context *context,
                                   flow_params *params, flow_error *err)
{
    mixed *m = self;
    m->dim = context->dim;
    m->lines = malloc((size_t)context->dim * sizeof *m->lines);
    flow_status status = flow_copy_circular(&m->circular, context, err);
    if (status != FLOW_OK || m->lines == NULL)
        return status != FLOW_OK ? status : flow_error_memory(err, "the base");
    assert(m->circular != NULL); /* this base stands only where some dimension is an angle */
    for (int i = 0; i < context->dim; i++)
        if (!m->circular[i])
            m->lines[m->n_lines++] = i;
    flow_block_context lines = *context;
    lines.dim = m->n_lines;
    lines.circular = NULL;
    return m->n_lines > 0 ? m->type->configure(m->state, options, &lines, params, err) : FLOW_OK;
}

static void mixed_release(void *self)
{
    mixed *m = self;
    if (m->type->release != NULL && m->state != NULL)
        m->type->release(m->state);
    free(m->state);
    free(m->lines);
    free(m->circular);
}

static const flow_base_type base_with_circles = {
    .info = {FLOW_INFO_BARE("mixed", "the base of a spec, and uniform angles")},
    .state_size = sizeof(mixed),
    .configure = mixed_configure,
    .release = mixed_release,
    .scratch_size = mixed_scratch_size,
    .log_density = mixed_log_density,
    .backward = mixed_backward,
    .sample = mixed_sample,
    .fit = mixed_fit,
};

flow_status flow_circle_base(flow *f, flow_error *err)
{
    mixed *state = calloc(1, sizeof *state);
    if (state == NULL)
        return flow_error_memory(err, "the base");
    state->type = f->base;
    state->state = f->base_state;
    f->base = &base_with_circles;
    f->base_state = state;
    return FLOW_OK;
}
