/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/dataset_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/read_ahead.h"
#include "data/scan_ranks.h"

enum {
    MOST_BLOCK_ROWS = 8192,
    LEAST_BLOCK_ROWS = 64,
    BLOCK_VALUES = 1 << 17,        /* values in a block: 1 MB */
    BLOCKS_IN_POOL = 32,           /* at least, if the memory allows it */
    MOST_SAMPLED = 1 << 15,        /* rows */
    LEAST_SAMPLED = 256,
    SAMPLE_VALUES = 1 << 23        /* 64 MB */
};

/* Bytes of a row in the pool: its values, its number, its place in the order. */
static size_t scan_pooled_row_bytes(const flow_row_store *data)
{
    return data->packing.row_bytes + sizeof(int64_t) + sizeof(uint32_t);
}

/* Chooses the size of blocks and pool. There is memory for a second pool even if no thread reads ahead: the order must
 * not depend on that. */
static void scan_choose_sizes(flow_row_store *data, size_t memory_bytes)
{
    int64_t d = data->base.n_columns;
    int64_t pool_rows = INT32_MAX;
    if (memory_bytes / 8 * 3 / scan_pooled_row_bytes(data) < (size_t)pool_rows && memory_bytes > 0)
        pool_rows = (int64_t)(memory_bytes / 8 * 3 / scan_pooled_row_bytes(data));
    int64_t rows = BLOCK_VALUES / d < MOST_BLOCK_ROWS ? BLOCK_VALUES / d : MOST_BLOCK_ROWS;
    rows = rows < pool_rows / BLOCKS_IN_POOL ? rows : pool_rows / BLOCKS_IN_POOL;
    rows = rows > LEAST_BLOCK_ROWS ? rows : LEAST_BLOCK_ROWS;
    /* whole chunks, unless only few of them fit the pool */
    int64_t granule = data->reader->granule, whole = (rows + granule - 1) / granule * granule;
    if (granule > 1 && granule <= pool_rows / 8 && granule <= 16 * rows)
        rows = whole;
    data->block_rows = rows;
    data->pool_blocks = pool_rows / rows > 1 ? pool_rows / rows : 1;
}

/* Keeps the n rows of the block. */
static flow_status scan_hold(flow_scan *s, size_t n, flow_error *err)
{
    flow_row_store *data = s->data;
    flow_pool *pool = &data->pool;
    FLOW_TRY(flow_scan_fit(s, n, err));
    if (!s->holds)
        return FLOW_OK;
    FLOW_TRY(flow_scan_make_room(s, n, err));
    flow_rows_pack(&data->packing, pool->rows + s->n_held * data->packing.row_bytes, s->block, n);
    memcpy(pool->numbers + s->n_held, s->numbers, n * sizeof *s->numbers);
    for (size_t i = 0; i < n; i++)
        s->counts = s->counts && s->numbers[i] == (int64_t)(s->n_held + i);
    s->n_held += n;
    pool->n_here = (int64_t)s->n_held;
    return FLOW_OK;
}

/* A block that was read, at `at`. */
static flow_status scan_block(flow_scan *s, const flow_position *at, size_t n_read, flow_error *err)
{
    flow_row_store *data = s->data;
    if (data->base.survey != NULL)
        FLOW_TRY(flow_survey_add(data->base.survey, s->block, s->numbers, n_read, err));
    data->base.n_weightless += flow_scan_count_weightless(data, s->block, s->numbers, n_read);
    size_t n = flow_dataset_keep(data, s->block, s->numbers, n_read);
    if (n_read > 0 && data->reader->can_seek)
        FLOW_TRY(flow_scan_add_span(data, &(flow_row_span){*at, (int32_t)n_read, (int32_t)n}, err));
    FLOW_TRY(flow_scan_check_weights(data, s->block, s->numbers, n, err));
    flow_stats_add(&data->stats, 0, data->base.n_columns, s->block, n);
    FLOW_TRY(flow_row_sample_add(&data->sample, s->block, s->numbers, n, err));
    data->base.checksum = flow_dataset_checksum(data->base.checksum, s->block, n * (size_t)data->base.n_columns);
    data->base.n_rows += (int64_t)n;
    return s->holds && n > 0 ? scan_hold(s, n, err) : FLOW_OK;
}

static flow_status scan_alone(flow_scan *s, flow_error *err)
{
    flow_reader *reader = s->data->reader;
    size_t n_read;
    do {
        const flow_position at = flow_reader_tell(reader);
        FLOW_TRY(flow_reader_read(reader, s->block, s->numbers, (size_t)s->data->block_rows, &n_read, err));
        FLOW_TRY(scan_block(s, &at, n_read, err));
    } while (n_read > 0);
    s->n_passed = flow_reader_tell(reader).row;
    return FLOW_OK;
}

