/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/scan_ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/dataset_share.h"
#include "data/shared_reader.h"

/* What a rank says of its block. */
typedef struct ranks_block {
    flow_position at;
    int64_t n_read, n_kept, n_weightless;
    int64_t number, kept_number;  /* of the first row, and of the first one that is kept */
    bool is_run, kept_is_run;     /* the numbers follow each other */
    bool has_drops, says_rounded; /* as in flow_shared_block and flow_reader */
    int n_remarks;                /* new ones */
    uint32_t checksum;            /* of the rows that are kept */
    flow_status status;
} ranks_block;

typedef struct ranks_scan {
    flow_scan *scan;
    const flow_comm *comm;
    int rank, size;
    int64_t d;
    flow_shared_reader source;
    ranks_block *blocks; /* (size) of the round */
    double *whole;       /* (block_rows, d) the block with the rows that are not kept; NULL: all rows are kept */
    int64_t *whole_numbers;
    int64_t *numbers;   /* (size block_rows) of all blocks */
    size_t *sent, *got; /* (size) bytes */
    int64_t *counts;    /* (size) */
    char *out, *in;     /* rows on their way */
    int n_remarks;      /* of the reader, that are known */
} ranks_scan;

/* ---- memory ---- */

/* The most rows that are sent for a sample at once. */
static size_t ranks_most_sampled(const ranks_scan *s)
{
    const flow_row_store *data = s->scan->data;
    const size_t own = data->sample.most, block = (size_t)data->block_rows;
    const size_t other = data->base.survey != NULL ? flow_survey_sample(data->base.survey)->most : 0;
    const size_t most = own > other ? own : other;
    return most > block ? most : block;
}

static flow_status ranks_make(ranks_scan *s, flow_error *err)
{
    const flow_row_store *data = s->scan->data;
    const size_t size = (size_t)s->size, block = (size_t)data->block_rows, d = (size_t)s->d;
    const size_t row =
        (d > data->packing.row_bytes / sizeof(double) ? d * sizeof(double) : data->packing.row_bytes) + sizeof(int64_t);
    const bool all_kept = data->part == FLOW_PART_ALL && !data->base.is_weighted;
    size_t columns = size * block, rows = block + 2 * (size_t)FLOW_SHARE_RUN, sampled = ranks_most_sampled(s);
    bool fits = flow_size_mul(&columns, (d + size - 1) / size * sizeof(double)) && flow_size_mul(&rows, row) &&
                flow_size_mul(&sampled, row);
    const size_t in = columns > rows ? columns : rows;
    s->blocks = calloc(size, sizeof *s->blocks);
    s->sent = calloc(size, 2 * sizeof *s->sent);
    s->counts = calloc(size, sizeof *s->counts);
    s->numbers = calloc(size * block, sizeof *s->numbers);
    s->out = fits ? malloc(rows) : NULL;
    s->in = fits ? malloc(in > sampled ? in : sampled) : NULL;
    if (!all_kept && data->base.survey != NULL && fits) {
        s->whole = malloc(block * d * sizeof *s->whole);
        s->whole_numbers = malloc(block * sizeof *s->whole_numbers);
        fits = s->whole != NULL && s->whole_numbers != NULL;
    }
    if (!fits || s->blocks == NULL || s->sent == NULL || s->counts == NULL || s->numbers == NULL || s->out == NULL ||
        s->in == NULL)
        return flow_error_memory(err, "sharing rows");
    s->got = s->sent + size;
    return FLOW_OK;
}

static void ranks_free(ranks_scan *s)
{
    flow_shared_reader_free(&s->source);
    free(s->blocks);
    free(s->sent);
    free(s->counts);
    free(s->numbers);
    free(s->out);
    free(s->in);
    free(s->whole);
    free(s->whole_numbers);
}

/* ---- the block of this rank ---- */

static bool ranks_is_run(const int64_t *numbers, size_t n)
{
    return n == 0 || numbers[n - 1] - numbers[0] == (int64_t)n - 1;
}

