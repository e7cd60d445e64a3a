/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shared_pieces.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

flow_status flow_shared_pieces_make(flow_shared_pieces *out, const flow_shared_places *places, const flow_comm *comm,
                                    int64_t block_rows, flow_error *err)
{
    const size_t size = (size_t)flow_comm_size(comm), block = (size_t)block_rows;
    const size_t d = (size_t)places->reader->columns.n, room = flow_comm_rank(comm) == 0 ? 2 * block : block;
    *out = (flow_shared_pieces){.comm = comm, .block_rows = block_rows};
    FLOW_TRY(flow_shared_part_make(&out->part, places, comm, block_rows, err));
    out->ends = calloc(size, sizeof *out->ends);
    out->rows = calloc(room, d * sizeof *out->rows);
    out->numbers = calloc(room, sizeof *out->numbers);
    return out->ends != NULL && out->rows != NULL && out->numbers != NULL ? FLOW_OK
                                                                          : flow_error_memory(err, "sharing rows");
}

void flow_shared_pieces_free(flow_shared_pieces *p)
{
    flow_shared_part_free(&p->part);
    free(p->ends);
    free(p->rows);
    free(p->numbers);
    *p = (flow_shared_pieces){0};
}

/* ---- the piece of this rank ---- */

/* Reads the rows from `first` up to `end`, behind *n others. */
static flow_status pieces_read_rows(flow_shared_pieces *p, int64_t first, int64_t end, int64_t *n, flow_error *err)
{
    flow_reader *reader = p->part.places->reader;
    const size_t d = (size_t)reader->columns.n;
    flow_status status = flow_shared_part_begin(&p->part, first, end, err);
    size_t n_read = 1;
    /* what was dropped behind the last valid row is known only when no more rows come */
    while (status == FLOW_OK && n_read > 0 && flow_shared_part_goes_on(&p->part)) {
        const int64_t left = end - flow_reader_tell(reader).row;
        status = flow_reader_read(reader, p->rows + (size_t)*n * d, p->numbers + *n, (size_t)left, &n_read, err);
        *n += (int64_t)n_read;
    }
    return flow_shared_part_end(&p->part, status, err);
}

static flow_status pieces_read(flow_shared_pieces *p, flow_error *err)
{
    const int rank = flow_comm_rank(p->comm);
    const int64_t first = p->next + rank * p->block_rows, left = p->part.places->n_rows - first;
    int64_t n = rank == 0 ? p->n_rest : 0;
    flow_status status = FLOW_OK;
    if (left > 0)
        status = pieces_read_rows(p, first, first + (left < p->block_rows ? left : p->block_rows), &n, err);
    flow_shared_part_tell(&p->part, n, status);
    return status;
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
        n += p->part.counts[r].n;
    return n;
}

/* How many valid rows of the piece of rank r are in block k. */
static size_t pieces_common(const flow_shared_pieces *p, const pieces_cut *cut, int r, int k)
{
    const int64_t begin = pieces_before(p, r), end = begin + p->part.counts[r].n;
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
        p->part.sent[r] = pieces_common(p, cut, rank, r) * bytes;
        p->part.got[r] = pieces_common(p, cut, r, rank) * bytes;
    }
    flow_comm_exchange(p->comm, mine, p->part.sent, block, p->part.got);
}

/* Rank 0 has the rows behind the last block in front of its next piece. */
static void pieces_keep_rest(flow_shared_pieces *p, const pieces_cut *cut, void *mine, size_t bytes)
{
    const int rank = flow_comm_rank(p->comm);
    char *rest = mine;
    for (int r = 0; r < flow_comm_size(p->comm); r++) {
        const int64_t begin = pieces_before(p, r), end = begin + p->part.counts[r].n;
        const int64_t first = begin > cut->end ? begin : cut->end;
        const size_t n = end > first ? (size_t)(end - first) : 0;
        p->part.sent[r] = n * bytes;
        if (r == rank)
            rest += (size_t)(p->part.counts[r].n - (int64_t)n) * bytes;
    }
    if (rank == 0) {
        memmove(mine, rest, p->part.sent[0]);
        rest = mine;
    }
    flow_comm_gather(p->comm, 0, rest, mine, p->part.sent);
}

/* Makes known which rows end whole blocks. Returns the row behind the block before that of this rank. */
static int64_t pieces_find_start(flow_shared_pieces *p, const pieces_cut *cut)
{
    const int rank = flow_comm_rank(p->comm), size = flow_comm_size(p->comm);
    const int64_t before = pieces_before(p, rank), last = p->block_rows - 1 - before % p->block_rows;
    const bool ends = last < p->part.counts[rank].n && before + last < cut->n_whole * p->block_rows;
    int64_t mine = ends ? p->numbers[last] : -1, start = p->at, k = 0;
    for (int r = 0; r < size; r++)
        p->part.sent[r] = sizeof mine;
    flow_comm_gather_all(p->comm, &mine, p->ends, p->part.sent);
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
    const size_t row_bytes = (size_t)p->part.places->reader->columns.n * sizeof *rows;
    const int64_t total = pieces_before(p, size), n_whole = total / p->block_rows;
    p->next += size * p->block_rows;
    const bool ended = p->next >= p->part.places->n_rows;
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
    FLOW_TRY(flow_shared_places_seek(p->part.places, start, err));
    out->at = flow_reader_tell(p->part.places->reader);
    return FLOW_OK;
}

flow_status flow_shared_pieces_next(flow_shared_pieces *p, flow_shared_block *out, double *rows, int64_t *numbers,
                                    bool *refused, flow_error *err)
{
    const int size = flow_comm_size(p->comm);
    *out = (flow_shared_block){0};
    const flow_status status = pieces_read(p, err);
    int first = 0;
    while (first < size && p->part.counts[first].status == FLOW_OK)
        first++;
    *refused = first < size && p->part.counts[first].status == FLOW_DATA;
    if (first < size)
        return *refused ? FLOW_OK : status;
    FLOW_TRY(flow_shared_part_count_dropped(&p->part, err));
    return pieces_make_block(p, out, rows, numbers, err);
}