static flow_status scan_table(flow_scan *s, flow_error *err)
{
    flow_row_store *data = s->data;
    FLOW_TRY(flow_comm_size(data->base.comm) > 1 ? flow_scan_by_ranks(s, err) : scan_alone(s, err));
    data->base.n_skipped = data->reader->n_skipped;
    flow_comm_broadcast(data->base.comm, 0, &data->base.n_skipped, sizeof data->base.n_skipped);
    data->base.remarks = data->reader->remarks; /* taken over */
    data->reader->remarks = (flow_name_list){0};
    return FLOW_OK;
}

/* Whether the table has a single valid row. */
static bool scan_is_single(const flow_row_store *data)
{
    return data->base.survey != NULL ? data->base.survey->n_rows == 1
                                     : data->n_blocks == 1 && data->blocks[0].n_read == 1;
}

/* The error of a data set without rows. `start` is the position of the first row, `row` has room for one. */
static flow_status scan_no_rows(const flow_row_store *data, const flow_position *start, double *row, flow_error *err)
{
    static const char *const names[] = {"whole", "training", "held-out", "test"};
    const char *location = data->base.location;
    const bool is_test = data->part == FLOW_PART_TEST;
    if (data->base.n_weightless > 0)
        return flow_error_set(err, FLOW_DATA, "%s: all %lld rows have the weight 0 in column \"%.80s\"", location,
                              (long long)data->base.n_weightless, data->base.columns[data->base.n_columns - 1]);
    if (data->part != FLOW_PART_ALL && data->stats.n == 0 && (data->n_blocks > 0 || !data->reader->can_seek))
        return flow_error_set(err, FLOW_DATA, "%s: no row belongs to the %s part with a %s share of %g; the table is "
                              "too small for that%s", location, names[data->part],
                              is_test ? "test" : "held-out", is_test ? data->test_share : data->share,
                              scan_is_single(data) ? ", it has one row: a density needs hundreds of them"
                                                   : ", choose another share");
    if (data->base.n_skipped > 0 && data->reader->can_seek) {
        size_t n_read;
        data->reader->skip_invalid = false;
        flow_status status = flow_reader_seek(data->reader, start, err);
        if (status == FLOW_OK)
            status = flow_reader_read(data->reader, row, NULL, 1, &n_read, err);
        if (status == FLOW_DATA)
            flow_error_prefix(err, status, "no row can be used, %lld were dropped, the first because of ",
                              (long long)data->base.n_skipped);
        if (status != FLOW_OK)
            return status;
    }
    if (data->base.n_skipped > 0)
        return flow_error_set(err, FLOW_DATA, "%s: no row can be used, %lld were dropped", location,
                              (long long)data->base.n_skipped);
    return flow_error_set(err, FLOW_DATA, "%s: has no rows", location);
}

static flow_status scan_make_pools(flow_row_store *data, bool read_ahead, flow_error *err)
{
    FLOW_TRY(flow_pool_make(&data->pool, data, err));
    return read_ahead ? flow_read_ahead_new(&data->ahead, data, err) : FLOW_OK;
}

/* The effective number of rows, from the summary of the weights, and the unit in which they are served. */
static flow_status scan_weigh(flow_dataset *data, flow_error *err)
{
    enum { PLAIN = 100, MOST = 1000 }; /* exponents of 2 */
    const double n = (double)data->n_rows;
    const flow_column_summary *weight = &data->summary[data->n_columns - 1];
    double ratio = data->is_weighted ? weight->deviation / weight->mean : 0;
    data->weight_unit = 1;
    if (data->is_weighted && !(weight->mean > 0))
        return flow_error_set(err, FLOW_DATA, "%s: the weights in column \"%.80s\" have a mean of %g; it has to be "
                              "positive", data->location, weight->name, weight->mean);
    if (data->is_weighted) {
        const int e = ilogb(fmax(fabs(weight->least), fabs(weight->most)));
        data->weight_unit = abs(e) < PLAIN ? 1 : ldexp(1, e < -MOST ? -MOST : e > MOST ? MOST : e);
    }
    data->effective_rows = n / (1 + ratio * ratio * (n - 1) / n);
    return FLOW_OK;
}

/* What is known of the rows that were dropped; the names become those of the data set, which stay. */
static flow_status scan_describe_skipped(const flow_scan *s, flow_error *err)
{
    const flow_row_store *data = s->data;
    const int d = data->base.n_columns;
    flow_dataset *base = &s->data->base;
    base->skipped = (flow_skipped){.all = s->n_passed};
    base->skipped.rows = base->n_skipped;
    if (data->base.n_skipped == 0 || flow_comm_rank(base->comm) > 0) /* only rank 0 has read them, and warns of them */
        return FLOW_OK;
    flow_kept_column *kept = malloc((size_t)d * sizeof *kept);
    if (kept == NULL)
        return flow_error_memory(err, "the statistics of the columns");
    for (int i = 0; i < d; i++)
        kept[i] = (flow_kept_column){base->summary[i].mean, base->summary[i].deviation};
    flow_skipped_describe(&base->skipped, data->reader->skipped, base->columns, d, kept);
    free(kept);
    return FLOW_OK;
}

