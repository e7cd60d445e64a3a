/* The rows that a rank of a job evaluates, of those that all ranks hold. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "num/real.h"
#include "run/diagnose_run.h"
#include "run/root.h"

static size_t share_first(const diagnosis *d, size_t k, size_t n, int rank)
{
    const int64_t tiles = ((int64_t)n + FLOW_TILE - 1) / FLOW_TILE;
    const int64_t at = flow_share_first((int64_t)k * tiles, rank, flow_comm_size(d->s->options.comm));
    const size_t first = tiles > 0 ? (size_t)(at % tiles) * FLOW_TILE : 0;
    return tiles > 0 ? (size_t)(at / tiles) * n + (first < n ? first : n) : 0;
}

void diagnose_share(const diagnosis *d, size_t k, size_t n, size_t *first, size_t *end)
{
    const int rank = flow_comm_rank(d->s->options.comm);
    *first = share_first(d, k, n, rank);
    *end = share_first(d, k, n, rank + 1);
}

flow_status diagnose_gather(const diagnosis *d, flow_status status, void *values, size_t size, size_t k, size_t n,
                            flow_error *err)
{
    const flow_comm *comm = d->s->options.comm;
    const int n_ranks = flow_comm_size(comm);
    if (comm == NULL)
        return status;
    size_t *bytes = calloc((size_t)n_ranks, sizeof *bytes), first, end;
    if (status == FLOW_OK && bytes == NULL)
        status = flow_error_memory(err, "the parts of the ranks");
    status = flow_run_agree(comm, status, err);
    for (int r = 0; r < n_ranks && status == FLOW_OK && bytes != NULL; r++)
        bytes[r] = (share_first(d, k, n, r + 1) - share_first(d, k, n, r)) * size;
    diagnose_share(d, k, n, &first, &end);
    if (status == FLOW_OK)
        flow_comm_gather_all(comm, (const char *)values + first * size, values, bytes);
    free(bytes);
    return status;
}

/* The bits of numbers that are not negative have their order. */
double diagnose_largest(const diagnosis *d, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = flow_comm_most(d->s->options.comm, bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

flow_status diagnose_spread(const diagnosis *d, flow_status status, double **rows, size_t *n, flow_error *err)
{
    const flow_comm *comm = d->s->options.comm;
    const bool root = flow_is_root(comm);
    FLOW_TRY(flow_root_status(comm, status, err));
    flow_comm_broadcast(comm, 0, n, sizeof *n);
    if (!root)
        *rows = malloc((*n + 1) * d->width * sizeof **rows);
    FLOW_TRY(flow_comm_agree(comm, *rows != NULL ? FLOW_OK : flow_error_memory(err, "the rows"), err));
    flow_comm_broadcast(comm, 0, *rows, *n * d->width * sizeof **rows);
    return FLOW_OK;
}
