/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/shared_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* ---- memory ---- */

flow_status flow_shared_part_make(flow_shared_part *out, const flow_shared_places *places, const flow_comm *comm,
                                  int64_t most_rows, flow_error *err)
{
    const size_t size = (size_t)flow_comm_size(comm), d = (size_t)places->reader->columns.n;
    const size_t room = places->reader->skip_invalid ? (size_t)most_rows : 0;
    *out = (flow_shared_part){.places = places, .comm = comm, .n_remarks = places->reader->remarks.n};
    out->counts = calloc(size, sizeof *out->counts);
    out->sent = calloc(size, 2 * sizeof *out->sent);
    out->dropped.numbers = calloc(room + 1, sizeof *out->dropped.numbers);
    out->dropped.values = calloc(room + 1, d * sizeof *out->dropped.values);
    if (out->counts == NULL || out->sent == NULL || out->dropped.numbers == NULL || out->dropped.values == NULL)
        return flow_error_memory(err, "sharing rows");
    out->got = out->sent + size;
    return FLOW_OK;
}

void flow_shared_part_free(flow_shared_part *part)
{
    free(part->counts);
    free(part->sent);
    free(part->dropped.numbers);
    free(part->dropped.values);
    free(part->all_dropped.numbers);
    free(part->all_dropped.values);
    *part = (flow_shared_part){0};
}

/* ---- the part of this rank ---- */

flow_status flow_shared_part_begin(flow_shared_part *part, int64_t first, int64_t end, flow_error *err)
{
    flow_reader *reader = part->places->reader;
    part->dropped.n = part->dropped.n_valued = 0;
    reader->end = end;
    reader->dropped = &part->dropped;
    return flow_shared_places_seek(part->places, first, err);
}

bool flow_shared_part_goes_on(const flow_shared_part *part)
{
    const flow_reader *reader = part->places->reader;
    return flow_reader_tell(reader).row < reader->end;
}

flow_status flow_shared_part_end(flow_shared_part *part, flow_status status, flow_error *err)
{
    flow_reader *reader = part->places->reader;
    const int64_t end = reader->end, row = flow_reader_tell(reader).row;
    reader->end = 0;
    reader->dropped = NULL;
    if (status != FLOW_OK || row == end)
        return status;
    return flow_error_set(err, FLOW_DATA,
                          "%s: has changed while it was read, at row %lld; start again, and do not change the file "
                          "meanwhile",
                          reader->name, (long long)row + 1);
}

/* ---- the parts of all ranks ---- */

void flow_shared_part_tell(flow_shared_part *part, int64_t n, flow_status status)
{
    flow_shared_count mine;
    memset(&mine, 0, sizeof mine);
    mine.n = n;
    mine.n_dropped = (int64_t)part->dropped.n;
    mine.n_valued = (int64_t)part->dropped.n_valued;
    mine.n_remarks = part->places->reader->remarks.n - part->n_remarks;
    mine.status = status;
    for (int r = 0; r < flow_comm_size(part->comm); r++)
        part->sent[r] = sizeof mine;
    flow_comm_gather_all(part->comm, &mine, part->counts, part->sent);
}

flow_status flow_shared_part_count_dropped(flow_shared_part *part, flow_error *err)
{
    const int rank = flow_comm_rank(part->comm), size = flow_comm_size(part->comm);
    flow_reader *reader = part->places->reader;
    const size_t d = (size_t)reader->columns.n;
    flow_dropped_rows *all = &part->all_dropped;
    flow_status status = FLOW_OK;
    all->n = all->n_valued = 0;
    for (int r = 0; r < size; r++) {
        all->n += (size_t)part->counts[r].n_dropped;
        all->n_valued += (size_t)part->counts[r].n_valued;
        part->sent[r] = (size_t)part->counts[r].n_dropped * sizeof *all->numbers;
        part->got[r] = (size_t)part->counts[r].n_valued * d * sizeof *all->values;
    }
    if (all->n == 0)
        return FLOW_OK;
    if (rank == 0 && (!flow_grow(&all->numbers, &part->numbers_room, all->n, sizeof *all->numbers) ||
                      !flow_grow(&all->values, &part->values_room, all->n_valued * d, sizeof *all->values)))
        status = flow_error_memory(err, "the rows that are dropped");
    FLOW_TRY(flow_comm_agree(part->comm, status, err));
    flow_comm_gather(part->comm, 0, part->dropped.numbers, all->numbers, part->sent);
    flow_comm_gather(part->comm, 0, part->dropped.values, all->values, part->got);
    double *values = all->values;
    for (size_t i = 0; i < all->n && rank == 0; i++) {
        const int64_t number = all->numbers[i];
        flow_reader_drop(reader, number >= 0 ? number : -1 - number, number >= 0 ? values : NULL);
        values += number >= 0 ? d : 0;
    }
    part->dropped.n = part->dropped.n_valued = 0;
    return FLOW_OK;
}

flow_status flow_shared_take_remarks(flow_reader *reader, const flow_comm *comm, int from, int n, int *n_known,
                                     flow_error *err)
{
    const int rank = flow_comm_rank(comm);
    flow_status status = FLOW_OK;
    for (int i = 0; i < n; i++) {
        char text[FLOW_ERROR_SIZE] = "";
        if (rank == from)
            snprintf(text, sizeof text, "%s", reader->remarks.at[*n_known + i]);
        flow_comm_broadcast(comm, from, text, sizeof text);
        if (rank == 0 && from > 0 && status == FLOW_OK)
            status = flow_reader_remark(reader, err, "%s", text);
    }
    *n_known = reader->remarks.n;
    return status;
}

flow_status flow_shared_part_take_remarks(flow_shared_part *part, flow_error *err)
{
    const int size = flow_comm_size(part->comm);
    int from = 0;
    while (from < size && part->counts[from].n_remarks == 0)
        from++;
    return from == size ? FLOW_OK
                        : flow_shared_take_remarks(part->places->reader, part->comm, from,
                                                   part->counts[from].n_remarks, &part->n_remarks, err);
}
