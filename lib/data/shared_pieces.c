/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shared_pieces.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* ---- memory ---- */

flow_status flow_shared_pieces_make(flow_shared_pieces *out, const flow_shared_places *places, const flow_comm *comm,
                                    int64_t block_rows, flow_error *err)
{
    const size_t size = (size_t)flow_comm_size(comm), block = (size_t)block_rows;
    const size_t d = (size_t)places->reader->columns.n, room = flow_comm_rank(comm) == 0 ? 2 * block : block;
    *out = (flow_shared_pieces){.places = places, .comm = comm, .block_rows = block_rows};
    out->pieces = calloc(size, sizeof *out->pieces);
    out->ends = calloc(size, sizeof *out->ends);
    out->sent = calloc(size, 2 * sizeof *out->sent);
    out->rows = calloc(room, d * sizeof *out->rows);
    out->numbers = calloc(room, sizeof *out->numbers);
    out->dropped.numbers = calloc(block, sizeof *out->dropped.numbers);
    out->dropped.values = calloc(block, d * sizeof *out->dropped.values);
    if (out->pieces == NULL || out->ends == NULL || out->sent == NULL || out->rows == NULL || out->numbers == NULL ||
        out->dropped.numbers == NULL || out->dropped.values == NULL)
        return flow_error_memory(err, "sharing rows");
    out->got = out->sent + size;
    return FLOW_OK;
}

void flow_shared_pieces_free(flow_shared_pieces *p)
{
    free(p->pieces);
    free(p->ends);
    free(p->sent);
    free(p->rows);
    free(p->numbers);
    free(p->dropped.numbers);
    free(p->dropped.values);
    free(p->all_dropped.numbers);
    free(p->all_dropped.values);
    *p = (flow_shared_pieces){0};
}

/* ---- the piece of this rank ---- */

/* Reads the rows from `first` up to `end`. */
static flow_status pieces_read_rows(flow_shared_pieces *p, flow_shared_piece *mine, int64_t first, int64_t end,
                                    flow_error *err)
{
    flow_reader *reader = p->places->reader;
    size_t n;
    FLOW_TRY(flow_shared_places_seek(p->places, first, err));
    do { /* what was dropped behind the last valid row is known only when no more rows come */
        const size_t d = (size_t)reader->columns.n;
        const int64_t left = end - flow_reader_tell(reader).row;
        FLOW_TRY(flow_reader_read(reader, p->rows + (size_t)mine->n * d, p->numbers + mine->n, (size_t)left, &n, err));
        mine->n += (int64_t)n;
    } while (n > 0 && flow_reader_tell(reader).row < end);
    return flow_reader_tell(reader).row == end
               ? FLOW_OK
               : flow_error_set(err, FLOW_DATA,
                                "%s: has changed while it was read, at row %lld; start again, and do not change the "
                                "file meanwhile",
                                reader->name, (long long)flow_reader_tell(reader).row + 1);
}

static flow_status pieces_read(flow_shared_pieces *p, flow_shared_piece *mine, flow_error *err)
{
    flow_reader *reader = p->places->reader;
    const int rank = flow_comm_rank(p->comm);
    const int64_t first = p->next + rank * p->block_rows, left = p->places->n_rows - first;
    const int64_t end = first + (left < p->block_rows ? left : p->block_rows);
    flow_status status = FLOW_OK;
    mine->n = rank == 0 ? p->n_rest : 0;
    p->dropped.n = p->dropped.n_valued = 0;
    if (left > 0) {
        reader->end = end;
        reader->dropped = &p->dropped;
        status = pieces_read_rows(p, mine, first, end, err);
        reader->end = 0;
        reader->dropped = NULL;
    }
    mine->n_dropped = (int64_t)p->dropped.n;
    mine->n_valued = (int64_t)p->dropped.n_valued;
    return status;
}

/* ---- dropped rows ---- */

static flow_status pieces_count_dropped(flow_shared_pieces *p, flow_error *err)
{
    const int rank = flow_comm_rank(p->comm), size = flow_comm_size(p->comm);
    const size_t d = (size_t)p->places->reader->columns.n;
    flow_dropped_rows *all = &p->all_dropped;
    flow_status status = FLOW_OK;
    all->n = all->n_valued = 0;
    for (int r = 0; r < size; r++) {
        all->n += (size_t)p->pieces[r].n_dropped;
        all->n_valued += (size_t)p->pieces[r].n_valued;
        p->sent[r] = (size_t)p->pieces[r].n_dropped * sizeof *all->numbers;
        p->got[r] = (size_t)p->pieces[r].n_valued * d * sizeof *all->values;
    }
    if (all->n == 0)
        return FLOW_OK;
    if (rank == 0 && (!flow_grow(&all->numbers, &p->numbers_room, all->n, sizeof *all->numbers) ||
                      !flow_grow(&all->values, &p->values_room, all->n_valued * d, sizeof *all->values)))
        status = flow_error_memory(err, "the rows that are dropped");
    FLOW_TRY(flow_comm_agree(p->comm, status, err));
    flow_comm_gather(p->comm, 0, p->dropped.numbers, all->numbers, p->sent);
    flow_comm_gather(p->comm, 0, p->dropped.values, all->values, p->got);
    double *values = all->values;
    for (size_t i = 0; i < all->n && rank == 0; i++) {
        const int64_t number = all->numbers[i];
        flow_reader_drop(p->places->reader, number >= 0 ? number : -1 - number, number >= 0 ? values : NULL);
        values += number >= 0 ? d : 0;
    }
    return FLOW_OK;
}

/* ---- blocks ---- */

