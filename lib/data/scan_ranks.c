/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/scan_ranks.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "data/scan_exchange.h"
#include "data/shared_reader.h"

typedef struct ranks_scan {
    flow_scan_exchange all;
    flow_shared_reader source;
    int n_remarks; /* of the reader, that are known */
} ranks_scan;

/* ---- the block of this rank ---- */

static bool ranks_is_run(const int64_t *numbers, size_t n)
{
    return n == 0 || numbers[n - 1] - numbers[0] == (int64_t)n - 1;
}

static flow_status ranks_read(ranks_scan *s, flow_scan_rank_block *mine, flow_error *err)
{
    flow_scan *scan = s->all.scan;
    const flow_row_store *data = scan->data;
    flow_shared_block block;
    const flow_status status = flow_shared_reader_next(&s->source, &block, scan->block, scan->numbers, err);
    mine->n_remarks = data->reader->remarks.n - s->n_remarks;
    mine->says_rounded = data->reader->says_rounded;
    mine->at = block.at;
    if (status != FLOW_OK || block.n == 0)
        return status;
    mine->n_read = (int64_t)block.n;
    mine->number = scan->numbers[0];
    mine->is_run = ranks_is_run(scan->numbers, block.n);
    mine->n_weightless = flow_scan_count_weightless(data, scan->block, scan->numbers, block.n);
    if (s->all.whole != NULL) {
        memcpy(s->all.whole, scan->block, block.n * (size_t)s->all.d * sizeof *s->all.whole);
        memcpy(s->all.whole_numbers, scan->numbers, block.n * sizeof *s->all.whole_numbers);
    }
    const size_t n = flow_dataset_keep(data, scan->block, scan->numbers, block.n);
    mine->n_kept = (int64_t)n;
    mine->kept_number = n > 0 ? scan->numbers[0] : 0;
    mine->kept_is_run = ranks_is_run(scan->numbers, n);
    mine->checksum = flow_dataset_checksum(0, scan->block, n * (size_t)s->all.d);
    return flow_scan_check_weights(data, scan->block, scan->numbers, n, err);
}

/* ---- what all ranks say ---- */

/* The error of rank `first`, for all. What the data are is the same for every rank, whatever else goes wrong is not. */
static flow_status ranks_fail(const ranks_scan *s, int first, flow_error *err)
{
    flow_error why = {0};
    if (s->all.rank == first && err != NULL) {
        if (s->all.blocks[first].status != FLOW_DATA && first > 0 && flow_comm_name() != NULL)
            flow_error_prefix(err, s->all.blocks[first].status, "%s: ", flow_comm_name());
        why = *err;
    }
    flow_comm_broadcast(s->all.comm, first, &why, sizeof why);
    return flow_error_set(err, s->all.blocks[first].status, "%s", why.message);
}

/* Rank 0 has the remarks of the first rank that has new ones. */
static flow_status ranks_take_remarks(ranks_scan *s, flow_error *err)
{
    flow_reader *reader = s->all.scan->data->reader;
    int from = 0;
    for (int r = 0; r < s->all.size; r++)
        reader->says_rounded = reader->says_rounded || s->all.blocks[r].says_rounded;
    while (from < s->all.size && s->all.blocks[from].n_remarks == 0)
        from++;
    return from == s->all.size ? FLOW_OK
                               : flow_shared_take_remarks(reader, s->all.comm, from, s->all.blocks[from].n_remarks,
                                                          &s->n_remarks, err);
}

/* Reads the blocks of a round, and makes known what they are. */
static flow_status ranks_begin_round(ranks_scan *s, flow_error *err)
{
    flow_scan_rank_block mine;
    memset(&mine, 0, sizeof mine);
    mine.status = ranks_read(s, &mine, err);
    for (int r = 0; r < s->all.size; r++)
        s->all.sent[r] = sizeof mine;
    flow_comm_gather_all(s->all.comm, &mine, s->all.blocks, s->all.sent);
    int first = 0;
    while (first < s->all.size && s->all.blocks[first].status == FLOW_OK)
        first++;
    return first == s->all.size ? FLOW_OK : ranks_fail(s, first, err);
}

/* ---- rounds ---- */

/* Adds what is known of the block of rank r, in the order of the blocks. */
static flow_status ranks_add_block(ranks_scan *s, int r, flow_error *err)
{
    flow_row_store *data = s->all.scan->data;
    const flow_scan_rank_block *block = &s->all.blocks[r];
    const size_t bytes = (size_t)block->n_kept * (size_t)s->all.d * sizeof(double);
    if (block->n_read == 0)
        return FLOW_OK;
    data->base.n_weightless += block->n_weightless;
    data->base.n_rows += block->n_kept;
    data->base.checksum = (uint32_t)crc32_combine(data->base.checksum, block->checksum, (z_off_t)bytes);
    return flow_scan_add_span(data, &(flow_row_span){block->at, (int32_t)block->n_read, (int32_t)block->n_kept}, err);
}

static void ranks_count_held(ranks_scan *s)
{
    flow_scan *scan = s->all.scan;
    for (int r = 0; r < s->all.size; r++) {
        const flow_scan_rank_block *block = &s->all.blocks[r];
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
    flow_scan *scan = s->all.scan;
    flow_row_store *data = scan->data;
    FLOW_TRY(ranks_begin_round(s, err));
    ranks_keep_first(status, ranks_take_remarks(s, err));
    bool all_kept = true;
    size_t n_kept = 0;
    for (int r = 0; r < s->all.size; r++) {
        ranks_keep_first(status, ranks_add_block(s, r, err));
        all_kept = all_kept && s->all.blocks[r].n_kept == s->all.blocks[r].n_read;
        n_kept += flow_scan_block_rows(&s->all, r, true);
    }
    if (data->base.survey != NULL)
        ranks_keep_first(status, flow_scan_exchange_survey(&s->all, err));
    ranks_keep_first(status, flow_scan_exchange_statistics(&s->all, data->base.survey != NULL && all_kept, err));
    if (!scan->holds || n_kept == 0)
        return FLOW_OK;
    FLOW_TRY(flow_scan_fit(scan, n_kept, err));
    if (!scan->holds)
        return FLOW_OK;
    ranks_keep_first(status, flow_scan_exchange_hold(&s->all, err));
    ranks_count_held(s);
    return FLOW_OK;
}

static flow_status ranks_rounds(ranks_scan *s, flow_error *err)
{
    flow_row_store *data = s->all.scan->data;
    flow_status status = flow_scan_exchange_make(&s->all, err);
    FLOW_TRY(flow_comm_agree(s->all.comm, status, err));
    FLOW_TRY(flow_shared_reader_start(&s->source, data->reader, s->all.comm, data->block_rows, err));
    while (!s->source.at_end) {
        FLOW_TRY(ranks_round(s, &status, err));
        FLOW_TRY(flow_comm_agree(s->all.comm, status, err));
    }
    flow_stats_gather(&data->stats, s->all.comm, s->all.sent);
    s->all.scan->n_passed = s->source.n_rows;
    return FLOW_OK;
}

flow_status flow_scan_by_ranks(flow_scan *scan, flow_error *err)
{
    const flow_comm *comm = scan->data->base.comm;
    ranks_scan s = {.all = {.scan = scan,
                            .comm = comm,
                            .rank = flow_comm_rank(comm),
                            .size = flow_comm_size(comm),
                            .d = scan->data->base.n_columns},
                    .n_remarks = scan->data->reader->remarks.n};
    const flow_status status = ranks_rounds(&s, err);
    flow_shared_reader_free(&s.source);
    flow_scan_exchange_free(&s.all);
    return status;
}
