/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/dataset.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/dataset_impl.h"
#include "data/read_ahead.h"
#include "num/rng.h"

enum {
    MOST_BLOCK_ROWS = 8192,
    LEAST_BLOCK_ROWS = 64,
    BLOCK_VALUES = 1 << 17,        /* values in a block: 1 MB */
    BLOCKS_IN_POOL = 32,           /* at least, where the memory allows it */
    MOST_SAMPLED = 1 << 15,        /* rows */
    LEAST_SAMPLED = 256,
    SAMPLE_VALUES = 1 << 23        /* 64 MB */
};

/* What a row in the pool takes: its values, its number, its place in the order. */
static size_t pooled_row_bytes(const flow_dataset *data)
{
    return (size_t)data->columns.n * sizeof(double) + sizeof(int64_t) + sizeof(uint32_t);
}

static bool is_of_part(const flow_dataset *data, int64_t number)
{
    bool held_out = flow_rng_uniform(data->seed, FLOW_STREAM_SPLIT, (uint64_t)number, 0) < data->share;
    return data->part == FLOW_PART_ALL || held_out == (data->part == FLOW_PART_HELD_OUT);
}

size_t flow_dataset_keep(const flow_dataset *data, double *rows, int64_t *numbers, size_t n)
{
    if (data->part == FLOW_PART_ALL && !data->is_weighted)
        return n;
    size_t d = (size_t)data->columns.n, kept = 0;
    for (size_t i = 0; i < n; i++) {
        if ((data->is_weighted && rows[(i + 1) * d - 1] == 0) || !is_of_part(data, numbers[i]))
            continue;
        if (kept < i) {
            memcpy(rows + kept * d, rows + i * d, d * sizeof *rows);
            numbers[kept] = numbers[i];
        }
        kept++;
    }
    return kept;
}

/* ------------------------------------------------------------------ looking through the table */

typedef struct scan {
    flow_dataset *data;
    size_t memory_bytes;
    bool holds;         /* as long as everything so far fits */
    bool counts;        /* numbers are 0, 1, 2, ... so far */
    size_t n_held, capacity;
    double *block;      /* (block_rows, d) */
    int64_t *numbers;   /* (block_rows) */
} scan;

static flow_status too_large_to_hold(const flow_dataset *data, size_t memory_bytes, flow_error *err)
{
    return flow_error_set(err, FLOW_DATA, "%s: can be read only once, so its rows must be held, and they take more "
                          "than the %.0f MB that are allowed; put the table into a file, or allow more memory",
                          data->location, (double)memory_bytes / 1048576);
}

/* How many rows may be held. An order holds 32-bit indices, hence the ceiling. */
static size_t most_held(const scan *s)
{
    size_t most = s->memory_bytes == 0 ? SIZE_MAX : s->memory_bytes / ((size_t)s->data->columns.n * sizeof(double));
    return most < UINT32_MAX ? most : UINT32_MAX;
}

static flow_status hold(scan *s, size_t n, flow_error *err)
{
    flow_dataset *data = s->data;
    size_t d = (size_t)data->columns.n, most = most_held(s);
    if (n > most - s->n_held) {
        if (!data->reader->can_seek)
            return too_large_to_hold(data, s->memory_bytes, err);
        flow_pool_free(&data->pool);
        s->holds = false;
        return FLOW_OK;
    }
    if (s->n_held + n > s->capacity) {
        size_t capacity = 2 * (s->n_held + n), bytes;
        capacity = capacity < most ? capacity : most;
        bytes = capacity;
        double *rows = flow_size_mul(&bytes, d * sizeof *rows) ? realloc(data->pool.rows, bytes) : NULL;
        if (rows == NULL)
            return flow_error_memory(err, "the rows; allow less memory, so that they are read in parts");
        data->pool.rows = rows;
        int64_t *numbers = realloc(data->pool.numbers, capacity * sizeof *numbers);
        if (numbers == NULL)
            return flow_error_memory(err, "the rows; allow less memory, so that they are read in parts");
        data->pool.numbers = numbers;
        s->capacity = capacity;
    }
    memcpy(data->pool.rows + s->n_held * d, s->block, n * d * sizeof *s->block);
    memcpy(data->pool.numbers + s->n_held, s->numbers, n * sizeof *s->numbers);
    for (size_t i = 0; i < n; i++)
        s->counts = s->counts && s->numbers[i] == (int64_t)(s->n_held + i);
    s->n_held += n;
    return FLOW_OK;
}

