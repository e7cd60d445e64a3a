/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/dataset_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/dataset_share.h"
#include "data/read_ahead.h"

enum {
    MOST_BLOCK_ROWS = 8192,
    LEAST_BLOCK_ROWS = 64,
    BLOCK_VALUES = 1 << 17,        /* values in a block: 1 MB */
    BLOCKS_IN_POOL = 32,           /* at least, if the memory allows it */
    MOST_SAMPLED = 1 << 15,        /* rows */
    LEAST_SAMPLED = 256,
    SAMPLE_VALUES = 1 << 23        /* 64 MB */
};

typedef struct dataset_scan {
    flow_row_store *data;
    size_t memory_bytes;
    bool holds;         /* all rows so far fit */
    bool counts;        /* numbers are 0, 1, 2, ... so far */
    size_t n_held; /* at all ranks */
    size_t capacity;
    double *block;      /* (block_rows, d) */
    int64_t *numbers;   /* (block_rows) */
} dataset_scan;

/* Bytes of a row in the pool: its values, its number, its place in the order. */
static size_t scan_pooled_row_bytes(const flow_row_store *data)
{
    return data->packing.row_bytes + sizeof(int64_t) + sizeof(uint32_t);
}

static flow_status scan_too_large(const flow_row_store *data, size_t memory_bytes, flow_error *err)
{
    return flow_error_set(err, FLOW_DATA, "%s: can be read only once, so its rows must be held, and they take more "
                          "than the %.0f MB that are allowed; put the table into a file, or allow more memory",
                          data->base.location, (double)memory_bytes / 1048576);
}

/* The most rows that are held. An order has 32-bit indices, hence the upper limit. */
static size_t scan_most_held(const dataset_scan *s)
{
    size_t most = s->memory_bytes == 0 ? SIZE_MAX : s->memory_bytes / s->data->packing.row_bytes;
    return most < UINT32_MAX ? most : UINT32_MAX;
}

/* Room for n more rows. */
static flow_status scan_make_room(dataset_scan *s, size_t n, size_t most, flow_error *err)
{
    flow_row_store *data = s->data;
    const size_t n_here = (size_t)data->pool.n_here;
    if (n_here + n <= s->capacity)
        return FLOW_OK;
    size_t capacity = 2 * (n_here + n), bytes;
    capacity = capacity < most ? capacity : most;
    if (data->reader->n_rows >= 0 && (size_t)data->reader->n_rows < capacity)
        capacity = (size_t)data->reader->n_rows;
    bytes = capacity;
    char *rows = flow_size_mul(&bytes, data->packing.row_bytes) ? realloc(data->pool.rows, bytes) : NULL;
    if (rows == NULL)
        return flow_error_memory(err, "the rows; allow less memory, so that they are read in parts");
    data->pool.rows = rows;
    int64_t *numbers = realloc(data->pool.numbers, capacity * sizeof *numbers);
    if (numbers == NULL)
        return flow_error_memory(err, "the rows; allow less memory, so that they are read in parts");
    data->pool.numbers = numbers;
    s->capacity = capacity;
    return FLOW_OK;
}

/* Adds those of n rows that belong to this process. */
static void scan_keep(dataset_scan *s, size_t n)
{
    flow_row_store *data = s->data;
    flow_pool *pool = &data->pool;
    const size_t d = (size_t)data->base.n_columns;
    for (size_t i = 0, m; i < n; i += m) {
        const int64_t row = (int64_t)(s->n_held + i), end = flow_share_run_end(data->base.comm, row);
        m = n - i < (size_t)(end - row) ? n - i : (size_t)(end - row);
        if (flow_share_holder(data->base.comm, row) != flow_comm_rank(data->base.comm))
            continue;
        flow_rows_pack(&data->packing, pool->rows + (size_t)pool->n_here * data->packing.row_bytes, s->block + i * d,
                       m);
        memcpy(pool->numbers + pool->n_here, s->numbers + i, m * sizeof *s->numbers);
        pool->n_here += (int64_t)m;
    }
}

static flow_status scan_hold(dataset_scan *s, size_t n, flow_error *err)
{
    flow_row_store *data = s->data;
    size_t most = scan_most_held(s);
    if (n > most - s->n_held) {
        if (!data->reader->can_seek)
            return scan_too_large(data, s->memory_bytes, err);
        flow_pool_free(&data->pool);
        s->holds = false;
        return FLOW_OK;
    }
    FLOW_TRY(scan_make_room(s, n, most, err));
    scan_keep(s, n);
    for (size_t i = 0; i < n; i++)
        s->counts = s->counts && s->numbers[i] == (int64_t)(s->n_held + i);
    s->n_held += n;
    return FLOW_OK;
}

static flow_status scan_add_block(flow_row_store *data, const flow_position *at, size_t n_read, size_t n_kept,
                                  flow_error *err)
{
    if (!flow_grow(&data->blocks, &data->block_capacity, (size_t)data->n_blocks + 1, sizeof *data->blocks))
        return flow_error_memory(err, "the index of the rows");
    data->blocks[data->n_blocks++] = (flow_row_span){*at, (int32_t)n_read, (int32_t)n_kept};
    return FLOW_OK;
}

uint32_t flow_dataset_checksum(uint32_t sum, const double *values, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)values;
    const uint16_t probe = 1;
    if (*(const unsigned char *)&probe == 1)
        return (uint32_t)crc32_z(sum, bytes, n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        unsigned char turned[sizeof *values];
        for (size_t k = 0; k < sizeof *values; k++)
            turned[k] = bytes[(i + 1) * sizeof *values - 1 - k];
        sum = (uint32_t)crc32_z(sum, turned, sizeof turned);
    }
    return sum;
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

