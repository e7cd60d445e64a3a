/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which a data set serves its rows.
 *
 * Held rows: one permutation of them all. Otherwise the blocks are permuted, `pool_blocks` of them at a time form a
 * group (the last one may be short), and the rows of a group are permuted. Every permutation has a place of its own in
 * the generator, (seed, epoch, group), so an epoch can be entered at any group. File order is the same with groups of
 * one block and without permutations.
 */
#include <stdlib.h>
#include <string.h>

#include "data/dataset_impl.h"
#include "num/rng.h"

/* Places in the generator: epochs in the lower 40 bits, and above them 0 for the order of blocks or of held rows,
 * 1 + g for the rows of group g. */
static uint64_t place(int64_t epoch, int64_t group)
{
    return (uint64_t)epoch | (uint64_t)(group + 1) << 40;
}

static void permute_rows(flow_dataset *data, int64_t n, int64_t group)
{
    flow_rng_gsl_seed(data->rng, data->order_seed, FLOW_STREAM_SHUFFLE, place(data->epoch, group));
    for (int64_t i = 0; i < n; i++)
        data->order[i] = (uint32_t)i;
    for (int64_t i = n - 1; i > 0; i--) { /* Fisher and Yates */
        int64_t j = (int64_t)gsl_rng_uniform_int(data->rng, (unsigned long)i + 1);
        uint32_t other = data->order[i];
        data->order[i] = data->order[j];
        data->order[j] = other;
    }
}

static void permute_blocks(flow_dataset *data)
{
    flow_rng_gsl_seed(data->rng, data->order_seed, FLOW_STREAM_SHUFFLE, place(data->epoch, -1));
    for (int64_t i = 0; i < data->n_blocks; i++)
        data->block_order[i] = i;
    for (int64_t i = data->n_blocks - 1; i > 0; i--) {
        int64_t j = (int64_t)gsl_rng_uniform_int(data->rng, (unsigned long)i + 1);
        int64_t other = data->block_order[i];
        data->block_order[i] = data->block_order[j];
        data->block_order[j] = other;
    }
}

/* The blocks of a group: [first, last) of block_order, or of the file. */
static void group_range(const flow_dataset *data, int64_t group, int64_t *first, int64_t *last)
{
    int64_t size = data->is_shuffled ? data->pool_blocks : 1;
    *first = group * size;
    *last = *first + size < data->n_blocks ? *first + size : data->n_blocks;
}

static const flow_block *block_of(const flow_dataset *data, int64_t i)
{
    return &data->blocks[data->is_shuffled ? data->block_order[i] : i];
}

static int by_index(const void *a, const void *b)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    return (i > j) - (i < j);
}

static flow_status load_block(flow_dataset *data, const flow_block *block, flow_error *err)
{
    size_t d = (size_t)data->columns.n, n;
    double *rows = data->rows + (size_t)data->n_pooled * d;
    int64_t *numbers = data->numbers + data->n_pooled;
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
    data->n_pooled += block->n_kept;
    return FLOW_OK;
}

/* Fills the pool with the next group. */
static flow_status load_group(flow_dataset *data, flow_error *err)
{
    int64_t first, last;
    group_range(data, data->group, &first, &last);
    data->n_pooled = 0;
    data->at = 0;
    if (data->is_shuffled) /* the rows are permuted anyway, so read them as they lie on the disk */
        qsort(data->block_order + first, (size_t)(last - first), sizeof *data->block_order, by_index);
    for (int64_t i = first; i < last; i++) {
        flow_status status = load_block(data, block_of(data, i), err);
        if (status != FLOW_OK)
            return status;
    }
    if (data->is_shuffled)
        permute_rows(data, data->n_pooled, data->group);
    data->group++;
    return FLOW_OK;
}

static flow_status make_room(flow_dataset *data, flow_error *err)
{
    if (data->rng == NULL && (data->rng = gsl_rng_alloc(flow_rng_gsl)) == NULL)
        return flow_error_memory(err, "a generator of random numbers");
    if (data->order == NULL) {
        int64_t pool = data->block_rows * data->pool_blocks;
        int64_t n = data->is_held || data->n_rows < pool ? data->n_rows : pool;
        data->order = malloc((size_t)n * sizeof *data->order);
    }
    if (!data->is_held && data->block_order == NULL)
        data->block_order = calloc((size_t)data->n_blocks, sizeof *data->block_order);
    if (data->order == NULL || (!data->is_held && data->block_order == NULL))
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
    data->is_shuffled = true;
    data->order_seed = seed;
    data->epoch = epoch;
    if (data->is_held) {
        permute_rows(data, data->n_rows, -1);
        data->n_pooled = data->n_rows;
        data->at = start;
        return FLOW_OK;
    }
    permute_blocks(data);
    data->n_groups = (data->n_blocks - 1) / data->pool_blocks + 1;
    data->n_pooled = data->at = 0;
    for (data->group = 0; data->group < data->n_groups; data->group++) { /* the group in which row `start` lies */
        int64_t first, last, n = 0;
        group_range(data, data->group, &first, &last);
        for (int64_t i = first; i < last; i++)
            n += block_of(data, i)->n_kept;
        if (start < n)
            break;
        start -= n;
    }
    if (start > 0) {
        status = load_group(data, err);
        data->at = start;
    }
    return status;
}

flow_status flow_dataset_rewind(flow_dataset *data, flow_error *err)
{
    (void)err;
    data->is_shuffled = false;
    data->at = 0;
    data->n_pooled = data->is_held ? data->n_rows : 0;
    data->group = 0;
    data->n_groups = data->is_held ? 0 : data->n_blocks;
    return FLOW_OK;
}

flow_status flow_dataset_next(flow_dataset *data, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                              flow_error *err)
{
    size_t d = (size_t)data->columns.n, n = 0;
    *n_read = 0;
    while (n < n_max) {
        if (data->at == data->n_pooled) {
            if (data->is_held || data->group == data->n_groups)
                break;
            flow_status status = load_group(data, err);
            if (status != FLOW_OK)
                return status;
            continue;
        }
        size_t row = data->is_shuffled ? data->order[data->at] : (size_t)data->at;
        memcpy(rows + n * d, data->rows + row * d, d * sizeof *rows);
        if (numbers != NULL)
            numbers[n] = data->numbers != NULL ? data->numbers[row] : (int64_t)row;
        data->at++;
        n++;
    }
    *n_read = n;
    return FLOW_OK;
}