static flow_status ranks_read(ranks_scan *s, ranks_block *mine, flow_error *err)
{
    flow_scan *scan = s->scan;
    const flow_row_store *data = scan->data;
    flow_shared_block block;
    const flow_status status = flow_shared_reader_next(&s->source, &block, scan->block, scan->numbers, err);
    mine->n_remarks = data->reader->remarks.n - s->n_remarks;
    mine->says_rounded = data->reader->says_rounded;
    mine->at = block.at;
    mine->has_drops = block.has_drops;
    if (status != FLOW_OK || block.has_drops || block.n == 0)
        return status;
    mine->n_read = (int64_t)block.n;
    mine->number = scan->numbers[0];
    mine->is_run = ranks_is_run(scan->numbers, block.n);
    mine->n_weightless = flow_scan_count_weightless(data, scan->block, scan->numbers, block.n);
    if (s->whole != NULL) {
        memcpy(s->whole, scan->block, block.n * (size_t)s->d * sizeof *s->whole);
        memcpy(s->whole_numbers, scan->numbers, block.n * sizeof *s->whole_numbers);
    }
    const size_t n = flow_dataset_keep(data, scan->block, scan->numbers, block.n);
    mine->n_kept = (int64_t)n;
    mine->kept_number = n > 0 ? scan->numbers[0] : 0;
    mine->kept_is_run = ranks_is_run(scan->numbers, n);
    mine->checksum = flow_dataset_checksum(0, scan->block, n * (size_t)s->d);
    return flow_scan_check_weights(data, scan->block, scan->numbers, n, err);
}

/* ---- what all ranks say ---- */

/* The error of rank `first`, for all. What the data are is the same for every rank, whatever else goes wrong is not. */
static flow_status ranks_fail(const ranks_scan *s, int first, flow_error *err)
{
    flow_error why = {0};
    if (s->rank == first && err != NULL) {
        if (s->blocks[first].status != FLOW_DATA && first > 0 && flow_comm_name() != NULL)
            flow_error_prefix(err, s->blocks[first].status, "%s: ", flow_comm_name());
        why = *err;
    }
    flow_comm_broadcast(s->comm, first, &why, sizeof why);
    return flow_error_set(err, s->blocks[first].status, "%s", why.message);
}

/* Rank 0 has the remarks of the first rank that has new ones. */
static flow_status ranks_take_remarks(ranks_scan *s, flow_error *err)
{
    flow_reader *reader = s->scan->data->reader;
    flow_status status = FLOW_OK;
    int from = 0;
    while (from < s->size && s->blocks[from].n_remarks == 0)
        from++;
    for (int i = 0; from < s->size && i < s->blocks[from].n_remarks; i++) {
        char text[FLOW_ERROR_SIZE] = "";
        if (s->rank == from)
            snprintf(text, sizeof text, "%s", reader->remarks.at[s->n_remarks + i]);
        flow_comm_broadcast(s->comm, from, text, sizeof text);
        if (s->rank == 0 && from > 0 && status == FLOW_OK)
            status = flow_reader_remark(reader, err, "%s", text);
    }
    for (int r = 0; r < s->size; r++)
        reader->says_rounded = reader->says_rounded || s->blocks[r].says_rounded;
    s->n_remarks = reader->remarks.n;
    return status;
}

/* Reads the blocks of a round, and makes known what they are. *status: of this rank alone. */
static flow_status ranks_begin_round(ranks_scan *s, flow_status *status, flow_error *err)
{
    ranks_block mine;
    memset(&mine, 0, sizeof mine);
    mine.status = ranks_read(s, &mine, err);
    for (int r = 0; r < s->size; r++)
        s->sent[r] = sizeof mine;
    flow_comm_gather_all(s->comm, &mine, s->blocks, s->sent);
    int first = 0;
    while (first < s->size && s->blocks[first].status == FLOW_OK && !s->blocks[first].has_drops)
        first++;
    if (first == s->size)
        return FLOW_OK;
    if (s->blocks[first].status != FLOW_OK)
        return ranks_fail(s, first, err);
    *status = flow_shared_reader_deal(&s->source, &s->blocks[first].at, err);
    memset(&s->blocks[first], 0, (size_t)(s->size - first) * sizeof *s->blocks);
    return FLOW_OK;
}

/* ---- columns ---- */

static int ranks_column(const ranks_scan *s, int rank)
{
    return (int)flow_share_first(s->d, rank, s->size);
}

static size_t ranks_rows(const ranks_scan *s, int rank, bool kept)
{
    return (size_t)(kept ? s->blocks[rank].n_kept : s->blocks[rank].n_read);
}

/* Sends each rank its columns of the block of this rank, rows (n, d); s->in has the columns of this rank in all blocks,
 * one after the other. */
