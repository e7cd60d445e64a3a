/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/dataset_rows.h"

#include <gsl/gsl_randist.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/rng.h"

static int64_t pool_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

flow_status flow_pool_make(flow_pool *pool, const flow_row_store *data, flow_error *err)
{
    const int64_t size = flow_comm_size(data->base.comm), n_blocks = pool_least(data->pool_blocks, data->n_blocks);
    const int64_t n = pool_least(data->block_rows * data->pool_blocks, data->base.n_rows + data->block_rows);
    const size_t n_here = (size_t)pool_least(n, (n_blocks + size - 1) / size * data->block_rows);
    size_t bytes = n_here;
    *pool = (flow_pool){0};
    pool->rows = flow_size_mul(&bytes, data->packing.row_bytes) ? malloc(bytes) : NULL;
    pool->numbers = malloc(n_here * sizeof *pool->numbers);
    pool->order = malloc((size_t)n * sizeof *pool->order);
    pool->starts = calloc(2 * (size_t)n_blocks + 1, sizeof *pool->starts);
    if (pool->rows == NULL || pool->numbers == NULL || pool->order == NULL || pool->starts == NULL)
        return flow_error_memory(err, "the rows");
    pool->starts_here = pool->starts + n_blocks + 1;
    return FLOW_OK;
}

void flow_pool_free(flow_pool *pool)
{
    free(pool->rows);
    free(pool->numbers);
    free(pool->order);
    free(pool->starts);
    *pool = (flow_pool){0};
}

bool flow_group_same_order(const flow_row_group *a, const flow_row_group *b)
{
    return a->is_shuffled == b->is_shuffled && a->seed == b->seed && a->epoch == b->epoch;
}

bool flow_dataset_in_part(const flow_row_store *data, int64_t number)
{
    if (data->part == FLOW_PART_ALL)
        return true;
    const bool test = flow_rng_uniform(data->seed, FLOW_STREAM_SPLIT, (uint64_t)number, 1) < data->test_share;
    const bool held_out = flow_rng_uniform(data->seed, FLOW_STREAM_SPLIT, (uint64_t)number, 0) < data->share;
    return data->part == (test ? FLOW_PART_TEST : held_out ? FLOW_PART_HELD_OUT : FLOW_PART_TRAINING);
}

size_t flow_dataset_keep(const flow_row_store *data, double *rows, int64_t *numbers, size_t n)
{
    if (data->part == FLOW_PART_ALL && !data->base.is_weighted)
        return n;
    size_t d = (size_t)data->base.n_columns, kept = 0;
    for (size_t i = 0; i < n; i++) {
        if ((data->base.is_weighted && rows[(i + 1) * d - 1] == 0) || !flow_dataset_in_part(data, numbers[i]))
            continue;
        if (kept < i) {
            memcpy(rows + kept * d, rows + i * d, d * sizeof *rows);
            numbers[kept] = numbers[i];
        }
        kept++;
    }
    return kept;
}

/* ------------------------------------------------------------------ random orders */

/* Places in the generator: epochs in the lower 40 bits, and above them 0 for the order of blocks or of held rows,
 * 1 + g for the rows of group g. */
static void dataset_go_to(flow_row_store *data, uint64_t seed, int64_t epoch, int64_t group)
{
    uint64_t place = (uint64_t)epoch | (uint64_t)(group + 1) << 40;
    data->rng = flow_rng_gsl_start(&data->sequence, seed, FLOW_STREAM_SHUFFLE, place);
}

/* By Fisher and Yates. gsl_ran_shuffle does not accept n = 0, which is a group without a row of the part. */
static void dataset_shuffle(flow_row_store *data, void *order, int64_t n, size_t size)
{
    if (n > 0)
        gsl_ran_shuffle(&data->rng, order, (size_t)n, size);
}

void flow_dataset_permute_rows(flow_row_store *data, flow_pool *pool, uint64_t seed, int64_t epoch, int64_t group)
{
    dataset_go_to(data, seed, epoch, group);
    for (int64_t i = 0; i < pool->n; i++)
        pool->order[i] = (uint32_t)i;
    dataset_shuffle(data, pool->order, pool->n, sizeof *pool->order);
}

void flow_dataset_permute_blocks(flow_row_store *data, const flow_row_group *group)
{
    if (flow_group_same_order(&data->ordered, group))
        return;
    data->ordered = *group;
    dataset_go_to(data, group->seed, group->epoch, -1);
    for (int64_t i = 0; i < data->n_blocks; i++)
        data->block_order[i] = i;
    dataset_shuffle(data, data->block_order, data->n_blocks, sizeof *data->block_order);
}

