/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which a data set serves its rows.
 *
 * Held rows: one permutation of them all. Otherwise the blocks are permuted, `pool_blocks` of them at a time form a
 * group (the last one may be short), and the rows of a group are permuted. Every permutation has a place of its own in
 * the generator, (seed, epoch, group), so an epoch can be entered at any group. File order is the same with groups of
 * one block and without permutations.
 *
 * What a pool is filled with is a function of the group alone, so it does not matter who fills it, and when.
 */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset_impl.h"
#include "data/read_ahead.h"
#include "num/rng.h"

flow_status flow_pool_make(flow_pool *pool, size_t n, size_t d, flow_error *err)
{
    size_t bytes = n;
    *pool = (flow_pool){0};
    pool->rows = flow_size_mul(&bytes, d * sizeof *pool->rows) ? malloc(bytes) : NULL;
    pool->numbers = malloc(n * sizeof *pool->numbers);
    pool->order = malloc(n * sizeof *pool->order);
    if (pool->rows == NULL || pool->numbers == NULL || pool->order == NULL)
        return flow_error_memory(err, "the rows");
    return FLOW_OK;
}

void flow_pool_free(flow_pool *pool)
{
    free(pool->rows);
    free(pool->numbers);
    free(pool->order);
    *pool = (flow_pool){0};
}

bool flow_group_same_order(const flow_row_group *a, const flow_row_group *b)
{
    return a->is_shuffled == b->is_shuffled && a->seed == b->seed && a->epoch == b->epoch;
}

/* Places in the generator: epochs in the lower 40 bits, and above them 0 for the order of blocks or of held rows,
 * 1 + g for the rows of group g. */
static void go_to(flow_dataset *data, uint64_t seed, int64_t epoch, int64_t group)
{
    uint64_t place = (uint64_t)epoch | (uint64_t)(group + 1) << 40;
    flow_rng_gsl_seed(data->rng, seed, FLOW_STREAM_SHUFFLE, place);
}

/* Of the pool's rows, from where the generator stands. */
static void permute_rows(flow_pool *pool, gsl_rng *rng)
{
    for (int64_t i = 0; i < pool->n; i++)
        pool->order[i] = (uint32_t)i;
    for (int64_t i = pool->n - 1; i > 0; i--) { /* Fisher and Yates */
        int64_t j = (int64_t)gsl_rng_uniform_int(rng, (unsigned long)i + 1);
        uint32_t other = pool->order[i];
        pool->order[i] = pool->order[j];
        pool->order[j] = other;
    }
}

/* Makes `block_order` that of the group's epoch. */
static void permute_blocks(flow_dataset *data, const flow_row_group *group)
{
    if (flow_group_same_order(&data->ordered, group))
        return;
    data->ordered = *group;
    go_to(data, group->seed, group->epoch, -1);
    for (int64_t i = 0; i < data->n_blocks; i++)
        data->block_order[i] = i;
    for (int64_t i = data->n_blocks - 1; i > 0; i--) {
        int64_t j = (int64_t)gsl_rng_uniform_int(data->rng, (unsigned long)i + 1);
        int64_t other = data->block_order[i];
        data->block_order[i] = data->block_order[j];
        data->block_order[j] = other;
    }
}

static int64_t count_groups(const flow_dataset *data, bool is_shuffled)
{
    return data->is_held ? 0 : is_shuffled ? (data->n_blocks - 1) / data->pool_blocks + 1 : data->n_blocks;
}

/* The blocks of a group: [first, last) of block_order, or of the file. */
static void group_range(const flow_dataset *data, const flow_row_group *group, int64_t *first, int64_t *last)
{
    int64_t size = group->is_shuffled ? data->pool_blocks : 1;
    *first = group->index * size;
    *last = *first + size < data->n_blocks ? *first + size : data->n_blocks;
}

static const flow_row_span *block_of(const flow_dataset *data, const flow_row_group *group, int64_t i)
{
    return &data->blocks[group->is_shuffled ? data->block_order[i] : i];
}

static int by_index(const void *a, const void *b)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    return (i > j) - (i < j);
}

static flow_status load_block(flow_dataset *data, flow_pool *pool, const flow_row_span *block, flow_error *err)
{
    size_t d = (size_t)data->columns.n, n;
    double *rows = pool->rows + (size_t)pool->n * d;
    int64_t *numbers = pool->numbers + pool->n;
    flow_status status = FLOW_OK;
    if (flow_reader_tell(data->reader).row != block->at.row) /* else it is there already */
        status = flow_reader_seek(data->reader, &block->at, err);
    if (status == FLOW_OK)
        status = flow_reader_read(data->reader, rows, numbers, (size_t)block->n_read, &n, err);
    if (status != FLOW_OK)
        return status;
    size_t kept = flow_dataset_keep(data, rows, numbers, n);
    if (n != (size_t)block->n_read || kept != (size_t)block->n_kept)
        return flow_error_set(err, FLOW_DATA, "%s: has changed since it was opened, at row %lld; start again with a "
                              "file that stays as it is", data->location, (long long)block->at.row + 1);
    pool->n += block->n_kept;
    return FLOW_OK;
}