static void ranks_send_columns(ranks_scan *s, const double *rows, bool kept)
{
    const size_t d = (size_t)s->d, n = ranks_rows(s, s->rank, kept);
    const size_t width = (size_t)(ranks_column(s, s->rank + 1) - ranks_column(s, s->rank));
    double *to = (double *)(void *)s->out;
    for (int r = 0; r < s->size; r++) {
        const size_t first = (size_t)ranks_column(s, r), m = (size_t)ranks_column(s, r + 1) - first;
        for (size_t i = 0; i < n; i++, to += m)
            memcpy(to, rows + i * d + first, m * sizeof *to);
        s->sent[r] = n * m * sizeof *to;
        s->got[r] = ranks_rows(s, r, kept) * width * sizeof *to;
    }
    flow_comm_exchange(s->comm, s->out, s->sent, s->in, s->got);
}

/* The numbers of the rows of all blocks, valid ones, one block after the other. */
static void ranks_gather_numbers(ranks_scan *s)
{
    const int64_t *mine = s->whole != NULL ? s->whole_numbers : s->scan->numbers;
    size_t all = 0, sent = 0;
    for (int r = 0; r < s->size; r++) {
        const size_t n = ranks_rows(s, r, false);
        s->sent[r] = s->blocks[r].is_run ? 0 : n * sizeof *mine;
        all += n;
        sent += s->blocks[r].is_run ? 0 : n;
    }
    /* what is sent comes to the end of the array: it is not overwritten before it is read */
    int64_t *to = s->numbers, *from = s->numbers + all - sent;
    flow_comm_gather_all(s->comm, mine, from, s->sent);
    for (int r = 0; r < s->size; r++) {
        const ranks_block *block = &s->blocks[r];
        for (int64_t i = 0; i < block->n_read; i++)
            *to++ = block->is_run ? block->number + i : *from++;
    }
}

/* ---- samples ---- */

static int64_t ranks_count_taken(const flow_row_sample *sample, const int64_t *numbers, size_t n)
{
    int64_t taken = 0;
    for (size_t i = 0; i < n; i++)
        taken += flow_row_sample_takes(sample, numbers[i]);
    return taken;
}

/* Adds to a sample what it takes of all blocks, those of some ranks at a time: it takes less afterwards. */
static flow_status ranks_sample(ranks_scan *s, flow_row_sample *sample, const double *rows, const int64_t *numbers,
                                size_t n, flow_error *err)
{
    const size_t d = (size_t)s->d, row_bytes = d * sizeof *rows, most = ranks_most_sampled(s);
    flow_status status = FLOW_OK;
    for (int from = 0, to; from < s->size; from = to) {
        size_t all = 0;
        for (int r = 0; r < s->size; r++)
            s->sent[r] = sizeof *s->counts;
        s->counts[s->rank] = s->rank >= from ? ranks_count_taken(sample, numbers, n) : 0;
        flow_comm_gather_all(s->comm, &s->counts[s->rank], s->counts, s->sent);
        for (to = from; to < s->size && (to == from || all + (size_t)s->counts[to] <= most); to++)
            all += (size_t)s->counts[to];
        const bool mine = s->rank >= from && s->rank < to;
        double *some = (double *)(void *)s->out;
        int64_t *some_numbers = (int64_t *)(void *)(s->out + (mine ? (size_t)s->counts[s->rank] : 0) * row_bytes);
        for (size_t i = 0, k = 0; i < n && mine; i++) {
            if (!flow_row_sample_takes(sample, numbers[i]))
                continue;
            memcpy(some + k * d, rows + i * d, row_bytes);
            some_numbers[k++] = numbers[i];
        }
        int64_t *all_numbers = (int64_t *)(void *)(s->in + all * row_bytes);
        for (int r = 0; r < s->size; r++)
            s->sent[r] = r >= from && r < to ? (size_t)s->counts[r] * row_bytes : 0;
        flow_comm_gather_all(s->comm, some, s->in, s->sent);
        for (int r = 0; r < s->size; r++)
            s->sent[r] = r >= from && r < to ? (size_t)s->counts[r] * sizeof *all_numbers : 0;
        flow_comm_gather_all(s->comm, some_numbers, all_numbers, s->sent);
        if (status == FLOW_OK)
            status = flow_row_sample_add(sample, (const double *)(const void *)s->in, all_numbers, all, err);
    }
    return status;
}

/* ---- what a round adds ---- */

