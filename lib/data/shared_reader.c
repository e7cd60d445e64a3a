/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shared_reader.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum {
    DEALT_BYTES = 1 << 26, /* that rank 0 holds to deal them: 64 MB, or else one block */
    MOST_DEALT = 256       /* blocks */
};

/* ---- the beginning ---- */

/* What ranks have to have in common, in order that they read the same blocks. */
typedef struct shared_facts {
    int64_t n_columns, n_rows, text_bytes, block_rows;
    flow_position start;
} shared_facts;

static flow_status shared_compare(const flow_shared_reader *s, const flow_position *start, flow_error *err)
{
    const flow_reader *reader = s->reader;
    shared_facts mine, first;
    memset(&mine, 0, sizeof mine);
    mine = (shared_facts){reader->columns.n, reader->n_rows, reader->text_bytes, s->block_rows, *start};
    first = mine;
    flow_comm_broadcast(s->comm, 0, &first, sizeof first);
    const bool same = mine.n_columns == first.n_columns && mine.n_rows == first.n_rows &&
                      mine.text_bytes == first.text_bytes && mine.block_rows == first.block_rows &&
                      mine.start.offset == first.start.offset && mine.start.line == first.start.line;
    return flow_comm_agree(s->comm,
                           same ? FLOW_OK
                                : flow_error_set(err, FLOW_DATA,
                                                 "%s: is not the file that rank 0 has under this name; all processes "
                                                 "have to see the same one",
                                                 reader->name),
                           err);
}

flow_status flow_shared_reader_start(flow_shared_reader *out, flow_reader *reader, const flow_comm *comm,
                                     int64_t block_rows, flow_error *err)
{
    const flow_position start = flow_reader_tell(reader);
    *out = (flow_shared_reader){.reader = reader, .comm = comm, .block_rows = block_rows, .n_rows = reader->n_rows};
    out->bytes = calloc((size_t)flow_comm_size(comm), sizeof *out->bytes);
    FLOW_TRY(flow_comm_agree(comm, out->bytes != NULL ? FLOW_OK : flow_error_memory(err, "sharing rows"), err));
    FLOW_TRY(shared_compare(out, &start, err));
    FLOW_TRY(flow_shared_places_find(&out->places, reader, &start, comm, err));
    out->is_dealt = out->places.n_rows < 0;
    if (out->is_dealt)
        return FLOW_OK;
    out->n_rows = out->places.n_rows;
    flow_reader_limit(reader, block_rows);
    if (!reader->skip_invalid)
        return FLOW_OK;
    const flow_status status = flow_shared_pieces_make(&out->pieces, &out->places, comm, block_rows, err);
    return flow_comm_agree(comm, status, err);
}

void flow_shared_reader_free(flow_shared_reader *s)
{
    flow_shared_pieces_free(&s->pieces);
    flow_shared_places_free(&s->places);
    free(s->rows);
    free(s->numbers);
    free(s->bytes);
    *s = (flow_shared_reader){0};
}

/* ---- a block that is read where it is ---- */

static flow_status shared_read(flow_shared_reader *s, flow_shared_block *out, double *rows, int64_t *numbers,
                               flow_error *err)
{
    const int64_t first = (s->next + flow_comm_rank(s->comm)) * s->block_rows, left = s->n_rows - first;
    const int64_t expected = left < s->block_rows ? left : s->block_rows;
    s->next += flow_comm_size(s->comm);
    s->at_end = s->next * s->block_rows >= s->n_rows;
    if (expected <= 0)
        return FLOW_OK;
    FLOW_TRY(flow_shared_places_seek(&s->places, first, err));
    out->at = flow_reader_tell(s->reader);
    FLOW_TRY(flow_reader_read(s->reader, rows, numbers, (size_t)expected, &out->n, err));
    return (int64_t)out->n == expected && flow_reader_tell(s->reader).row == first + expected
               ? FLOW_OK
               : flow_error_set(err, FLOW_DATA,
                                "%s: has changed while it was read, at row %lld; start again, and do not change the "
                                "file meanwhile",
                                s->reader->name, (long long)first + (long long)out->n + 1);
}

/* ---- blocks that rank 0 deals ---- */

