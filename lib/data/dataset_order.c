/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which a data set serves its rows.
 *
 * Held rows: one permutation of them all. Otherwise the blocks are permuted, `pool_blocks` of them at a time form a
 * group (the last one may be short), and the rows of a group are permuted. Every permutation has its own place in the
 * generator, (seed, epoch, group), so an epoch can start at any group. In the order of the file a group is one block,
 * and nothing is permuted.
 *
 * The contents of a pool are a function of the group alone; they do not depend on the thread or the time of reading.
 */
#include <stdlib.h>
#include <string.h>

#include "data/dataset_share.h"
#include "data/read_ahead.h"
#include "num/rng.h"

/* The next group; after the last one of a shuffled epoch the first one of the next epoch, which training needs next.
 * False when there is none. */
static bool order_next_group(const flow_row_store *data, flow_row_group *group)
{
    if (++group->index < flow_dataset_count_groups(data, group->is_shuffled))
        return true;
    group->epoch++;
    group->index = 0;
    return group->is_shuffled;
}

/* Fills the pool with the next group, and starts to read the one after it. */
static flow_status order_refill(flow_row_store *data, flow_error *err)
{
    flow_row_group group = data->group;
    bool taken = false;
    flow_status status = FLOW_OK;
    data->at = data->pool.n = 0;
    if (data->ahead != NULL)
        status = flow_read_ahead_take(data->ahead, &group, &data->pool, &taken, err);
    if (status == FLOW_OK && !taken)
        status = flow_dataset_load(data, &data->pool, &group, NULL, err);
    FLOW_TRY(flow_comm_agree(data->base.comm, status, err));
    data->group.index++;
    if (data->ahead != NULL && order_next_group(data, &group))
        flow_read_ahead_start(data->ahead, &group);
    return FLOW_OK;
}

static flow_status order_make_room(flow_row_store *data, flow_error *err)
{
    if (data->pool.order == NULL)
        data->pool.order = malloc((size_t)data->base.n_rows * sizeof *data->pool.order);
    if (!data->base.is_held && data->block_order == NULL)
        data->block_order = calloc((size_t)data->n_blocks, sizeof *data->block_order);
    if (data->pool.order == NULL || (!data->base.is_held && data->block_order == NULL))
        return flow_error_memory(err, "the order of the rows");
    return FLOW_OK;
}

flow_status flow_dataset_shuffle(flow_dataset *base, uint64_t seed, int64_t epoch, int64_t start, flow_error *err)
{
    flow_row_store *data = (flow_row_store *)base;
    if (epoch < 0 || start < 0 || start > base->n_rows)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld in epoch %lld", base->location,
                              (long long)start, (long long)epoch);
    flow_status status = flow_comm_agree(base->comm, order_make_room(data, err), err);
    if (status != FLOW_OK)
        return status;
    data->group = (flow_row_group){.is_shuffled = true, .seed = seed, .epoch = epoch};
    data->at = start;
    if (base->is_held) {
        flow_dataset_permute_rows(data, &data->pool, seed, epoch, -1);
        return FLOW_OK;
    }
    if (data->ahead != NULL)
        flow_read_ahead_settle(data->ahead, &data->group);
    flow_dataset_permute_blocks(data, &data->group);
    data->pool.n = data->at = 0;
    for (int64_t n_groups = flow_dataset_count_groups(data, true); data->group.index < n_groups; data->group.index++) {
        int64_t first, last, n = 0; /* the group in which row `start` lies */
        flow_dataset_group_range(data, &data->group, &first, &last);
        for (int64_t i = first; i < last; i++)
            n += flow_dataset_block(data, &data->group, i)->n_kept;
        if (start < n)
            break;
        start -= n;
    }
    if (start > 0) {
        status = order_refill(data, err);
        data->at = status == FLOW_OK ? start : 0;
    }
    return status;
}

void flow_dataset_rewind(flow_dataset *base)
{
    flow_row_store *data = (flow_row_store *)base;
    data->group = (flow_row_group){0};
    data->at = 0;
    if (!base->is_held)
        data->pool.n = 0;
}

/* Mirrors an image left to right. */
static void order_flip(double *row, flow_shape shape)
{
    for (int y = 0; y < shape.height; y++)
        for (int left = 0, right = shape.width - 1; left < right; left++, right--)
            for (int c = 0; c < shape.channels; c++) {
                double *a = row + ((size_t)y * (size_t)shape.width + (size_t)left) * (size_t)shape.channels + c;
                double *b = a + (size_t)(right - left) * (size_t)shape.channels, kept = *a;
                *a = *b;
                *b = kept;
            }
}

static bool order_is_flipped(const flow_row_store *data, int64_t number)
{
    return data->flip && data->group.is_shuffled &&
           flow_rng_uniform(data->group.seed, FLOW_STREAM_FLIP, (uint64_t)number, (uint32_t)data->group.epoch) < 0.5;
}

/* From a packed row to what is served. */
static void order_unpack(const flow_row_store *data, double *row, int64_t number, const char *packed)
{
    flow_row_unpack(&data->packing, row, packed);
    if (data->base.is_weighted)
        row[data->base.n_columns - 1] /= data->base.weight_unit;
    if (order_is_flipped(data, number))
        order_flip(row, data->base.image.shape);
}

