/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stat/energy.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "num/gemm.h"
#include "num/rng.h"

enum {
    BATCH = 64, /* permutations that are computed together */
    ENOUGH = 40 /* larger distances that end the search */
};

typedef struct energy {
    size_t n, m, count;
    real *distances; /* (count, count) */
    real *signs;     /* (count, BATCH): 1/n for a point of the first sample, -1/m for one of the second */
    real *products;  /* (count, BATCH) */
    int *order;      /* (count) */
} energy;

static void energy_measure(energy *e, const double *points, size_t d)
{
    for (size_t i = 0; i < e->count; i++) {
        for (size_t j = 0; j <= i; j++) {
            double square = 0;
            for (size_t k = 0; k < d; k++) {
                const double step = points[i * d + k] - points[j * d + k];
                square += step * step;
            }
            e->distances[i * e->count + j] = e->distances[j * e->count + i] = (real)sqrt(square);
        }
    }
}

/* Deals the points into the two samples: permutation `number`; 0 is the samples as they are. */
static void energy_deal(energy *e, size_t column, uint64_t seed, uint64_t number)
{
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_TEST, number);
    for (size_t i = 0; i < e->count; i++)
        e->order[i] = (int)i;
    if (number > 0)
        gsl_ran_shuffle(&rng, e->order, e->count, sizeof *e->order);
    for (size_t i = 0; i < e->count; i++)
        e->signs[(size_t)e->order[i] * BATCH + column] = (real)(i < e->n ? 1 / (double)e->n : -1 / (double)e->m);
}

/* The distance is minus the quadratic form of the signs. */
static void energy_batch(energy *e, uint64_t seed, uint64_t first, double values[BATCH])
{
    const int count = (int)e->count;
    for (size_t k = 0; k < BATCH; k++)
        energy_deal(e, k, seed, first + k);
    flow_gemm(false, false, count, BATCH, count, e->distances, count, e->signs, BATCH, 0, e->products, BATCH);
    for (size_t k = 0; k < BATCH; k++) {
        values[k] = 0;
        for (size_t i = 0; i < e->count; i++)
            values[k] -= (double)e->signs[i * BATCH + k] * (double)e->products[i * BATCH + k];
    }
}

static flow_distance energy_permute(energy *e, int most, uint64_t seed)
{
    double values[BATCH];
    int larger = 0, done = 0;
    energy_batch(e, seed, 0, values);
    const double distance = values[0];
    for (int k = 1; done < most && larger < ENOUGH; k++) {
        if (k == BATCH) {
            energy_batch(e, seed, (uint64_t)done + 1, values);
            k = 0;
        }
        larger += values[k] >= distance;
        done++;
    }
    const double p = larger == ENOUGH ? (double)larger / done : (larger + 1.0) / (done + 1.0);
    return (flow_distance){fmax(0, distance), p};
}

flow_status flow_energy_test(flow_distance *out, const double *points, size_t n, size_t m, size_t d, int most,
                             uint64_t seed, flow_error *err)
{
    energy e = {.n = n, .m = m, .count = n + m};
    assert(n > 0 && m > 0 && e.count <= FLOW_ENERGY_POINTS_MAX);
    flow_layout layout = {0};
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && (layout.base = flow_alloc_aligned(layout.used, 1)) == NULL)
            return flow_error_memory(err, "the distances between points");
        layout.used = 0;
        e.distances = flow_layout_take(&layout, e.count * e.count, sizeof *e.distances);
        e.signs = flow_layout_take(&layout, e.count * BATCH, sizeof *e.signs);
        e.products = flow_layout_take(&layout, e.count * BATCH, sizeof *e.products);
        e.order = flow_layout_take(&layout, e.count, sizeof *e.order);
    }
    energy_measure(&e, points, d);
    *out = energy_permute(&e, most, seed);
    flow_free_aligned(layout.base);
    return FLOW_OK;
}