static flow_status ranks_survey(ranks_scan *s, flow_error *err)
{
    const flow_scan *scan = s->scan;
    flow_survey *survey = scan->data->base.survey;
    const double *rows = s->whole != NULL ? s->whole : scan->block;
    const int64_t *numbers = s->whole != NULL ? s->whole_numbers : scan->numbers;
    const int first = ranks_column(s, s->rank), last = ranks_column(s, s->rank + 1);
    flow_status status =
        ranks_sample(s, flow_survey_sample(survey), rows, numbers, (size_t)s->blocks[s->rank].n_read, err);
    ranks_gather_numbers(s);
    ranks_send_columns(s, rows, false);
    const double *columns = (const double *)(const void *)s->in;
    numbers = s->numbers;
    for (int r = 0; r < s->size; r++) {
        const size_t n = ranks_rows(s, r, false);
        if (status == FLOW_OK)
            status = flow_survey_add_columns(survey, first, last, columns, numbers, n, err);
        columns += n * (size_t)(last - first);
        numbers += n;
    }
    return status;
}

/* `there`: s->in has the columns of these rows already. */
static flow_status ranks_add_statistics(ranks_scan *s, bool there, flow_error *err)
{
    const flow_scan *scan = s->scan;
    flow_row_store *data = scan->data;
    const int first = ranks_column(s, s->rank), last = ranks_column(s, s->rank + 1);
    if (!there)
        ranks_send_columns(s, scan->block, true);
    const double *columns = (const double *)(const void *)s->in;
    for (int r = 0; r < s->size; r++) {
        const size_t n = ranks_rows(s, r, true);
        flow_stats_add(&data->stats, first, last, columns, n);
        columns += n * (size_t)(last - first);
    }
    return ranks_sample(s, &data->sample, scan->block, scan->numbers, (size_t)s->blocks[s->rank].n_kept, err);
}

/* How many of n rows, from row `first` of all rows that are held, rank r holds. */
static size_t ranks_held_by(const ranks_scan *s, int r, size_t first, size_t n)
{
    size_t held = 0;
    for (size_t i = 0, m; i < n; i += m) {
        const int64_t row = (int64_t)(first + i), left = flow_share_run_end(row) - row;
        m = n - i < (size_t)left ? n - i : (size_t)left;
        held += flow_share_holder(s->comm, row) == r ? m : 0;
    }
    return held;
}

/* Puts those of the kept rows that rank r holds, packed, and behind them their numbers. `first`: as above. */
static char *ranks_pack_for(const ranks_scan *s, char *to, int r, size_t first, size_t n)
{
    const flow_scan *scan = s->scan;
    const flow_row_packing *packing = &scan->data->packing;
    char *rows = to, *numbers = to + ranks_held_by(s, r, first, n) * packing->row_bytes;
    for (size_t i = 0, m; i < n; i += m) {
        const int64_t row = (int64_t)(first + i), left = flow_share_run_end(row) - row;
        m = n - i < (size_t)left ? n - i : (size_t)left;
        if (flow_share_holder(s->comm, row) != r)
            continue;
        flow_rows_pack(packing, rows, scan->block + i * (size_t)s->d, m);
        memcpy(numbers, scan->numbers + i, m * sizeof *scan->numbers);
        rows += m * packing->row_bytes;
        numbers += m * sizeof *scan->numbers;
    }
    return numbers;
}

/* Every rank gets the rows of the round that it holds. */
static flow_status ranks_hold(ranks_scan *s, flow_error *err)
{
    flow_scan *scan = s->scan;
    flow_pool *pool = &scan->data->pool;
    const size_t row_bytes = scan->data->packing.row_bytes;
    size_t n_own = 0, before = 0;
    char *to = s->out;
    for (int r = 0; r < s->size; r++) {
        const size_t n = ranks_rows(s, r, true), mine = ranks_held_by(s, s->rank, scan->n_held + before, n);
        s->got[r] = mine * (row_bytes + sizeof(int64_t));
        n_own += mine;
        before += n;
    }
    before = 0;
    for (int r = 0; r < s->rank; r++)
        before += ranks_rows(s, r, true);
    for (int r = 0; r < s->size; r++) {
        char *end = ranks_pack_for(s, to, r, scan->n_held + before, ranks_rows(s, s->rank, true));
        s->sent[r] = (size_t)(end - to);
        to = end;
    }
    flow_comm_exchange(s->comm, s->out, s->sent, s->in, s->got);
    const flow_status status = flow_scan_make_room(scan, n_own, err);
    const char *from = s->in;
    for (int r = 0; r < s->size && status == FLOW_OK; r++) {
        const size_t n = s->got[r] / (row_bytes + sizeof(int64_t));
        memcpy(pool->rows + (size_t)pool->n_here * row_bytes, from, n * row_bytes);
        memcpy(pool->numbers + pool->n_here, from + n * row_bytes, n * sizeof(int64_t));
        pool->n_here += (int64_t)n;
        from += s->got[r];
    }
    return status;
}

