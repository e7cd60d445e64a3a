/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/rng.h"

#include <Random123/philox.h>
#include <assert.h>
#include <stdbool.h>

#include "num/vecmath.h"

/* Four 32-bit words. (row, column, stream) is the counter, the seed is the key. */
static philox4x32_ctr_t words_at(uint64_t seed, flow_stream stream, uint64_t row, uint32_t column)
{
    philox4x32_ctr_t counter = {{(uint32_t)row, (uint32_t)(row >> 32), column, (uint32_t)stream}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    return philox4x32(counter, key);
}

/* The middle of one of 2^52 equal cells of the unit interval: never 0 or 1. */
static double uniform_from(uint32_t high, uint32_t low)
{
    uint64_t bits = ((uint64_t)high << 20) | (low >> 12); /* 52 bits: then the middle of the cell is exact */
    return ((double)bits + 0.5) * 0x1p-52;
}

uint64_t flow_rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

double flow_rng_uniform(uint64_t seed, flow_stream stream, uint64_t row, uint32_t column)
{
    philox4x32_ctr_t words = words_at(seed, stream, row, column);
    return uniform_from(words.v[0], words.v[1]);
}

void flow_rng_normals(real *out, int d, int n, uint64_t seed, flow_stream stream, uint64_t first_row)
{
    assert(n % FLOW_LANES == 0);
    enum { CHUNK = FLOW_TILE };
    for (int first = 0; first < n; first += CHUNK) {
        int m = n - first < CHUNK ? n - first : CHUNK;
        for (int k = 0; k < d; k += 4) {
            real uniforms[4][CHUNK];
            for (int j = 0; j < m; j++) {
                philox4x32_ctr_t words = words_at(seed, stream, first_row + (uint64_t)(first + j), (uint32_t)k / 4);
                for (int w = 0; w < 4; w++)
                    uniforms[w][j] = (real)(((double)words.v[w] + 0.5) * 0x1p-32);
            }
            flow_vec_normals((size_t)m, uniforms[0], uniforms[1]);
            flow_vec_normals((size_t)m, uniforms[2], uniforms[3]);
            for (int w = 0; w < 4 && k + w < d; w++)
                for (int j = 0; j < m; j++)
                    out[(size_t)(k + w) * (size_t)n + (size_t)(first + j)] = uniforms[w][j];
        }
    }
}

/* ------------------------------------------------------------------ as a GSL generator */

static unsigned long gsl_get(void *state)
{
    flow_rng_sequence *s = state;
    if (s->used == 4) {
        philox4x32_ctr_t words = words_at(s->seed, (flow_stream)s->stream, s->row, s->block++);
        for (int w = 0; w < 4; w++)
            s->words[w] = words.v[w];
        s->used = 0;
    }
    return s->words[s->used++];
}

static double gsl_get_double(void *state)
{
    uint32_t high = (uint32_t)gsl_get(state);
    return uniform_from(high, (uint32_t)gsl_get(state));
}

static const gsl_rng_type philox_type = {
    .name = "philox4x32", .max = 0xffffffffUL, .min = 0, .size = sizeof(flow_rng_sequence), .get = gsl_get,
    .get_double = gsl_get_double,
};

gsl_rng flow_rng_gsl_start(flow_rng_sequence *sequence, uint64_t seed, flow_stream stream, uint64_t row)
{
    *sequence = (flow_rng_sequence){.seed = seed, .row = row, .stream = (uint32_t)stream, .used = 4};
    return (gsl_rng){.type = &philox_type, .state = sequence};
}
