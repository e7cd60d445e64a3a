/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/circle.h"

#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

#include "num/rng.h"

flow_status flow_circle_univariate(flow_univariate *out, const flow_json *lines, flow_error *err)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(lines->node, "type");
    const cJSON *bins = cJSON_GetObjectItemCaseSensitive(lines->node, "bins");
    bool splines = cJSON_IsString(type) && strcmp(type->valuestring, "rational_quadratic") == 0 && cJSON_IsNumber(bins);
    flow_json spec = flow_json_root(cJSON_CreateObject());
    cJSON_AddStringToObject(spec.node, "type", "rational_quadratic");
    cJSON_AddNumberToObject(spec.node, "bins", splines ? bins->valuedouble : 8);
    cJSON_AddNumberToObject(spec.node, "bound", FLOW_PI);
    cJSON_AddTrueToObject(spec.node, "circular");
    flow_status status = spec.node == NULL ? flow_error_memory(err, "a univariate") : flow_univariate_new(out, &spec, err);
    cJSON_Delete(spec.node);
    return status;
}

flow_status flow_site_copy_circular(bool **out, const flow_site *site, flow_error *err)
{
    *out = NULL;
    if (site->circular == NULL)
        return FLOW_OK;
    *out = malloc((size_t)site->dim * sizeof **out);
    if (*out == NULL)
        return flow_error_memory(err, "a block");
    memcpy(*out, site->circular, (size_t)site->dim * sizeof **out);
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

typedef struct mixed {
    const flow_base_type *lines;
    const void *state;
    const bool *circular;
} mixed;

/* The dimensions [*first, *last) that are lines and stand together, from *last on; false behind the last ones. */
static bool next_lines(const mixed *m, int d, int *first, int *last)
{
    for (*first = *last; *first < d && m->circular[*first]; ++*first)
        ;
    for (*last = *first; *last < d && !m->circular[*last]; ++*last)
        ;
    return *first < d;
}

static void log_density(const void *self, int d, int n, const real *z, double *logp)
{
    const mixed *m = self;
    for (int i = 0; i < d; i++)
        for (int j = 0; j < n && m->circular[i]; j++)
            logp[j] -= log(2 * FLOW_PI);
    for (int first, last = 0; next_lines(m, d, &first, &last);)
        m->lines->log_density(m->state, last - first, n, z + (size_t)first * (size_t)n, logp);
}

static void backward(const void *self, int d, int n, const real *z, const real *glogp, real *gz)
{
    const mixed *m = self;
    for (int i = 0; i < d; i++)
        if (m->circular[i])
            memset(gz + (size_t)i * (size_t)n, 0, (size_t)n * sizeof *gz);
    for (int first, last = 0; next_lines(m, d, &first, &last);) {
        size_t at = (size_t)first * (size_t)n;
        m->lines->backward(m->state, last - first, n, z + at, glogp, gz + at);
    }
}

/* All dimensions of the lines' base, of which angles take the place of some: the others are as they would be without. */
static void sample(const void *self, int d, int n, uint64_t seed, uint64_t first_row, double temperature, real *z)
{
    const mixed *m = self;
    m->lines->sample(m->state, d, n, seed, first_row, temperature, z);
    for (int i = 0; i < d; i++)
        for (int j = 0; j < n && m->circular[i]; j++)
            z[(size_t)i * (size_t)n + (size_t)j] =
                (real)(2 * FLOW_PI *
                       (flow_rng_uniform(seed, FLOW_STREAM_CIRCLE, first_row + (uint64_t)j, (uint32_t)i) - 0.5));
}

static const flow_option no_options[] = {FLOW_OPTIONS_END};

static const flow_base_type base_with_circles = {
    .type = "mixed",
    .help = "the base of a spec, and uniform angles",
    .state_size = sizeof(mixed),
    .options = no_options,
    .log_density = log_density,
    .backward = backward,
    .sample = sample,
};

flow_status flow_circle_base(flow *f, const flow_json *base, flow_error *err)
{
    if (!f->line_base->independent) {
        const char *type = f->line_base->type;
        return flow_json_fail(base, err, "the base \"%s\" cannot be had for some dimensions alone, and a periodic column needs "
                              "a uniform one", type);
    }
    mixed *state = malloc(sizeof *state);
    if (state == NULL)
        return flow_error_memory(err, "the base");
    f->line_base_state = f->base_state;
    *state = (mixed){f->line_base, f->line_base_state, f->circular};
    f->base = &base_with_circles;
    f->base_state = state;
    return FLOW_OK;
}
