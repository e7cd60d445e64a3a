/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/scan_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset_share.h"

/* ---- memory ---- */

/* The most rows that are sent for a sample at once. */
static size_t exchange_most_sampled(const flow_scan_exchange *s)
{
    const flow_row_store *data = s->scan->data;
    const size_t own = data->sample.most, block = (size_t)data->block_rows;
    const size_t other = data->base.survey != NULL ? flow_survey_sample(data->base.survey)->most : 0;
    const size_t most = own > other ? own : other;
    return most > block ? most : block;
}

flow_status flow_scan_exchange_make(flow_scan_exchange *s, flow_error *err)
{
    const flow_row_store *data = s->scan->data;
    const size_t size = (size_t)s->size, block = (size_t)data->block_rows, d = (size_t)s->d;
    const size_t row =
        (d > data->packing.row_bytes / sizeof(double) ? d * sizeof(double) : data->packing.row_bytes) + sizeof(int64_t);
    const bool all_kept = data->part == FLOW_PART_ALL && !data->base.is_weighted;
    size_t columns = size * block, rows = block + 2 * (size_t)FLOW_SHARE_RUN, sampled = exchange_most_sampled(s);
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

void flow_scan_exchange_free(flow_scan_exchange *s)
{
    free(s->blocks);
    free(s->sent);
    free(s->counts);
    free(s->numbers);
    free(s->out);
    free(s->in);
    free(s->whole);
    free(s->whole_numbers);
}

/* ---- columns ---- */

static int exchange_column(const flow_scan_exchange *s, int rank)
{
    return (int)flow_share_first(s->d, rank, s->size);
}

size_t flow_scan_block_rows(const flow_scan_exchange *s, int rank, bool kept)
{
    return (size_t)(kept ? s->blocks[rank].n_kept : s->blocks[rank].n_read);
}

/* Sends each rank its columns of the block of this rank, rows (n, d); s->in has the columns of this rank in all blocks,
 * one after the other. */
static void exchange_send_columns(flow_scan_exchange *s, const double *rows, bool kept)
{
    const size_t d = (size_t)s->d, n = flow_scan_block_rows(s, s->rank, kept);
    const size_t width = (size_t)(exchange_column(s, s->rank + 1) - exchange_column(s, s->rank));
    double *to = (double *)(void *)s->out;
    for (int r = 0; r < s->size; r++) {
        const size_t first = (size_t)exchange_column(s, r), m = (size_t)exchange_column(s, r + 1) - first;
        for (size_t i = 0; i < n; i++, to += m)
            memcpy(to, rows + i * d + first, m * sizeof *to);
        s->sent[r] = n * m * sizeof *to;
        s->got[r] = flow_scan_block_rows(s, r, kept) * width * sizeof *to;
    }
    flow_comm_exchange(s->comm, s->out, s->sent, s->in, s->got);
}

/* The numbers of the rows of all blocks, valid ones, one block after the other. */
static void exchange_gather_numbers(flow_scan_exchange *s)
{
    const int64_t *mine = s->whole != NULL ? s->whole_numbers : s->scan->numbers;
    size_t all = 0, sent = 0;
    for (int r = 0; r < s->size; r++) {
        const size_t n = flow_scan_block_rows(s, r, false);
        s->sent[r] = s->blocks[r].is_run ? 0 : n * sizeof *mine;
        all += n;
        sent += s->blocks[r].is_run ? 0 : n;
    }
    /* what is sent comes to the end of the array: it is not overwritten before it is read */
    int64_t *to = s->numbers, *from = s->numbers + all - sent;
    flow_comm_gather_all(s->comm, mine, from, s->sent);
    for (int r = 0; r < s->size; r++) {
        const flow_scan_rank_block *block = &s->blocks[r];
        for (int64_t i = 0; i < block->n_read; i++)
            *to++ = block->is_run ? block->number + i : *from++;
    }
}

/* ---- samples ---- */

static int64_t exchange_count_taken(const flow_row_sample *sample, const int64_t *numbers, size_t n)
{
    int64_t taken = 0;
    for (size_t i = 0; i < n; i++)
        taken += flow_row_sample_takes(sample, numbers[i]);
    return taken;
}

/* Adds to a sample what it takes of all blocks, those of some ranks at a time: it takes less afterwards. */
static flow_status exchange_sample(flow_scan_exchange *s, flow_row_sample *sample, const double *rows,
                                   const int64_t *numbers, size_t n, flow_error *err)
{
    const size_t d = (size_t)s->d, row_bytes = d * sizeof *rows, most = exchange_most_sampled(s);
    flow_status status = FLOW_OK;
    for (int from = 0, to; from < s->size; from = to) {
        size_t all = 0;
        for (int r = 0; r < s->size; r++)
            s->sent[r] = sizeof *s->counts;
        s->counts[s->rank] = s->rank >= from ? exchange_count_taken(sample, numbers, n) : 0;
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

flow_status flow_scan_exchange_survey(flow_scan_exchange *s, flow_error *err)
{
    const flow_scan *scan = s->scan;
    flow_survey *survey = scan->data->base.survey;
    const double *rows = s->whole != NULL ? s->whole : scan->block;
    const int64_t *numbers = s->whole != NULL ? s->whole_numbers : scan->numbers;
    const int first = exchange_column(s, s->rank), last = exchange_column(s, s->rank + 1);
    flow_status status =
        exchange_sample(s, flow_survey_sample(survey), rows, numbers, (size_t)s->blocks[s->rank].n_read, err);
    exchange_gather_numbers(s);
    exchange_send_columns(s, rows, false);
    const double *columns = (const double *)(const void *)s->in;
    numbers = s->numbers;
    for (int r = 0; r < s->size; r++) {
        const size_t n = flow_scan_block_rows(s, r, false);
        if (status == FLOW_OK)
            status = flow_survey_add_columns(survey, first, last, columns, numbers, n, err);
        columns += n * (size_t)(last - first);
        numbers += n;
    }
    return status;
}

/* `there`: s->in has the columns of these rows already. */
flow_status flow_scan_exchange_statistics(flow_scan_exchange *s, bool there, flow_error *err)
{
    const flow_scan *scan = s->scan;
    flow_row_store *data = scan->data;
    const int first = exchange_column(s, s->rank), last = exchange_column(s, s->rank + 1);
    if (!there)
        exchange_send_columns(s, scan->block, true);
    const double *columns = (const double *)(const void *)s->in;
    for (int r = 0; r < s->size; r++) {
        const size_t n = flow_scan_block_rows(s, r, true);
        flow_stats_add(&data->stats, first, last, columns, n);
        columns += n * (size_t)(last - first);
    }
    return exchange_sample(s, &data->sample, scan->block, scan->numbers, (size_t)s->blocks[s->rank].n_kept, err);
}

/* How many of n rows, from row `first` of all rows that are held, rank r holds. */
static size_t exchange_held_by(const flow_scan_exchange *s, int r, size_t first, size_t n)
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
static char *exchange_pack_for(const flow_scan_exchange *s, char *to, int r, size_t first, size_t n)
{
    const flow_scan *scan = s->scan;
    const flow_row_packing *packing = &scan->data->packing;
    char *rows = to, *numbers = to + exchange_held_by(s, r, first, n) * packing->row_bytes;
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
flow_status flow_scan_exchange_hold(flow_scan_exchange *s, flow_error *err)
{
    flow_scan *scan = s->scan;
    flow_pool *pool = &scan->data->pool;
    const size_t row_bytes = scan->data->packing.row_bytes;
    size_t n_own = 0, before = 0;
    char *to = s->out;
    for (int r = 0; r < s->size; r++) {
        const size_t n = flow_scan_block_rows(s, r, true),
                     mine = exchange_held_by(s, s->rank, scan->n_held + before, n);
        s->got[r] = mine * (row_bytes + sizeof(int64_t));
        n_own += mine;
        before += n;
    }
    before = 0;
    for (int r = 0; r < s->rank; r++)
        before += flow_scan_block_rows(s, r, true);
    for (int r = 0; r < s->size; r++) {
        char *end = exchange_pack_for(s, to, r, scan->n_held + before, flow_scan_block_rows(s, s->rank, true));
        s->sent[r] = (size_t)(end - to);
        to = end;
    }
    flow_comm_exchange(s->comm, s->out, s->sent, s->in, s->got);
    const flow_status status = flow_scan_make_room(scan, n_own, err);
    const char *from = s->in;
    for (int r = 0; r < s->size && status == FLOW_OK; r++) {
        const size_t n = s->got[r] / (row_bytes + sizeof(int64_t));
        if (n == 0)
            continue; /* there may be no pool yet */
        memcpy(pool->rows + (size_t)pool->n_here * row_bytes, from, n * row_bytes);
        memcpy(pool->numbers + pool->n_here, from + n * row_bytes, n * sizeof(int64_t));
        pool->n_here += (int64_t)n;
        from += s->got[r];
    }
    return status;
}
