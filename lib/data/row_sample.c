/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/row_sample.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/rng.h"

enum { SAMPLING_COLUMN = 1 }; /* the column of these random numbers in FLOW_STREAM_OTHER of seed 0 */

static double sample_random(int64_t number)
{
    return flow_rng_uniform(0, FLOW_STREAM_OTHER, (uint64_t)number, SAMPLING_COLUMN);
}

bool flow_row_sample_takes(const flow_row_sample *s, int64_t number)
{
    return sample_random(number) < s->threshold;
}

static flow_status sample_grow(flow_row_sample *s, flow_error *err)
{
    size_t capacity = s->capacity == 0 ? 1024 : 2 * s->capacity;
    capacity = capacity < s->most ? capacity : s->most;
    double *random = realloc(s->random, capacity * sizeof *random);
    if (random != NULL)
        s->random = random;
    size_t bytes = capacity * sizeof *s->rows;
    double *rows = random != NULL && flow_size_mul(&bytes, (size_t)s->d) ? realloc(s->rows, bytes) : NULL;
    if (rows == NULL)
        return flow_error_memory(err, "a sample of the rows");
    s->rows = rows;
    s->capacity = capacity;
    return FLOW_OK;
}

/* Halves the share of rows in the sample. */
static void sample_thin(flow_row_sample *s)
{
    size_t d = (size_t)s->d, n = 0;
    s->threshold /= 2;
    for (size_t i = 0; i < s->n; i++) {
        if (s->random[i] >= s->threshold)
            continue;
        memmove(s->rows + n * d, s->rows + i * d, d * sizeof *s->rows);
        s->random[n++] = s->random[i];
    }
    s->n = n;
}

flow_status flow_row_sample_add(flow_row_sample *s, const double *rows, const int64_t *numbers, size_t n,
                                flow_error *err)
{
    size_t d = (size_t)s->d;
    for (size_t i = 0; i < n; i++) {
        double random = sample_random(numbers[i]);
        if (random >= s->threshold)
            continue;
        while (s->n == s->most)
            sample_thin(s);
        if (random >= s->threshold)
            continue;
        if (s->n == s->capacity)
            FLOW_TRY(sample_grow(s, err));
        memcpy(s->rows + s->n * d, rows + i * d, d * sizeof *rows);
        s->random[s->n++] = random;
    }
    return FLOW_OK;
}

void flow_row_sample_free(flow_row_sample *s)
{
    free(s->rows);
    free(s->random);
    s->rows = s->random = NULL;
    s->capacity = 0;
}
