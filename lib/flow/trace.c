/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/trace.h"

#include <stddef.h>
#include <string.h>

#include "nn/field.h"
#include "num/rng.h"
#include "num/vecmath.h"

static const char *const probe_names[] = {"rademacher", "gaussian", NULL};

static const flow_option hutchinson_table[] = {
    FLOW_KEY_WORD(flow_trace_options, probe, "\"rademacher\"", probe_names,
                  "entries of a probe: signs, or normal numbers, which are noisier"),
    FLOW_KEY_INT(flow_trace_options, exact_up_to, "64", 0, 65536,
                 "dimensions up to which evaluations take the exact trace where it has no closed form, too"),
    FLOW_KEY_INT(flow_trace_options, probes, "16", 2, FLOW_FIELD_PROBES_MAX,
                 "of an evaluation in more dimensions, which reports its standard error"),
    FLOW_OPTIONS_END,
};

static const flow_trace_type exact = {
    .info = {FLOW_INFO_BARE("exact", "the sum of the diagonal")},
};
static const flow_trace_type hutchinson = {
    .info = {FLOW_INFO("hutchinson", "in training e.Je with a random probe e for each row and step",
                       hutchinson_table, flow_trace_options)},
    .estimates = true,
};
static const flow_type_info *const trace_types[] = {&exact.info, &hutchinson.info, NULL};

const flow_choices flow_traces = {.definition = "trace", .what = "a trace", .types = trace_types};

flow_trace flow_trace_of(const flow_choice *choice)
{
    flow_trace trace = {.estimates = ((const flow_trace_type *)choice->type)->estimates};
    if (trace.estimates)
        trace.options = *(const flow_trace_options *)choice->options;
    return trace;
}

/* A number for the values of row j. */
static uint64_t probe_key_of(int d, int n, const real *x, int j)
{
    uint64_t key = 0;
    for (int i = 0; i < d; i++) {
        double value = (double)x[(size_t)i * (size_t)n + (size_t)j] + 0.0; /* -0 is 0 */
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        key = flow_rng_mix(key + 0x9e3779b97f4a7c15u + bits);
    }
    return key;
}

/* Uniforms for dimension i of m rows. Probes have columns of their own, blocks seeds. */
static void probe_fill_row(const flow_probe *probe, uint64_t seed, const uint64_t *rows, int i, int m, real *row)
{
    uint64_t own = flow_rng_mix(seed + flow_rng_mix(probe->block + 1));
    uint32_t column = (uint32_t)probe->number << 16 | (uint32_t)i;
    for (int j = 0; j < m; j++)
        row[j] = (real)flow_rng_uniform(own, FLOW_STREAM_PROBE, rows[j], column);
}

static void probe_make_signs(int m, real *row)
{
    for (int j = 0; j < m; j++)
        row[j] = row[j] < (real)0.5 ? -1 : 1;
}

/* m rows, from the first of them on. */
static void probe_draw_rows(const flow_probe *probe, uint64_t seed, const uint64_t *rows, int d, int m, size_t stride,
                            real *out)
{
    real spare[FLOW_TILE] = {0};
    for (int i = 0; i < d; i += 2) {
        real *one = out + (size_t)i * stride, *other = i + 1 < d ? one + stride : spare;
        probe_fill_row(probe, seed, rows, i, m, one);
        probe_fill_row(probe, seed, rows, i + 1, m, other);
        if (probe->kind == FLOW_PROBE_GAUSSIAN) {
            flow_vec_normals((size_t)m, one, other);
        } else {
            probe_make_signs(m, one);
            probe_make_signs(m, other);
        }
    }
}

void flow_probe_draw(const flow_probe *probe, const flow_noise *noise, int d, int n, const real *x, size_t stride,
                     real *out)
{
    bool trains = noise != NULL && noise->kind == FLOW_NOISE_OF_PLACE;
    for (int first = 0; first < n; first += FLOW_TILE) {
        uint64_t rows[FLOW_TILE];
        int m = n - first < FLOW_TILE ? n - first : FLOW_TILE;
        for (int j = 0; j < m; j++)
            rows[j] = trains ? noise->first_row + (uint64_t)(first + j) : probe_key_of(d, n, x, first + j);
        probe_draw_rows(probe, trains ? noise->seed : probe->seed, rows, d, m, stride, out + first);
    }
}
