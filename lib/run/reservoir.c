/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/reservoir.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"

flow_status flow_reservoir_start(flow_reservoir *r, size_t size, size_t most, uint64_t seed, flow_error *err)
{
    *r = (flow_reservoir){.size = size, .most = most, .seed = seed};
    r->rows = calloc(most, size * sizeof *r->rows);
    return r->rows != NULL ? FLOW_OK : flow_error_memory(err, "the rows");
}

void flow_reservoir_add(flow_reservoir *r, const double *row, double weight)
{
    size_t at = r->n;
    if (r->n < r->most) {
        r->n++;
    } else {
        const double u = flow_rng_uniform(r->seed, FLOW_STREAM_TEST, (uint64_t)r->n_seen, 0);
        at = (size_t)(u * (double)(r->n_seen + 1));
    }
    if (at < r->most) {
        memcpy(r->rows + at * r->size, row, (r->size - 1) * sizeof *row);
        r->rows[(at + 1) * r->size - 1] = weight;
    }
    r->n_seen++;
}

void flow_reservoir_shuffle(flow_reservoir *r)
{
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, flow_rng_mix(r->seed), FLOW_STREAM_TEST, 1);
    gsl_ran_shuffle(&rng, r->rows, r->n, r->size * sizeof *r->rows);
}

void flow_reservoir_thin(flow_reservoir *r)
{
    const size_t weight = r->size - 1;
    double most = 0;
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++)
        most = fmax(most, r->rows[i * r->size + weight]);
    for (size_t i = 0; i < r->n; i++) {
        const double u = flow_rng_uniform(r->seed, FLOW_STREAM_TEST, i, 1);
        if (u * most < r->rows[i * r->size + weight])
            memmove(r->rows + kept++ * r->size, r->rows + i * r->size, r->size * sizeof *r->rows);
    }
    r->n = kept;
}
