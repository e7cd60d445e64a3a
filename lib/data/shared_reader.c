/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shared_reader.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum {
    PART_BYTES = 1 << 20,  /* of a text, whose lines are counted together */
    DEALT_BYTES = 1 << 26, /* that rank 0 holds to deal them: 64 MB, or else one block */
    MOST_DEALT = 256       /* blocks */
};

/* ---- where rows are in a text ---- */

/* From numbers of lines and rows to those of all parts before. Returns the rows of all, or -1: they are not lines. */
static int64_t shared_add_up(flow_shared_reader *s, int64_t first_line)
{
    int64_t lines = first_line, rows = 0;
    for (int64_t i = 0; i < s->n_parts; i++) {
        const flow_text_part part = s->parts[i];
        if (!part.plain)
            return -1;
        s->parts[i].lines = lines;
        s->parts[i].rows = rows;
        lines += part.lines;
        rows += part.rows;
    }
    return rows;
}

/* Counts the lines of the text, whose first row is at `start`; n_rows is -1 where they are not rows. What a rank cannot
 * read will be read by rank 0, which then has the error. */
static flow_status shared_count(flow_shared_reader *s, const flow_position *start, flow_error *err)
{
    const int rank = flow_comm_rank(s->comm), size = flow_comm_size(s->comm);
    const int64_t end = s->reader->text_bytes;
    s->n_parts = (end - start->offset + PART_BYTES - 1) / PART_BYTES;
    s->parts = calloc((size_t)s->n_parts + 1, sizeof *s->parts);
    FLOW_TRY(flow_comm_agree(s->comm, s->parts != NULL ? FLOW_OK : flow_error_memory(err, "counting rows"), err));
    const int64_t first = flow_share_first(s->n_parts, rank, size), last = flow_share_first(s->n_parts, rank + 1, size);
    for (int64_t i = first; i < last; i++) {
        const int64_t from = start->offset + i * PART_BYTES, to = from + PART_BYTES;
        if (flow_reader_count(s->reader, from, to < end ? to : end, &s->parts[i], NULL) != FLOW_OK)
            s->parts[i].plain = 0;
        if (!s->parts[i].plain)
            break;
    }
    for (int r = 0; r < size; r++)
        s->bytes[r] = (size_t)(flow_share_first(s->n_parts, r + 1, size) - flow_share_first(s->n_parts, r, size)) *
                      sizeof *s->parts;
    flow_comm_gather_all(s->comm, s->parts + first, s->parts, s->bytes);
    s->n_rows = shared_add_up(s, start->line);
    return flow_comm_agree(s->comm, flow_reader_seek(s->reader, start, err), err);
}

/* Goes to a row. */
static flow_status shared_seek(flow_shared_reader *s, int64_t row, flow_error *err)
{
    flow_position place = {.row = row};
    if (s->parts == NULL)
        return flow_reader_seek(s->reader, &place, err);
    int64_t low = 0, high = s->n_parts; /* the last part that begins with this row or one before is in [low, high) */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (s->parts[middle].rows <= row)
            low = middle;
        else
            high = middle;
    }
    const flow_text_part *part = &s->parts[low];
    place = (flow_position){.row = part->rows, .offset = part->begin, .line = part->lines};
    FLOW_TRY(flow_reader_seek(s->reader, &place, err));
    return flow_reader_pass(s->reader, row - place.row, err);
}

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
    if (reader->text_bytes > 0)
        FLOW_TRY(shared_count(out, &start, err));
    out->is_dealt = !(reader->finds_rows || reader->text_bytes > 0) || out->n_rows < 0;
    if (!out->is_dealt)
        flow_reader_limit(reader, block_rows);
    return FLOW_OK;
}

void flow_shared_reader_free(flow_shared_reader *s)
{
    free(s->parts);
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
    FLOW_TRY(shared_seek(s, first, err));
    out->at = flow_reader_tell(s->reader);
    FLOW_TRY(flow_reader_read(s->reader, rows, numbers, (size_t)expected, &out->n, err));
    const bool whole = (int64_t)out->n == expected && flow_reader_tell(s->reader).row == first + expected;
    out->has_drops = !whole && s->reader->skip_invalid;
    return whole || out->has_drops
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

flow_status flow_shared_reader_deal(flow_shared_reader *s, const flow_position *at, flow_error *err)
{
    s->is_dealt = true;
    s->at_end = false;
    return flow_comm_rank(s->comm) == 0 ? flow_reader_seek(s->reader, at, err) : FLOW_OK;
}

flow_status flow_shared_reader_next(flow_shared_reader *s, flow_shared_block *out, double *rows, int64_t *numbers,
                                    flow_error *err)
{
    *out = (flow_shared_block){0};
    return s->is_dealt ? shared_take(s, out, rows, numbers, err) : shared_read(s, out, rows, numbers, err);
}