/* Keeps the rows and closes the file, or the other way round. */
static flow_status scan_settle(flow_scan *s, bool read_ahead, flow_error *err)
{
    flow_row_store *data = s->data;
    data->base.is_held = s->holds;
    if (!s->holds) {
        flow_reader_limit(data->reader, data->block_rows);
        if (data->packing.type != FLOW_VALUE_DOUBLE) {
            data->block = s->block;
            s->block = NULL;
        }
        return scan_make_pools(data, read_ahead, err);
    }
    data->pool.n = (int64_t)s->n_held;
    if (s->n_held > 0) {
        char *rows = realloc(data->pool.rows, ((size_t)data->pool.n_here + 1) * data->packing.row_bytes);
        if (rows != NULL)
            data->pool.rows = rows;
    }
    if (s->counts) {
        free(data->pool.numbers);
        data->pool.numbers = NULL;
    }
    flow_reader_close(data->reader);
    data->reader = NULL;
    free(data->blocks);
    data->blocks = NULL;
    flow_row_sample_free(&data->sample);
    return FLOW_OK;
}

static flow_status scan_tell_of_copies(flow_dataset *data, flow_error *err)
{
    const flow_survey *s = data->survey;
    char text[FLOW_ERROR_SIZE];
    if (s->n_copies == 0)
        return FLOW_OK;
    const bool all = s->n_sampled == s->n_rows;
    snprintf(text, sizeof text,
             "%lld of %s%lld rows are copies of others: held-out rows may be trained on as well, and their likelihood "
             "then says too little about new rows; remove copies that are no rows of their own",
             (long long)s->n_copies, all ? "" : "a sample of ", (long long)s->n_sampled);
    return flow_name_list_add(&data->remarks, text, strlen(text), err);
}

flow_status flow_dataset_scan(flow_row_store *data, size_t memory_bytes, bool read_ahead, flow_error *err)
{
    flow_scan s = {.data = data, .memory_bytes = memory_bytes, .holds = true, .counts = true};
    size_t d = (size_t)data->base.n_columns;
    size_t sampled = memory_bytes == 0 || memory_bytes / 4 / sizeof(double) > SAMPLE_VALUES
                         ? SAMPLE_VALUES / d
                         : memory_bytes / 4 / sizeof(double) / d;
    sampled = sampled < MOST_SAMPLED ? sampled : MOST_SAMPLED;
    sampled = sampled > LEAST_SAMPLED ? sampled : LEAST_SAMPLED;
    scan_choose_sizes(data, memory_bytes);
    /* rows that will not fit are not held from the start */
    if (data->part == FLOW_PART_ALL && data->reader->n_rows > 0 &&
        (size_t)data->reader->n_rows > flow_scan_most_held(&s) && !data->reader->skip_invalid)
        s.holds = false;
    s.block = malloc((size_t)data->block_rows * d * sizeof *s.block);
    s.numbers = malloc((size_t)data->block_rows * sizeof *s.numbers);
    data->base.summary = calloc(d, sizeof *data->base.summary);
    flow_position start = flow_reader_tell(data->reader);
    flow_status status = flow_stats_init(&data->stats, data->base.n_columns, err);
    data->sample = (flow_row_sample){.d = data->base.n_columns, .most = sampled, .threshold = 1};
    if (s.block == NULL || s.numbers == NULL || data->base.summary == NULL)
        status = flow_error_memory(err, "reading the data");
    status = flow_comm_agree(data->base.comm, status, err);
    if (status == FLOW_OK)
        status = scan_table(&s, err);
    if (status == FLOW_OK && data->base.n_rows == 0)
        status = scan_no_rows(data, &start, s.block, err);
    if (status == FLOW_OK)
        status = flow_stats_summarize(&data->stats, &data->sample, data->base.columns, data->base.summary, err);
    if (status == FLOW_OK && data->base.survey != NULL)
        status = flow_survey_finish(data->base.survey, data->base.comm, err);
    if (status == FLOW_OK && data->base.survey != NULL)
        status = scan_tell_of_copies(&data->base, err);
    if (status == FLOW_OK)
        status = scan_weigh(&data->base, err);
    if (status == FLOW_OK)
        status = scan_describe_skipped(&s, err);
    if (status == FLOW_OK)
        status = scan_settle(&s, read_ahead, err);
    free(s.block);
    free(s.numbers);
    return status;
}
