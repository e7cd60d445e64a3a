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

#include "data/dataset_rows.h"
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
    if (status != FLOW_OK)
        return status;
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
    flow_status status = order_make_room(data, err);
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

flow_status flow_dataset_next(flow_dataset *base, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                              flow_error *err)
{
    flow_row_store *data = (flow_row_store *)base;
    size_t d = (size_t)base->n_columns, n = 0;
    const flow_pool *pool = &data->pool;
    *n_read = 0;
    while (n < n_max) {
        if (data->at == pool->n) {
            if (data->group.index >= flow_dataset_count_groups(data, data->group.is_shuffled))
                break;
            FLOW_TRY(order_refill(data, err));
            continue;
        }
        size_t row = data->group.is_shuffled ? pool->order[data->at] : (size_t)data->at;
        flow_row_unpack(&data->packing, rows + n * d, pool->rows + row * data->packing.row_bytes);
        if (base->is_weighted)
            rows[(n + 1) * d - 1] /= base->weight_unit;
        const int64_t number = pool->numbers != NULL ? pool->numbers[row] : (int64_t)row;
        if (order_is_flipped(data, number))
            order_flip(rows + n * d, data->base.image.shape);
        if (numbers != NULL)
            numbers[n] = number;
        data->at++;
        n++;
    }
    *n_read = n;
    return FLOW_OK;
}