/* The last of the d values of each row is its weight. */
static flow_status scan_check_weights(const flow_row_store *data, const double *rows, const int64_t *numbers, size_t n,
                                      flow_error *err)
{
    size_t d = (size_t)data->base.n_columns;
    for (size_t i = 0; i < n; i++)
        if (rows[(i + 1) * d - 1] < 0)
            return flow_error_set(err, FLOW_DATA, "%s: row %lld has the weight %g in column \"%.80s\"; a density with "
                                  "negative weights can have no maximum. Leave such rows out, or set "
                                  "\"allow_negative_weights\" if they are meant", data->base.location,
                                  (long long)numbers[i] + 1, rows[(i + 1) * d - 1], data->base.columns[d - 1]);
    return FLOW_OK;
}

static int64_t scan_count_weightless(const flow_row_store *data, const double *rows, const int64_t *numbers, size_t n)
{
    size_t d = (size_t)data->base.n_columns;
    int64_t count = 0;
    for (size_t i = 0; data->base.is_weighted && i < n; i++)
        count += rows[(i + 1) * d - 1] == 0 && flow_dataset_in_part(data, numbers[i]);
    return count;
}

/* A block that was read, at `at`. */
static flow_status scan_block(dataset_scan *s, const flow_position *at, size_t n_read, flow_error *err)
{
    flow_row_store *data = s->data;
    if (data->base.survey != NULL)
        FLOW_TRY(flow_survey_add(data->base.survey, s->block, s->numbers, n_read, err));
    data->base.n_weightless += scan_count_weightless(data, s->block, s->numbers, n_read);
    size_t n = flow_dataset_keep(data, s->block, s->numbers, n_read);
    if (n_read > 0 && data->reader->can_seek)
        FLOW_TRY(scan_add_block(data, at, n_read, n, err));
    if (data->base.is_weighted && !data->allow_negative_weights)
        FLOW_TRY(scan_check_weights(data, s->block, s->numbers, n, err));
    FLOW_TRY(flow_stats_add(&data->stats, s->block, s->numbers, n, err));
    data->base.checksum = flow_dataset_checksum(data->base.checksum, s->block, n * (size_t)data->base.n_columns);
    data->base.n_rows += (int64_t)n;
    return s->holds && n > 0 ? scan_hold(s, n, err) : FLOW_OK;
}

static flow_status scan_table(dataset_scan *s, flow_error *err)
{
    flow_row_store *data = s->data;
    flow_status status = FLOW_OK;
    size_t n_read;
    do {
        flow_position at;
        FLOW_TRY(flow_share_read(data, status, s->block, s->numbers, (size_t)data->block_rows, &at, &n_read, err));
        status = scan_block(s, &at, n_read, err);
    } while (n_read > 0);
    FLOW_TRY(flow_comm_agree(data->base.comm, status, err));
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
static flow_status scan_describe_skipped(flow_row_store *data, flow_error *err)
{
    const int d = data->base.n_columns;
    flow_dataset *base = &data->base;
    base->skipped = (flow_skipped){.all = flow_reader_tell(data->reader).row};
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
static flow_status scan_settle(dataset_scan *s, bool read_ahead, flow_error *err)
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
    free(data->stats.rows);
    free(data->stats.random);
    data->stats.rows = data->stats.random = NULL;
    return FLOW_OK;
}

flow_status flow_dataset_scan(flow_row_store *data, size_t memory_bytes, bool read_ahead, flow_error *err)
{
    dataset_scan s = {.data = data, .memory_bytes = memory_bytes, .holds = true, .counts = true};
    size_t d = (size_t)data->base.n_columns;
    size_t sampled = memory_bytes == 0 || memory_bytes / 4 / sizeof(double) > SAMPLE_VALUES
                         ? SAMPLE_VALUES / d
                         : memory_bytes / 4 / sizeof(double) / d;
    sampled = sampled < MOST_SAMPLED ? sampled : MOST_SAMPLED;
    sampled = sampled > LEAST_SAMPLED ? sampled : LEAST_SAMPLED;
    scan_choose_sizes(data, memory_bytes);
    /* rows that will not fit are not held from the start */
    if (data->part == FLOW_PART_ALL && data->reader->n_rows > 0 && (size_t)data->reader->n_rows > scan_most_held(&s) &&
        !data->reader->skip_invalid)
        s.holds = false;
    s.block = malloc((size_t)data->block_rows * d * sizeof *s.block);
    s.numbers = malloc((size_t)data->block_rows * sizeof *s.numbers);
    data->base.summary = calloc(d, sizeof *data->base.summary);
    flow_position start = flow_reader_tell(data->reader);
    flow_status status = flow_stats_init(&data->stats, data->base.n_columns, sampled, err);
    if (s.block == NULL || s.numbers == NULL || data->base.summary == NULL)
        status = flow_error_memory(err, "reading the data");
    if (status == FLOW_OK)
        status = scan_table(&s, err);
    if (status == FLOW_OK && data->base.n_rows == 0)
        status = scan_no_rows(data, &start, s.block, err);
    if (status == FLOW_OK)
        status = flow_stats_summarize(&data->stats, data->base.columns, data->base.summary, err);
    if (status == FLOW_OK && data->base.survey != NULL)
        status = flow_survey_finish(data->base.survey, err);
    if (status == FLOW_OK)
        status = scan_weigh(&data->base, err);
    if (status == FLOW_OK)
        status = scan_describe_skipped(data, err);
    if (status == FLOW_OK)
        status = scan_settle(&s, read_ahead, err);
    free(s.block);
    free(s.numbers);
    return status;
}
