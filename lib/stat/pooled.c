/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stat/pooled.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "num/rng.h"

typedef struct pooled_value {
    double value;
    uint64_t tie; /* the lowest bit tells the sample */
} pooled_value;

static int pooled_compare(const void *a_, const void *b_)
{
    const pooled_value *a = a_, *b = b_;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->tie < b->tie ? -1 : a->tie > b->tie;
}

flow_status flow_pooled_make(flow_pooled *out, flow_values a, flow_values b, uint64_t seed, flow_error *err)
{
    const size_t count = a.n + b.n;
    *out = (flow_pooled){.n = a.n, .m = b.n};
    pooled_value *values = malloc((count > 0 ? count : 1) * sizeof *values);
    out->first = malloc(count > 0 ? count : 1);
    if (values == NULL || out->first == NULL) {
        free(values);
        return flow_error_memory(err, "two samples");
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t tie = flow_rng_mix(flow_rng_mix(seed) + i) & ~(uint64_t)1;
        values[i].value = i < a.n ? a.at[i * a.stride] : b.at[(i - a.n) * b.stride];
        values[i].tie = tie | (i < a.n);
    }
    qsort(values, count, sizeof *values, pooled_compare);
    for (size_t i = 0; i < count; i++)
        out->first[i] = (values[i].tie & 1) != 0;
    free(values);
    return FLOW_OK;
}

void flow_pooled_release(flow_pooled *pool)
{
    free(pool->first);
    *pool = (flow_pooled){0};
}

flow_distance flow_pooled_ks(const flow_pooled *pool)
{
    const double up = 1 / (double)pool->n, down = 1 / (double)pool->m;
    size_t n = 0, m = 0;
    flow_distance out = {.distance = 0};
    for (size_t i = 0; i < pool->n + pool->m; i++) {
        n += pool->first[i];
        m += !pool->first[i];
        const double difference = (double)n * up - (double)m * down;
        if (fabs(difference) > fabs(out.distance))
            out.distance = difference;
    }
    out.p = flow_kolmogorov_p(fabs(out.distance), 1 / (up + down));
    return out;
}

flow_rank_sum flow_pooled_rank_sum(const flow_pooled *pool)
{
    const double n = (double)pool->n, m = (double)pool->m;
    double below = 0, pairs = 0;
    for (size_t i = 0; i < pool->n + pool->m; i++) {
        if (pool->first[i])
            pairs += below;
        else
            below++;
    }
    return (flow_rank_sum){pairs / (n * m), (pairs - 0.5 * n * m) / sqrt(n * m * (n + m + 1) / 12)};
}

flow_end_count flow_pooled_end(const flow_pooled *pool, size_t k, bool highest)
{
    const size_t count = pool->n + pool->m;
    flow_end_count out = {.p = 1};
    k = k < count ? k : count;
    for (size_t i = 0; i < k; i++)
        out.n += pool->first[highest ? count - 1 - i : i];
    out.expected = count > 0 ? (double)k * (double)pool->n / (double)count : 0;
    const unsigned n = (unsigned)pool->n, m = (unsigned)pool->m, seen = (unsigned)out.n, all = (unsigned)k;
    if (k == 0)
        return out;
    const double most = gsl_cdf_hypergeometric_P(seen, n, m, all);
    const double least = seen > 0 ? gsl_cdf_hypergeometric_Q(seen - 1, n, m, all) : 1;
    out.p = fmin(1, 2 * fmin(most, least));
    return out;
}

flow_end_run flow_pooled_end_run(const flow_pooled *pool, bool highest)
{
    const size_t count = pool->n + pool->m;
    flow_end_run out = {.p = 1};
    if (count == 0)
        return out;
    out.first = pool->first[highest ? count - 1 : 0];
    const double all = (double)count, same = (double)(out.first ? pool->n : pool->m);
    for (; out.n < count && pool->first[highest ? count - 1 - out.n : out.n] == out.first; out.n++)
        out.p *= (same - (double)out.n) / (all - (double)out.n);
    out.p = fmin(1, 2 * out.p);
    return out;
}