/* Goes on to rows that are in the pool; *n receives how many there are, 0 at the end of the order. */
static flow_status order_go_on(flow_row_store *data, int64_t *n, flow_error *err)
{
    while (data->at == data->pool.n) {
        *n = 0;
        if (data->group.index >= flow_dataset_count_groups(data, data->group.is_shuffled))
            return FLOW_OK;
        FLOW_TRY(order_refill(data, err));
    }
    *n = data->pool.n - data->at;
    return FLOW_OK;
}

/* The next n rows of the pool, all of them for this process, which has them. */
static void order_serve(flow_row_store *data, int64_t n, double *rows, int64_t *numbers)
{
    const flow_pool *pool = &data->pool;
    const size_t d = (size_t)data->base.n_columns;
    for (int64_t i = 0; i < n; i++, data->at++) {
        size_t row = data->group.is_shuffled ? pool->order[data->at] : (size_t)data->at;
        const int64_t number = pool->numbers != NULL ? pool->numbers[row] : (int64_t)row;
        order_unpack(data, rows + (size_t)i * d, number, pool->rows + row * data->packing.row_bytes);
        if (numbers != NULL)
            numbers[i] = number;
    }
}

/* The next n rows of the pool: rank r gets those from first[r] to last[r]. */
static flow_status order_share(flow_row_store *data, int64_t n, const int64_t *first, const int64_t *last, double *rows,
                               int64_t *numbers, flow_error *err)
{
    const int rank = flow_comm_rank(data->base.comm);
    const size_t d = (size_t)data->base.n_columns;
    const char *packed;
    const int64_t *their_numbers;
    FLOW_TRY(flow_share_serve(data, data->at, first, last, &packed, &their_numbers, err));
    for (int64_t i = 0; i < last[rank] - first[rank]; i++) {
        order_unpack(data, rows + (size_t)i * d, their_numbers[i], packed + (size_t)i * data->packing.row_bytes);
        if (numbers != NULL)
            numbers[i] = their_numbers[i];
    }
    data->at += n;
    return FLOW_OK;
}

static int64_t order_within(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Rank r gets bounds[r] to bounds[r + 1] of the next rows; without bounds all ranks get up to n_max of them.
 * *n_read: the rows that are served. */
static flow_status order_next_shared(flow_row_store *data, double *rows, int64_t *numbers, const int64_t *bounds,
                                     int64_t n_max, int64_t *n_read, flow_error *err)
{
    const int size = flow_comm_size(data->base.comm), rank = flow_comm_rank(data->base.comm);
    int64_t *first = flow_share_room(data->sharing), *last = first + size;
    int64_t done = 0, here = 0, n;
    *n_read = 0;
    for (; done < n_max; done += n) {
        FLOW_TRY(order_go_on(data, &n, err));
        if (n == 0)
            break;
        n = n < n_max - done ? n : n_max - done;
        for (int r = 0; r < size; r++) {
            first[r] = order_within((bounds != NULL ? bounds[r] : 0) - done, 0, n);
            last[r] = order_within((bounds != NULL ? bounds[r + 1] : n_max) - done, 0, n);
        }
        FLOW_TRY(order_share(data, n, first, last, rows + (size_t)here * (size_t)data->base.n_columns,
                             numbers != NULL ? numbers + here : NULL, err));
        here += last[rank] - first[rank];
    }
    *n_read = done;
    return FLOW_OK;
}

flow_status flow_dataset_next(flow_dataset *base, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                              flow_error *err)
{
    flow_row_store *data = (flow_row_store *)base;
    int64_t done = 0, most = n_max < INT64_MAX ? (int64_t)n_max : INT64_MAX, n;
    *n_read = 0;
    if (data->sharing != NULL) {
        FLOW_TRY(order_next_shared(data, rows, numbers, NULL, most, &done, err));
        *n_read = (size_t)done;
        return FLOW_OK;
    }
    for (; done < most; done += n) {
        FLOW_TRY(order_go_on(data, &n, err));
        if (n == 0)
            break;
        n = n < most - done ? n : most - done;
        order_serve(data, n, rows + (size_t)done * (size_t)base->n_columns, numbers != NULL ? numbers + done : NULL);
    }
    *n_read = (size_t)done;
    return FLOW_OK;
}

flow_status flow_dataset_next_share(flow_dataset *base, double *rows, int64_t *numbers, const int64_t *bounds,
                                    flow_error *err)
{
    flow_row_store *data = (flow_row_store *)base;
    const int64_t n = bounds[flow_comm_size(base->comm)];
    int64_t done = 0;
    if (data->sharing != NULL) {
        FLOW_TRY(order_next_shared(data, rows, numbers, bounds, n, &done, err));
    } else {
        size_t n_read;
        FLOW_TRY(flow_dataset_next(base, rows, numbers, (size_t)n, &n_read, err));
        done = (int64_t)n_read;
    }
    return done == n ? FLOW_OK
                     : flow_error_set(err, FLOW_DATA, "%s: has fewer rows than before; it changed while it was in use",
                                      base->location);
}
