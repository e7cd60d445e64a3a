/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/column/support_noise.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "num/rng.h"

/* key (m): a number for the values of each row. */
static void noise_add_keys(int dim, int n, int m, const double *x, uint64_t *key)
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

/* Uniform in (0, 1). The draws of a row fall into the FLOW_NOISE_DRAWS cells of the unit interval one by one, in an
 * order of the row and the column. */
static double noise_at(const flow_noise *noise, uint64_t key, uint64_t place, int column)
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

/* m values of one column, the first being row `first` of the tile. */
static void noise_spread_column(const flow_support *s, const flow_noise *noise, int first, int m, const uint64_t *key,
                                double *values, double *logdet)
{
    double log_step = log(s->step);
    for (int j = 0; j < m; j++) {
        double u = noise_at(noise, key[j], noise->first_row + (uint64_t)(first + j), s->column);
        logdet[j] += flow_support_holds(s, values[j]) ? log_step : -INFINITY;
        values[j] = flow_support_value(s, flow_support_nearest(s, values[j])) + u * s->step;
    }
}

void flow_supports_spread(const flow_supports *supports, int dim, const flow_noise *noise, int n, double *x,
                          double *logdet)
{
    for (int first = 0; first < n; first += FLOW_TILE) {
        uint64_t key[FLOW_TILE] = {0};
        int m = n - first < FLOW_TILE ? n - first : FLOW_TILE;
        if (noise->kind == FLOW_NOISE_OF_ROW)
            noise_add_keys(dim, n, m, x + first, key);
        for (int i = 0; i < supports->n; i++) {
            const flow_support *s = &supports->at[i];
            if (s->column >= 0 && s->discrete)
                noise_spread_column(s, noise, first, m, key, x + (size_t)s->column * (size_t)n + first, logdet + first);
        }
    }
}

void flow_supports_round(const flow_supports *supports, int n, double *x)
{
    for (int i = 0; i < supports->n; i++) {
        const flow_support *s = &supports->at[i];
        if (s->column < 0 || !s->discrete)
            continue;
        double *values = x + (size_t)s->column * (size_t)n;
        for (int j = 0; j < n; j++)
            if (isfinite(values[j]))
                values[j] = flow_support_value(s, flow_support_floor(s, values[j]));
    }
}