flow_status flow_dataset_load(flow_dataset *data, flow_pool *pool, const flow_row_group *group, const atomic_bool *stop,
                              flow_error *err)
{
    int64_t first, last;
    flow_status status = FLOW_OK;
    pool->n = 0;
    group_range(data, group, &first, &last);
    if (group->is_shuffled) { /* the rows are permuted anyway, so read them as they lie on the disk */
        permute_blocks(data, group);
        qsort(data->block_order + first, (size_t)(last - first), sizeof *data->block_order, by_index);
    }
    for (int64_t i = first; i < last && status == FLOW_OK; i++) {
        if (stop != NULL && atomic_load(stop))
            status = flow_error_set(err, FLOW_INTERRUPTED, "%s: reading was stopped", data->location);
        else
            status = load_block(data, pool, block_of(data, group, i), err);
    }
    if (status != FLOW_OK) {
        pool->n = 0;
    } else if (group->is_shuffled) {
        go_to(data, group->seed, group->epoch, group->index);
        permute_rows(pool, data->rng);
    }
    return status;
}

/* The group behind this one; behind the last one of a shuffled epoch, the first one of the next epoch, since that is
 * what training asks for. False when there is none. */
static bool go_on(const flow_dataset *data, flow_row_group *group)
{
    if (++group->index < count_groups(data, group->is_shuffled))
        return true;
    group->epoch++;
    group->index = 0;
    return group->is_shuffled;
}

/* Fills the pool with the next group, and has the one behind it read ahead. */
static flow_status refill(flow_dataset *data, flow_error *err)
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
    if (data->ahead != NULL && go_on(data, &group))
        flow_read_ahead_start(data->ahead, &group);
    return FLOW_OK;
}

static flow_status make_room(flow_dataset *data, flow_error *err)
{
    if (data->rng == NULL && (data->rng = gsl_rng_alloc(flow_rng_gsl)) == NULL)
        return flow_error_memory(err, "a generator of random numbers");
    if (data->pool.order == NULL)
        data->pool.order = malloc((size_t)data->n_rows * sizeof *data->pool.order);
    if (!data->is_held && data->block_order == NULL)
        data->block_order = calloc((size_t)data->n_blocks, sizeof *data->block_order);
    if (data->pool.order == NULL || (!data->is_held && data->block_order == NULL))
        return flow_error_memory(err, "the order of the rows");
    return FLOW_OK;
}

flow_status flow_dataset_shuffle(flow_dataset *data, uint64_t seed, int64_t epoch, int64_t start, flow_error *err)
{
    if (epoch < 0 || start < 0 || start > data->n_rows)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld in epoch %lld", data->location,
                              (long long)start, (long long)epoch);
    flow_status status = make_room(data, err);
    if (status != FLOW_OK)
        return status;
    data->group = (flow_row_group){.is_shuffled = true, .seed = seed, .epoch = epoch};
    data->at = start;
    if (data->is_held) {
        go_to(data, seed, epoch, -1);
        permute_rows(&data->pool, data->rng);
        return FLOW_OK;
    }
    if (data->ahead != NULL)
        flow_read_ahead_settle(data->ahead, &data->group);
    permute_blocks(data, &data->group);
    data->pool.n = data->at = 0;
    for (int64_t n_groups = count_groups(data, true); data->group.index < n_groups; data->group.index++) {
        int64_t first, last, n = 0; /* the group in which row `start` lies */
        group_range(data, &data->group, &first, &last);
        for (int64_t i = first; i < last; i++)
            n += block_of(data, &data->group, i)->n_kept;
        if (start < n)
            break;
        start -= n;
    }
    if (start > 0) {
        status = refill(data, err);
        data->at = status == FLOW_OK ? start : 0;
    }
    return status;
}

flow_status flow_dataset_rewind(flow_dataset *data, flow_error *err)
{
    (void)err;
    data->group = (flow_row_group){0};
    data->at = 0;
    if (!data->is_held)
        data->pool.n = 0;
    return FLOW_OK;
}

flow_status flow_dataset_next(flow_dataset *data, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                              flow_error *err)
{
    size_t d = (size_t)data->columns.n, n = 0;
    const flow_pool *pool = &data->pool;
    *n_read = 0;
    while (n < n_max) {
        if (data->at == pool->n) {
            if (data->group.index >= count_groups(data, data->group.is_shuffled))
                break;
            flow_status status = refill(data, err);
            if (status != FLOW_OK)
                return status;
            continue;
        }
        size_t row = data->group.is_shuffled ? pool->order[data->at] : (size_t)data->at;
        memcpy(rows + n * d, pool->rows + row * d, d * sizeof *rows);
        if (numbers != NULL)
            numbers[n] = pool->numbers != NULL ? pool->numbers[row] : (int64_t)row;
        data->at++;
        n++;
    }
    *n_read = n;
    return FLOW_OK;
}