static flow_status add_block(flow_dataset *data, const flow_position *at, size_t n_read, size_t n_kept, flow_error *err)
{
    if (data->n_blocks == data->block_capacity) {
        int64_t capacity = data->block_capacity == 0 ? 64 : 2 * data->block_capacity;
        flow_row_span *grown = realloc(data->blocks, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return flow_error_memory(err, "the index of the rows");
        data->blocks = grown;
        data->block_capacity = capacity;
    }
    data->blocks[data->n_blocks++] = (flow_row_span){*at, (int32_t)n_read, (int32_t)n_kept};
    return FLOW_OK;
}

static uint32_t checksum(uint32_t sum, const double *values, size_t n)
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

/* Chooses the size of blocks and pool. There is memory for a second pool, whether anybody reads ahead into it or not:
 * the order must not depend on that. */
static void plan(flow_dataset *data, size_t memory_bytes)
{
    int64_t d = data->columns.n;
    int64_t pool_rows = INT32_MAX;
    if (memory_bytes / 8 * 3 / pooled_row_bytes(data) < (size_t)pool_rows && memory_bytes > 0)
        pool_rows = (int64_t)(memory_bytes / 8 * 3 / pooled_row_bytes(data));
    int64_t rows = BLOCK_VALUES / d < MOST_BLOCK_ROWS ? BLOCK_VALUES / d : MOST_BLOCK_ROWS;
    rows = rows < pool_rows / BLOCKS_IN_POOL ? rows : pool_rows / BLOCKS_IN_POOL;
    rows = rows > LEAST_BLOCK_ROWS ? rows : LEAST_BLOCK_ROWS;
    /* whole chunks, unless they are so large that few of them fit the pool */
    int64_t granule = data->reader->granule, whole = (rows + granule - 1) / granule * granule;
    if (granule > 1 && granule <= pool_rows / 8 && granule <= 16 * rows)
        rows = whole;
    data->block_rows = rows;
    data->pool_blocks = pool_rows / rows > 1 ? pool_rows / rows : 1;
}

/* The last of the d values of each row is its weight. */
static flow_status check_weights(const flow_dataset *data, const double *rows, const int64_t *numbers, size_t n,
                                 flow_error *err)
{
    size_t d = (size_t)data->columns.n;
    for (size_t i = 0; i < n; i++)
        if (rows[(i + 1) * d - 1] < 0)
            return flow_error_set(err, FLOW_DATA, "%s: row %lld has the weight %g in column \"%.80s\"; a density with "
                                  "negative weights can have no maximum. Leave such rows out, or set "
                                  "\"allow_negative_weights\" if they are meant", data->location,
                                  (long long)numbers[i] + 1, rows[(i + 1) * d - 1], data->columns.at[d - 1]);
    return FLOW_OK;
}

static int64_t count_weightless(const flow_dataset *data, const double *rows, const int64_t *numbers, size_t n)
{
    size_t d = (size_t)data->columns.n;
    int64_t count = 0;
    for (size_t i = 0; data->is_weighted && i < n; i++)
        count += rows[(i + 1) * d - 1] == 0 && is_of_part(data, numbers[i]);
    return count;
}

static flow_status look_through(scan *s, flow_error *err)
{
    flow_dataset *data = s->data;
    size_t d = (size_t)data->columns.n, n_read;
    do {
        flow_position at = flow_reader_tell(data->reader);
        size_t n_max = (size_t)data->block_rows;
        flow_status status = flow_reader_read(data->reader, s->block, s->numbers, n_max, &n_read, err);
        if (status != FLOW_OK)
            return status;
        data->n_weightless += count_weightless(data, s->block, s->numbers, n_read);
        size_t n = flow_dataset_keep(data, s->block, s->numbers, n_read);
        if (n_read > 0 && data->reader->can_seek)
            status = add_block(data, &at, n_read, n, err);
        if (status == FLOW_OK && data->is_weighted && !data->allow_negative_weights)
            status = check_weights(data, s->block, s->numbers, n, err);
        if (status == FLOW_OK)
            status = flow_stats_add(&data->stats, s->block, s->numbers, n, err);
        data->checksum = checksum(data->checksum, s->block, n * d);
        data->n_rows += (int64_t)n;
        if (status == FLOW_OK && s->holds && n > 0)
            status = hold(s, n, err);
        if (status != FLOW_OK)
            return status;
    } while (n_read > 0);
    data->n_skipped = flow_reader_n_skipped(data->reader);
    return FLOW_OK;
}

/* Why there is nothing: `start` is the position of the first row, `row` has room for one. */
static flow_status no_rows(const flow_dataset *data, const flow_position *start, double *row, flow_error *err)
{
    const char *location = data->location;
    if (data->n_weightless > 0)
        return flow_error_set(err, FLOW_DATA, "%s: all %lld rows have the weight 0 in column \"%.80s\"", location,
                              (long long)data->n_weightless, data->columns.at[data->columns.n - 1]);
    if (data->part != FLOW_PART_ALL && data->stats.n == 0 && (data->n_blocks > 0 || !data->reader->can_seek))
        return flow_error_set(err, FLOW_DATA, "%s: no row belongs to the %s part with a held-out share of %g; the "
                              "table is too small for that, choose another share", location,
                              data->part == FLOW_PART_HELD_OUT ? "held-out" : "training", data->share);
    if (data->n_skipped > 0 && data->reader->can_seek) {
        size_t n_read;
        data->reader->skip_invalid = false;
        flow_status status = flow_reader_seek(data->reader, start, err);
        if (status == FLOW_OK)
            status = flow_reader_read(data->reader, row, NULL, 1, &n_read, err);
        if (status == FLOW_DATA)
            flow_error_prefix(err, status, "no row can be used, %lld were dropped, the first because of ",
                              (long long)data->n_skipped);
        if (status != FLOW_OK)
            return status;
    }
    if (data->n_skipped > 0)
        return flow_error_set(err, FLOW_DATA, "%s: no row can be used, %lld were dropped", location,
                              (long long)data->n_skipped);
    return flow_error_set(err, FLOW_DATA, "%s: has no rows", location);
}

static flow_status make_pools(flow_dataset *data, bool read_ahead, flow_error *err)
{
    size_t d = (size_t)data->columns.n;
    int64_t pool = data->block_rows * data->pool_blocks, most = data->n_rows + data->block_rows;
    size_t n = (size_t)(pool < most ? pool : most);
    flow_status status = flow_pool_make(&data->pool, n, d, err);
    if (status == FLOW_OK && read_ahead)
        status = flow_read_ahead_new(&data->ahead, data, n, err);
    return status;
}

/* Keeps the rows and lets go of the file, or the other way round. */
static flow_status settle(scan *s, bool read_ahead, flow_error *err)
{
    flow_dataset *data = s->data;
    data->is_held = s->holds;
    if (!s->holds) {
        flow_reader_limit(data->reader, data->block_rows);
        return make_pools(data, read_ahead, err);
    }
    data->pool.n = (int64_t)s->n_held;
    if (s->n_held > 0) {
        double *rows = realloc(data->pool.rows, s->n_held * (size_t)data->columns.n * sizeof *rows);
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

static flow_status run_scan(flow_dataset *data, size_t memory_bytes, bool read_ahead, flow_error *err)
{
    scan s = {.data = data, .memory_bytes = memory_bytes, .holds = true, .counts = true};
    size_t d = (size_t)data->columns.n;
    size_t sampled = memory_bytes == 0 || memory_bytes / 4 / sizeof(double) > SAMPLE_VALUES
                         ? SAMPLE_VALUES / d
                         : memory_bytes / 4 / sizeof(double) / d;
    sampled = sampled < MOST_SAMPLED ? sampled : MOST_SAMPLED;
    sampled = sampled > LEAST_SAMPLED ? sampled : LEAST_SAMPLED;
    plan(data, memory_bytes);
    /* when it is clear from the start that the rows will not fit, do not begin to hold them */
    if (data->part == FLOW_PART_ALL && data->reader->n_rows > 0 && (size_t)data->reader->n_rows > most_held(&s) &&
        !data->reader->skip_invalid)
        s.holds = false;
    s.block = malloc((size_t)data->block_rows * d * sizeof *s.block);
    s.numbers = malloc((size_t)data->block_rows * sizeof *s.numbers);
    data->summary = calloc(d, sizeof *data->summary);
    flow_position start = flow_reader_tell(data->reader);
    flow_status status = flow_stats_init(&data->stats, data->columns.n, sampled, err);
    if (s.block == NULL || s.numbers == NULL || data->summary == NULL)
        status = flow_error_memory(err, "reading the data");
    if (status == FLOW_OK)
        status = look_through(&s, err);
    if (status == FLOW_OK && data->n_rows == 0)
        status = no_rows(data, &start, s.block, err);
    if (status == FLOW_OK)
        status = flow_stats_summarize(&data->stats, data->summary, err);
    for (size_t j = 0; j < d && status == FLOW_OK; j++)
        data->summary[j].name = data->columns.at[j];
    if (status == FLOW_OK && data->is_weighted && !(data->summary[d - 1].mean > 0))
        status = flow_error_set(err, FLOW_DATA, "%s: the weights in column \"%.80s\" have a mean of %g; it has to be "
                                "positive", data->location, data->columns.at[d - 1], data->summary[d - 1].mean);
    if (status == FLOW_OK)
        status = settle(&s, read_ahead, err);
    free(s.block);
    free(s.numbers);
    return status;
}

/* ------------------------------------------------------------------ opening */

static flow_status open_reader(flow_dataset *data, const char *location, const flow_dataset_options *options,
                               flow_error *err)
{
    flow_reader_options how = {0};
    const char **last = NULL;
    if (options != NULL) {
        int n_context = options->n_context;
        last = malloc(((size_t)n_context + 1) * sizeof *last);
        if (last == NULL)
            return flow_error_memory(err, "the choice of columns");
        for (int i = 0; i < n_context; i++)
            last[i] = options->context[i];
        last[n_context] = options->weight;
        how = (flow_reader_options){options->columns, options->n_columns, options->skip_invalid, last,
                                    n_context + (options->weight != NULL ? 1 : 0)};
    }
    flow_status status = flow_reader_open(&data->reader, location, &how, err);
    free(last);
    if (status != FLOW_OK)
        return status;
    if (flow_reader_n_columns(data->reader) <= how.n_last)
        return flow_error_set(err, FLOW_DATA, "%s: beside the context and the weight there is no column to model",
                              data->reader->name);
    data->location = flow_strdup(location != NULL && strcmp(location, "-") != 0 ? location : "standard input");
    data->has_names = flow_reader_has_names(data->reader);
    if (data->location == NULL)
        return flow_error_memory(err, "a data set");
    for (int i = 0; i < flow_reader_n_columns(data->reader) && status == FLOW_OK; i++) {
        const char *name = flow_reader_column(data->reader, i);
        status = flow_name_list_add(&data->columns, name, strlen(name), err);
    }
    return status;
}

flow_status flow_dataset_open(flow_dataset **out, const char *location, const flow_dataset_options *options,
                              flow_error *err)
{
    *out = NULL;
    flow_part part = options != NULL ? options->part : FLOW_PART_ALL;
    if (part != FLOW_PART_ALL && !(options->share > 0 && options->share < 1))
        return flow_error_set(err, FLOW_ARGUMENT, "the held-out share is %g; it has to lie between 0 and 1",
                              options->share);
    flow_dataset *data = calloc(1, sizeof *data);
    if (data == NULL)
        return flow_error_memory(err, "a data set");
    data->part = part;
    if (options != NULL) {
        data->share = options->share;
        data->seed = options->seed;
        data->n_context = options->n_context;
        data->is_weighted = options->weight != NULL;
        data->allow_negative_weights = options->allow_negative_weights;
    }
    flow_status status = open_reader(data, location, options, err);
    if (status == FLOW_OK)
        status = run_scan(data, options != NULL ? options->memory_bytes : 0, options != NULL && options->read_ahead,
                          err);
    if (status == FLOW_OK)
        status = flow_dataset_rewind(data, err);
    if (status != FLOW_OK) {
        flow_dataset_close(data);
        return status;
    }
    *out = data;
    return FLOW_OK;
}

void flow_dataset_close(flow_dataset *data)
{
    if (data == NULL)
        return;
    flow_read_ahead_free(data->ahead);
    flow_reader_close(data->reader);
    flow_name_list_free(&data->columns);
    flow_stats_free(&data->stats);
    if (data->rng != NULL)
        gsl_rng_free(data->rng);
    free(data->location);
    free(data->summary);
    flow_pool_free(&data->pool);
    free(data->blocks);
    free(data->block_order);
    free(data);
}

/* ------------------------------------------------------------------ what is known about it */

const char *flow_dataset_location(const flow_dataset *data)
{
    return data->location;
}

int flow_dataset_n_columns(const flow_dataset *data)
{
    return data->columns.n;
}

const char *const *flow_dataset_columns(const flow_dataset *data)
{
    return (const char *const *)data->columns.at;
}

bool flow_dataset_has_names(const flow_dataset *data)
{
    return data->has_names;
}

int flow_dataset_n_context(const flow_dataset *data)
{
    return data->n_context;
}

bool flow_dataset_is_weighted(const flow_dataset *data)
{
    return data->is_weighted;
}

int64_t flow_dataset_n_rows(const flow_dataset *data)
{
    return data->n_rows;
}

int64_t flow_dataset_n_weightless(const flow_dataset *data)
{
    return data->n_weightless;
}

double flow_dataset_effective_rows(const flow_dataset *data)
{
    double n = (double)data->n_rows;
    if (!data->is_weighted)
        return n;
    const flow_column_summary *weight = &data->summary[data->columns.n - 1];
    double ratio = weight->deviation / weight->mean;
    return n / (1 + ratio * ratio * (n - 1) / n);
}

int64_t flow_dataset_n_skipped(const flow_dataset *data)
{
    return data->n_skipped;
}

bool flow_dataset_is_held(const flow_dataset *data)
{
    return data->is_held;
}

uint32_t flow_dataset_checksum(const flow_dataset *data)
{
    return data->checksum;
}

const flow_column_summary *flow_dataset_summary(const flow_dataset *data)
{
    return data->summary;
}

/* The context may have one value only, and it has to be of a size that can be standardised. */
flow_status flow_dataset_check_spread(const flow_dataset *data, flow_error *err)
{
    int n_given = data->columns.n - (data->is_weighted ? 1 : 0), n = n_given - data->n_context;
    for (int i = 0; i < n_given; i++) {
        const flow_column_summary *column = &data->summary[i];
        bool constant = column->least == column->most;
        bool too_large = !isfinite(column->deviation) || !isfinite(column->mean);
        char value[FLOW_NUMBER_SIZE];
        flow_number_print(value, column->least);
        if (constant && i < n)
            return flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" has the value %s in every row: its density "
                                  "has no bound; leave it out of the columns", data->location, column->name, value);
        if (too_large || (column->deviation == 0 && !constant))
            return flow_error_set(err, FLOW_DATA, "%s: the values of the column \"%.80s\" are too %s for arithmetic in "
                                  "double precision; rescale it", data->location, column->name,
                                  too_large ? "large" : "close to each other");
    }
    return FLOW_OK;
}

flow_status flow_dataset_sample(flow_dataset *data, double *rows, size_t n_max, size_t *n_read, flow_error *err)
{
    size_t d = (size_t)data->columns.n;
    *n_read = 0;
    bool sample_is_all = (int64_t)data->stats.n_sampled == data->n_rows;
    if (!data->is_held && !sample_is_all && n_max >= (size_t)data->n_rows) {
        flow_status status = flow_dataset_rewind(data, err);
        if (status == FLOW_OK)
            status = flow_dataset_next(data, rows, NULL, n_max, n_read, err);
        return status == FLOW_OK ? flow_dataset_rewind(data, err) : status;
    }
    const double *from = data->is_held ? data->pool.rows : data->stats.rows;
    size_t n = data->is_held ? (size_t)data->n_rows : data->stats.n_sampled, m = n < n_max ? n : n_max;
    for (size_t i = 0; i < m; i++) { /* one row out of each of m equal pieces */
        size_t first = i * n / m, size = (i + 1) * n / m - first;
        double random = flow_rng_uniform(data->seed, FLOW_STREAM_OTHER, i, 2);
        memcpy(rows + i * d, from + (first + (size_t)(random * (double)size)) * d, d * sizeof *rows);
    }
    *n_read = m;
    return FLOW_OK;
}