/* Of the valid rows of a round. */
typedef struct pieces_cut {
    int64_t n_whole; /* blocks */
    int64_t end;     /* valid rows in blocks; behind whole ones a last, short one where the table ends */
} pieces_cut;

static int64_t pieces_before(const flow_shared_pieces *p, int rank)
{
    int64_t n = 0;
    for (int r = 0; r < rank; r++)
        n += p->pieces[r].n;
    return n;
}

/* How many valid rows of the piece of rank r are in block k. */
static size_t pieces_common(const flow_shared_pieces *p, const pieces_cut *cut, int r, int k)
{
    const int64_t begin = pieces_before(p, r), end = begin + p->pieces[r].n;
    const int64_t first = k * p->block_rows, behind = first + p->block_rows;
    int64_t last = behind < cut->end ? behind : cut->end;
    last = end < last ? end : last;
    const int64_t n = last - (begin > first ? begin : first);
    return n > 0 ? (size_t)n : 0;
}

/* All ranks are sent what they lack of their blocks: rows of `bytes` each. */
static void pieces_send(flow_shared_pieces *p, const pieces_cut *cut, const void *mine, void *block, size_t bytes)
{
    const int rank = flow_comm_rank(p->comm);
    for (int r = 0; r < flow_comm_size(p->comm); r++) {
        p->sent[r] = pieces_common(p, cut, rank, r) * bytes;
        p->got[r] = pieces_common(p, cut, r, rank) * bytes;
    }
    flow_comm_exchange(p->comm, mine, p->sent, block, p->got);
}

/* Rank 0 has the rows behind the last block in front of its next piece. */
static void pieces_keep_rest(flow_shared_pieces *p, const pieces_cut *cut, void *mine, size_t bytes)
{
    const int rank = flow_comm_rank(p->comm);
    char *rest = mine;
    for (int r = 0; r < flow_comm_size(p->comm); r++) {
        const int64_t begin = pieces_before(p, r), end = begin + p->pieces[r].n;
        const int64_t first = begin > cut->end ? begin : cut->end;
        const size_t n = end > first ? (size_t)(end - first) : 0;
        p->sent[r] = n * bytes;
        if (r == rank)
            rest += (size_t)(p->pieces[r].n - (int64_t)n) * bytes;
    }
    if (rank == 0) {
        memmove(mine, rest, p->sent[0]);
        rest = mine;
    }
    flow_comm_gather(p->comm, 0, rest, mine, p->sent);
}

/* Makes known which rows end whole blocks. Returns the row behind the block before that of this rank. */
static int64_t pieces_find_start(flow_shared_pieces *p, const pieces_cut *cut)
{
    const int rank = flow_comm_rank(p->comm), size = flow_comm_size(p->comm);
    const int64_t before = pieces_before(p, rank), last = p->block_rows - 1 - before % p->block_rows;
    const bool ends = last < p->pieces[rank].n && before + last < cut->n_whole * p->block_rows;
    int64_t mine = ends ? p->numbers[last] : -1, start = p->at, k = 0;
    for (int r = 0; r < size; r++)
        p->sent[r] = sizeof mine;
    flow_comm_gather_all(p->comm, &mine, p->ends, p->sent);
    for (int r = 0; r < size; r++) {
        if (p->ends[r] < 0)
            continue;
        p->at = p->ends[r] + 1;
        if (++k == rank)
            start = p->at;
    }
    return start;
}

static flow_status pieces_make_block(flow_shared_pieces *p, flow_shared_block *out, double *rows, int64_t *numbers,
                                     flow_error *err)
{
    const int rank = flow_comm_rank(p->comm), size = flow_comm_size(p->comm);
    const size_t row_bytes = (size_t)p->places->reader->columns.n * sizeof *rows;
    const int64_t total = pieces_before(p, size), n_whole = total / p->block_rows;
    p->next += size * p->block_rows;
    const bool ended = p->next >= p->places->n_rows;
    const pieces_cut cut = {n_whole, ended && n_whole < size ? total : n_whole * p->block_rows};
    for (int r = 0; r < size; r++)
        out->n += pieces_common(p, &cut, r, rank);
    pieces_send(p, &cut, p->rows, rows, row_bytes);
    pieces_send(p, &cut, p->numbers, numbers, sizeof *numbers);
    const int64_t start = pieces_find_start(p, &cut);
    pieces_keep_rest(p, &cut, p->rows, row_bytes);
    pieces_keep_rest(p, &cut, p->numbers, sizeof *numbers);
    p->n_rest = total - cut.end;
    p->at_end = ended && p->n_rest == 0;
    if (out->n == 0)
        return FLOW_OK;
    FLOW_TRY(flow_shared_places_seek(p->places, start, err));
    out->at = flow_reader_tell(p->places->reader);
    return FLOW_OK;
}

flow_status flow_shared_pieces_next(flow_shared_pieces *p, flow_shared_block *out, double *rows, int64_t *numbers,
                                    bool *refused, flow_error *err)
{
    const int size = flow_comm_size(p->comm);
    flow_shared_piece mine;
    memset(&mine, 0, sizeof mine);
    *out = (flow_shared_block){0};
    mine.status = pieces_read(p, &mine, err);
    for (int r = 0; r < size; r++)
        p->sent[r] = sizeof mine;
    flow_comm_gather_all(p->comm, &mine, p->pieces, p->sent);
    int first = 0;
    while (first < size && p->pieces[first].status == FLOW_OK)
        first++;
    *refused = first < size && p->pieces[first].status == FLOW_DATA;
    if (first < size)
        return *refused ? FLOW_OK : mine.status;
    FLOW_TRY(pieces_count_dropped(p, err));
    return pieces_make_block(p, out, rows, numbers, err);
}