/* ------------------------------------------------------------------ groups of blocks */

int64_t flow_dataset_count_groups(const flow_row_store *data, bool is_shuffled)
{
    return data->base.is_held ? 0 : is_shuffled ? (data->n_blocks - 1) / data->pool_blocks + 1 : data->n_blocks;
}

void flow_dataset_group_range(const flow_row_store *data, const flow_row_group *group, int64_t *first, int64_t *last)
{
    int64_t size = group->is_shuffled ? data->pool_blocks : 1;
    *first = group->index * size;
    *last = *first + size < data->n_blocks ? *first + size : data->n_blocks;
}

const flow_row_span *flow_dataset_block(const flow_row_store *data, const flow_row_group *group, int64_t i)
{
    return &data->blocks[group->is_shuffled ? data->block_order[i] : i];
}

static int dataset_by_index(const void *a, const void *b)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    return (i > j) - (i < j);
}

static flow_status dataset_load_block(flow_row_store *data, flow_pool *pool, const flow_row_span *block,
                                      flow_error *err)
{
    size_t n;
    char *to = pool->rows + (size_t)pool->n_here * data->packing.row_bytes;
    double *rows = data->block != NULL ? data->block : (double *)(void *)to;
    int64_t *numbers = pool->numbers + pool->n_here;
    flow_status status = FLOW_OK;
    if (flow_reader_tell(data->reader).row != block->at.row)
        status = flow_reader_seek(data->reader, &block->at, err);
    if (status == FLOW_OK)
        status = flow_reader_read(data->reader, rows, numbers, (size_t)block->n_read, &n, err);
    if (status != FLOW_OK)
        return status;
    size_t kept = flow_dataset_keep(data, rows, numbers, n);
    if (n != (size_t)block->n_read || kept != (size_t)block->n_kept)
        return flow_error_set(err, FLOW_DATA, "%s: has changed since it was opened, at row %lld; start again, and do "
                              "not change the file meanwhile", data->base.location, (long long)block->at.row + 1);
    if (data->block != NULL)
        flow_rows_pack(&data->packing, to, rows, kept);
    pool->n_here += block->n_kept;
    return FLOW_OK;
}

/* Where the rows of the blocks [first, last) of a group are. */
static void dataset_lay_out(const flow_row_store *data, flow_pool *pool, const flow_row_group *group, int64_t first,
                            int64_t last)
{
    const int size = flow_comm_size(data->base.comm);
    pool->n_blocks = last - first;
    pool->first_rank = group->is_shuffled ? 0 : (int)(first % size);
    pool->starts[0] = 0;
    for (int64_t k = 0; k < pool->n_blocks; k++) {
        pool->starts[k + 1] = pool->starts[k] + flow_dataset_block(data, group, first + k)->n_kept;
        pool->starts_here[k] =
            k < size ? 0 : pool->starts_here[k - size] + pool->starts[k - size + 1] - pool->starts[k - size];
    }
}

flow_status flow_dataset_load(flow_row_store *data, flow_pool *pool, const flow_row_group *group,
                              const atomic_bool *stop, flow_error *err)
{
    const int rank = flow_comm_rank(data->base.comm), size = flow_comm_size(data->base.comm);
    int64_t first, last;
    flow_status status = FLOW_OK;
    pool->n = pool->n_here = 0;
    flow_dataset_group_range(data, group, &first, &last);
    if (group->is_shuffled) { /* in the order of the file, which is faster; the rows are permuted below */
        flow_dataset_permute_blocks(data, group);
        qsort(data->block_order + first, (size_t)(last - first), sizeof *data->block_order, dataset_by_index);
    }
    dataset_lay_out(data, pool, group, first, last);
    for (int64_t k = 0; k < pool->n_blocks && status == FLOW_OK; k++) {
        if (stop != NULL && atomic_load(stop))
            status = flow_error_set(err, FLOW_INTERRUPTED, "%s: reading was stopped", data->base.location);
        else if ((pool->first_rank + k) % size == rank)
            status = dataset_load_block(data, pool, flow_dataset_block(data, group, first + k), err);
    }
    pool->n = status == FLOW_OK ? pool->starts[pool->n_blocks] : 0;
    if (status == FLOW_OK && group->is_shuffled)
        flow_dataset_permute_rows(data, pool, group->seed, group->epoch, group->index);
    return status;
}