/* What rank 0 says of a round. */
typedef struct shared_deal {
    int n; /* blocks that were read */
    bool at_end;
    int64_t n_rows;
    flow_status status; /* of the block behind them */
    flow_error error;
    struct {
        flow_position at;
        size_t n;
    } blocks[MOST_DEALT];
} shared_deal;

static int shared_most_dealt(const flow_shared_reader *s)
{
    const int size = flow_comm_size(s->comm);
    const double fit = (double)DEALT_BYTES / ((double)s->block_rows * s->reader->columns.n * sizeof(double));
    int most = size < MOST_DEALT ? size : MOST_DEALT;
    most = fit < most ? (int)fit : most;
    return most > 1 ? most : 1;
}

static flow_status shared_read_round(flow_shared_reader *s, shared_deal *deal, flow_error *err)
{
    const size_t n = (size_t)s->block_rows, d = (size_t)s->reader->columns.n, most = (size_t)shared_most_dealt(s);
    size_t before = 0;
    if (s->rows == NULL)
        s->rows = calloc(most * n, d * sizeof *s->rows);
    if (s->numbers == NULL)
        s->numbers = calloc(most * n, sizeof *s->numbers);
    if (s->rows == NULL || s->numbers == NULL)
        return flow_error_memory(err, "the rows that are sent to others");
    while (deal->n < (int)most && !deal->at_end) {
        size_t n_read;
        deal->blocks[deal->n].at = flow_reader_tell(s->reader);
        FLOW_TRY(flow_reader_read(s->reader, s->rows + before * d, s->numbers + before, n, &n_read, err));
        deal->at_end = n_read == 0;
        deal->blocks[deal->n].n = n_read;
        deal->n += n_read > 0;
        before += n_read;
    }
    deal->n_rows = flow_reader_tell(s->reader).row;
    return FLOW_OK;
}

static void shared_scatter(flow_shared_reader *s, const shared_deal *deal, const void *all, void *mine, size_t size)
{
    for (int r = 0; r < flow_comm_size(s->comm); r++)
        s->bytes[r] = r < deal->n ? deal->blocks[r].n * size : 0;
    flow_comm_scatter(s->comm, 0, all, mine, s->bytes);
}

static flow_status shared_take(flow_shared_reader *s, flow_shared_block *out, double *rows, int64_t *numbers,
                               flow_error *err)
{
    const int rank = flow_comm_rank(s->comm);
    shared_deal deal;
    memset(&deal, 0, sizeof deal);
    if (rank == 0)
        deal.status = shared_read_round(s, &deal, &deal.error);
    flow_comm_broadcast(s->comm, 0, &deal, sizeof deal);
    s->at_end = deal.at_end || deal.status != FLOW_OK;
    s->n_rows = deal.n_rows;
    shared_scatter(s, &deal, s->rows, rows, (size_t)s->reader->columns.n * sizeof *rows);
    shared_scatter(s, &deal, s->numbers, numbers, sizeof *numbers);
    if (rank < deal.n) {
        out->at = deal.blocks[rank].at;
        out->n = deal.blocks[rank].n;
    }
    if (rank == deal.n && deal.status != FLOW_OK)
        return flow_error_set(err, deal.status, "%s", deal.error.message);
    return FLOW_OK;
}

/* Rank 0 deals the rows from `row` on. */
static flow_status shared_deal_from(flow_shared_reader *s, int64_t row, flow_error *err)
{
    s->is_dealt = true;
    const bool root = flow_comm_rank(s->comm) == 0;
    return flow_comm_agree(s->comm, root ? flow_shared_places_seek(&s->places, row, err) : FLOW_OK, err);
}

flow_status flow_shared_reader_next(flow_shared_reader *s, flow_shared_block *out, double *rows, int64_t *numbers,
                                    flow_error *err)
{
    bool refused = false;
    *out = (flow_shared_block){0};
    if (!s->is_dealt && !s->reader->skip_invalid)
        return shared_read(s, out, rows, numbers, err);
    if (!s->is_dealt) {
        const flow_status status = flow_shared_pieces_next(&s->pieces, out, rows, numbers, &refused, err);
        s->at_end = s->pieces.at_end;
        if (!refused)
            return status;
        FLOW_TRY(shared_deal_from(s, s->pieces.at, err));
    }
    return shared_take(s, out, rows, numbers, err);
}
