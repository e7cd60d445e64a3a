/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/column/support_noise.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "num/rng.h"

void flow_support_keys(int dim, int n, int m, const double *x, uint64_t *key)
{
    memset(key, 0, (size_t)m * sizeof *key);
    for (int i = 0; i < dim; i++) {
        for (int j = 0; j < m; j++) {
            double value = x[(size_t)i * (size_t)n + (size_t)j] + 0.0; /* -0 is 0 */
            uint64_t bits;
            memcpy(&bits, &value, sizeof bits);
            key[j] = flow_rng_mix(key[j] + 0x9e3779b97f4a7c15u + bits);
        }
    }
}

double flow_support_noise(const flow_noise *noise, uint64_t key, uint64_t place, int column)
{
    if (noise->kind == FLOW_NOISE_OF_PLACE)
        return flow_rng_uniform(noise->seed, FLOW_STREAM_NOISE, place, (uint32_t)column);
    double order = flow_rng_uniform(key, FLOW_STREAM_NOISE, FLOW_NOISE_DRAWS, (uint32_t)column);
    double in_cell = flow_rng_uniform(key, FLOW_STREAM_NOISE, (uint64_t)noise->draw, (uint32_t)column);
    int choice = (int)(order * FLOW_NOISE_DRAWS * FLOW_NOISE_DRAWS / 2), first = choice % FLOW_NOISE_DRAWS;
    int stride = 2 * (choice / FLOW_NOISE_DRAWS) + 1; /* odd, so that all cells come */
    int cell = (first + stride * noise->draw) % FLOW_NOISE_DRAWS;
    return fmin((cell + in_cell) / FLOW_NOISE_DRAWS, 1 - DBL_EPSILON / 2);
}
