/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/dataset_share.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/location.h"

typedef struct flow_row_share {
    /* For each rank: (size) */
    size_t *counts, *places; /* rows to or from it, and where the next one of them is */
    size_t *sent_bytes, *got_bytes;
    int64_t *first, *last;
    /* Rows on their way, packed, and behind the rows of each rank their numbers. */
    char *sent, *got;
    size_t sent_room, got_room;
    /* Those of this process, in order. */
    char *rows;
    int64_t *numbers;
    size_t rows_room, numbers_room;
} flow_row_share;

flow_status flow_share_new(flow_row_store *data, flow_error *err)
{
    const size_t size = (size_t)flow_comm_size(data->base.comm);
    if (size == 1)
        return FLOW_OK;
    flow_row_share *share = data->sharing = calloc(1, sizeof *share);
    if (share == NULL)
        return flow_error_memory(err, "sharing rows");
    share->counts = calloc(4 * size, sizeof *share->counts);
    share->first = calloc(2 * size, sizeof *share->first);
    if (share->counts == NULL || share->first == NULL)
        return flow_error_memory(err, "sharing rows");
    share->last = share->first + size;
    share->places = share->counts + size;
    share->sent_bytes = share->places + size;
    share->got_bytes = share->sent_bytes + size;
    return FLOW_OK;
}

void flow_share_free(flow_row_share *share)
{
    if (share == NULL)
        return;
    free(share->counts);
    free(share->first);
    free(share->sent);
    free(share->got);
    free(share->rows);
    free(share->numbers);
    free(share);
}

int64_t *flow_share_room(flow_row_share *share)
{
    return share->first;
}

