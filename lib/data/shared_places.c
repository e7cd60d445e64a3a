/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shared_places.h"

#include <assert.h>
#include <stdlib.h>

enum { PART_BYTES = 1 << 20 }; /* of a text, whose lines are counted together */

/* From numbers of lines and rows to those of all parts before. Returns the rows of all, or -1: they are not lines. */
static int64_t places_add_up(flow_shared_places *p, int64_t first_line)
{
    int64_t lines = first_line, rows = 0;
    for (int64_t i = 0; i < p->n_parts; i++) {
        const flow_text_part part = p->parts[i];
        if (!part.plain)
            return -1;
        p->parts[i].lines = lines;
        p->parts[i].rows = rows;
        lines += part.lines;
        rows += part.rows;
    }
    return rows;
}

/* Counts the lines of the text. `bytes` has room for a number of each rank. */
static void places_count(flow_shared_places *p, const flow_position *start, const flow_comm *comm, size_t *bytes)
{
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    const int64_t end = p->reader->text_bytes;
    assert(p->parts != NULL && bytes != NULL);
    const int64_t first = flow_share_first(p->n_parts, rank, size), last = flow_share_first(p->n_parts, rank + 1, size);
    for (int64_t i = first; i < last; i++) {
        const int64_t from = start->offset + i * PART_BYTES, to = from + PART_BYTES;
        if (flow_reader_count(p->reader, from, to < end ? to : end, &p->parts[i], NULL) != FLOW_OK)
            p->parts[i].plain = 0;
        if (!p->parts[i].plain)
            break;
    }
    for (int r = 0; r < size; r++)
        bytes[r] = (size_t)(flow_share_first(p->n_parts, r + 1, size) - flow_share_first(p->n_parts, r, size)) *
                   sizeof *p->parts;
    flow_comm_gather_all(comm, p->parts + first, p->parts, bytes);
    p->n_rows = places_add_up(p, start->line);
}

flow_status flow_shared_places_find(flow_shared_places *out, flow_reader *reader, const flow_position *start,
                                    const flow_comm *comm, flow_error *err)
{
    *out = (flow_shared_places){.reader = reader, .n_rows = reader->finds_rows ? reader->n_rows : -1};
    if (reader->text_bytes == 0)
        return FLOW_OK;
    out->n_parts = (reader->text_bytes - start->offset + PART_BYTES - 1) / PART_BYTES;
    out->parts = calloc((size_t)out->n_parts + 1, sizeof *out->parts);
    size_t *bytes = calloc((size_t)flow_comm_size(comm), sizeof *bytes);
    flow_status status =
        out->parts != NULL && bytes != NULL ? FLOW_OK : flow_error_memory(err, "counting the rows of a text");
    status = flow_comm_agree(comm, status, err);
    if (status == FLOW_OK) {
        places_count(out, start, comm, bytes);
        status = flow_comm_agree(comm, flow_reader_seek(reader, start, err), err);
    }
    free(bytes);
    return status;
}

void flow_shared_places_free(flow_shared_places *places)
{
    free(places->parts);
    *places = (flow_shared_places){0};
}

flow_status flow_shared_places_seek(const flow_shared_places *p, int64_t row, flow_error *err)
{
    flow_position place = {.row = row};
    if (p->parts == NULL)
        return flow_reader_seek(p->reader, &place, err);
    int64_t low = 0, high = p->n_parts; /* the last part that begins with this row or one before is in [low, high) */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (p->parts[middle].rows <= row)
            low = middle;
        else
            high = middle;
    }
    const flow_text_part *part = &p->parts[low];
    place = (flow_position){.row = part->rows, .offset = part->begin, .line = part->lines};
    FLOW_TRY(flow_reader_seek(p->reader, &place, err));
    return flow_reader_pass(p->reader, row - place.row, err);
}