/* Adds what is known of the block of rank r, in the order of the blocks. */
static flow_status ranks_add_block(ranks_scan *s, int r, flow_error *err)
{
    flow_row_store *data = s->scan->data;
    const ranks_block *block = &s->blocks[r];
    const size_t bytes = (size_t)block->n_kept * (size_t)s->d * sizeof(double);
    if (block->n_read == 0)
        return FLOW_OK;
    data->base.n_weightless += block->n_weightless;
    data->base.n_rows += block->n_kept;
    data->base.checksum = (uint32_t)crc32_combine(data->base.checksum, block->checksum, (z_off_t)bytes);
    return flow_scan_add_span(data, &(flow_row_span){block->at, (int32_t)block->n_read, (int32_t)block->n_kept}, err);
}

static void ranks_count_held(ranks_scan *s)
{
    flow_scan *scan = s->scan;
    for (int r = 0; r < s->size; r++) {
        const ranks_block *block = &s->blocks[r];
        if (block->n_kept == 0)
            continue;
        scan->counts = scan->counts && block->kept_is_run && block->kept_number == (int64_t)scan->n_held;
        scan->n_held += (size_t)block->n_kept;
    }
}

static void ranks_keep_first(flow_status *status, flow_status other)
{
    *status = *status == FLOW_OK ? other : *status;
}

/* Reads the blocks of a round and adds them. *status: what went wrong at this rank alone, when the others go on. */
static flow_status ranks_round(ranks_scan *s, flow_status *status, flow_error *err)
{
    flow_scan *scan = s->scan;
    flow_row_store *data = scan->data;
    FLOW_TRY(ranks_begin_round(s, status, err));
    ranks_keep_first(status, ranks_take_remarks(s, err));
    bool all_kept = true;
    size_t n_kept = 0;
    for (int r = 0; r < s->size; r++) {
        ranks_keep_first(status, ranks_add_block(s, r, err));
        all_kept = all_kept && s->blocks[r].n_kept == s->blocks[r].n_read;
        n_kept += ranks_rows(s, r, true);
    }
    if (data->base.survey != NULL)
        ranks_keep_first(status, ranks_survey(s, err));
    ranks_keep_first(status, ranks_add_statistics(s, data->base.survey != NULL && all_kept, err));
    if (!scan->holds || n_kept == 0)
        return FLOW_OK;
    FLOW_TRY(flow_scan_fit(scan, n_kept, err));
    if (!scan->holds)
        return FLOW_OK;
    ranks_keep_first(status, ranks_hold(s, err));
    ranks_count_held(s);
    return FLOW_OK;
}

static flow_status ranks_rounds(ranks_scan *s, flow_error *err)
{
    flow_row_store *data = s->scan->data;
    flow_status status = ranks_make(s, err);
    FLOW_TRY(flow_comm_agree(s->comm, status, err));
    FLOW_TRY(flow_shared_reader_start(&s->source, data->reader, s->comm, data->block_rows, err));
    while (!s->source.at_end) {
        FLOW_TRY(ranks_round(s, &status, err));
        FLOW_TRY(flow_comm_agree(s->comm, status, err));
    }
    flow_stats_gather(&data->stats, s->comm, s->sent);
    s->scan->n_passed = s->source.n_rows;
    return FLOW_OK;
}

flow_status flow_scan_by_ranks(flow_scan *scan, flow_error *err)
{
    const flow_comm *comm = scan->data->base.comm;
    ranks_scan s = {.scan = scan,
                    .comm = comm,
                    .rank = flow_comm_rank(comm),
                    .size = flow_comm_size(comm),
                    .d = scan->data->base.n_columns,
                    .n_remarks = scan->data->reader->remarks.n};
    const flow_status status = ranks_rounds(&s, err);
    ranks_free(&s);
    return status;
}