flow_status flow_share_check(const flow_comm *comm, const char *location, flow_error *err)
{
    flow_location place = {0};
    struct stat status;
    if (flow_comm_size(comm) == 1)
        return FLOW_OK;
    bool once = flow_is_standard(location);
    if (!once && flow_location_name(&place, location, NULL) == FLOW_OK && place.file != NULL)
        once = stat(place.file, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
    flow_location_free(&place);
    return once ? flow_error_set(err, FLOW_ARGUMENT,
                                 "%s: can be read only once, and each of the %d processes reads its part of the rows; "
                                 "put the table into a file",
                                 flow_is_standard(location) ? "standard input" : location, flow_comm_size(comm))
                : FLOW_OK;
}

/* ---- serving ---- */

typedef struct share_place {
    int64_t row; /* of the pool */
    int rank;    /* that has it */
    int64_t here; /* among the rows of that rank */
} share_place;

/* Where row `row` of the pool is. */
static share_place share_find(const flow_row_store *data, int64_t row)
{
    const int size = flow_comm_size(data->base.comm);
    const flow_pool *pool = &data->pool;
    if (data->base.is_held) {
        const int64_t run = row / FLOW_SHARE_RUN;
        return (share_place){row, (int)(run % size), run / size * FLOW_SHARE_RUN + row % FLOW_SHARE_RUN};
    }
    int64_t low = 0, high = pool->n_blocks; /* the row is in one of the blocks [low, high) */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (pool->starts[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return (share_place){row, (int)((pool->first_rank + low) % size), pool->starts_here[low] + row - pool->starts[low]};
}

/* Which rows the ranks are to get: rank r those from first[r] to last[r]. */
typedef struct share_request {
    int64_t from;        /* row 0 of the request in the order of serving, */
    const int64_t *list; /* or the rows of the pool, in any order; NULL: as they are served */
    const int64_t *first, *last;
} share_request;

static share_place share_place_of(const flow_row_store *data, const share_request *request, int64_t i)
{
    if (request->list != NULL)
        return share_find(data, request->list[i]);
    const int64_t at = request->from + i;
    return share_find(data, data->group.is_shuffled ? data->pool.order[at] : at);
}

static void share_begin(flow_row_share *share, int size)
{
    for (int r = 0; r < size; r++)
        share->counts[r] = 0;
}

/* From the numbers of rows for each rank: the places of its rows, and the bytes. Returns all bytes. */
static size_t share_lay_out(flow_row_share *share, int size, size_t row_bytes, size_t *bytes)
{
    size_t all = 0;
    for (int r = 0; r < size; r++) {
        bytes[r] = share->counts[r] * (row_bytes + sizeof(int64_t));
        share->places[r] = all;
        all += bytes[r];
    }
    return all;
}

/* Packs the rows that others, and this process, are to get. A row that several ranks get is packed for each. */
static flow_status share_pack(flow_row_store *data, const share_request *request, flow_error *err)
{
    flow_row_share *share = data->sharing;
    const flow_pool *pool = &data->pool;
    const int rank = flow_comm_rank(data->base.comm), size = flow_comm_size(data->base.comm);
    const size_t row_bytes = data->packing.row_bytes;
    share_begin(share, size);
    for (int r = 0; r < size; r++)
        for (int64_t i = request->first[r]; i < request->last[r]; i++)
            share->counts[r] += share_place_of(data, request, i).rank == rank;
    if (!flow_grow(&share->sent, &share->sent_room, share_lay_out(share, size, row_bytes, share->sent_bytes), 1))
        return flow_error_memory(err, "sharing rows");
    for (int r = 0; r < size; r++) {
        char *rows = share->sent + share->places[r], *numbers = rows + share->counts[r] * row_bytes;
        for (int64_t i = request->first[r]; i < request->last[r]; i++) {
            const share_place place = share_place_of(data, request, i);
            if (place.rank != rank)
                continue;
            const int64_t number = pool->numbers != NULL ? pool->numbers[place.here] : place.row;
            memcpy(rows, pool->rows + (size_t)place.here * row_bytes, row_bytes);
            memcpy(numbers, &number, sizeof number);
            rows += row_bytes;
            numbers += sizeof number;
        }
    }
    return FLOW_OK;
}

/* How many rows come from each rank, and room for them. */
static flow_status share_expect(flow_row_store *data, const share_request *request, flow_error *err)
{
    flow_row_share *share = data->sharing;
    const int rank = flow_comm_rank(data->base.comm), size = flow_comm_size(data->base.comm);
    const size_t n = (size_t)(request->last[rank] - request->first[rank]);
    share_begin(share, size);
    for (int64_t i = request->first[rank]; i < request->last[rank]; i++)
        share->counts[share_place_of(data, request, i).rank]++;
    const size_t bytes = share_lay_out(share, size, data->packing.row_bytes, share->got_bytes);
    if (!flow_grow(&share->got, &share->got_room, bytes, 1) ||
        !flow_grow(&share->rows, &share->rows_room, n * data->packing.row_bytes, 1) ||
        !flow_grow(&share->numbers, &share->numbers_room, n, sizeof *share->numbers))
        return flow_error_memory(err, "sharing rows");
    return FLOW_OK;
}

/* Puts what has come in order. */
static void share_unpack(flow_row_store *data, const share_request *request)
{
    flow_row_share *share = data->sharing;
    const size_t row_bytes = data->packing.row_bytes;
    const int rank = flow_comm_rank(data->base.comm), size = flow_comm_size(data->base.comm);
    const int64_t first = request->first[rank], last = request->last[rank];
    size_t *taken = share->sent_bytes; /* which are not needed any more */
    for (int r = 0; r < size; r++)
        taken[r] = 0;
    for (int64_t i = first; i < last; i++) {
        const int r = share_place_of(data, request, i).rank;
        const char *rows = share->got + share->places[r], *numbers = rows + share->counts[r] * row_bytes;
        memcpy(share->rows + (size_t)(i - first) * row_bytes, rows + taken[r] * row_bytes, row_bytes);
        memcpy(&share->numbers[i - first], numbers + taken[r] * sizeof(int64_t), sizeof(int64_t));
        taken[r]++;
    }
}

static flow_status share_deliver(flow_row_store *data, const share_request *request, flow_error *err)
{
    flow_row_share *share = data->sharing;
    FLOW_TRY(share_pack(data, request, err));
    FLOW_TRY(share_expect(data, request, err));
    flow_comm_exchange(data->base.comm, share->sent, share->sent_bytes, share->got, share->got_bytes);
    share_unpack(data, request);
    return FLOW_OK;
}

flow_status flow_share_serve(flow_row_store *data, int64_t from, const int64_t *first, const int64_t *last,
                             const char **rows, const int64_t **numbers, flow_error *err)
{
    FLOW_TRY(share_deliver(data, &(share_request){.from = from, .first = first, .last = last}, err));
    *rows = data->sharing->rows;
    *numbers = data->sharing->numbers;
    return FLOW_OK;
}

flow_status flow_share_fetch(flow_row_store *data, const int64_t *list, int64_t n, const char **rows, flow_error *err)
{
    flow_row_share *share = data->sharing;
    for (int r = 0; r < flow_comm_size(data->base.comm); r++) {
        share->first[r] = 0;
        share->last[r] = n;
    }
    FLOW_TRY(share_deliver(data, &(share_request){.list = list, .first = share->first, .last = share->last}, err));
    *rows = share->rows;
    return FLOW_OK;
}
