/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/row_parts.h"

#include <stdlib.h>

#include "data/shared_part.h"

struct flow_row_parts {
    flow_shared_places places;
    flow_shared_part part;
    const flow_comm *comm;
};

bool flow_row_parts_fit(const flow_reader *reader)
{
    return (reader->finds_rows || reader->text_bytes > 0) && !reader->may_round;
}

flow_status flow_row_parts_find(flow_row_parts **out, flow_reader *reader, const flow_comm *comm, flow_error *err)
{
    const flow_position start = flow_reader_tell(reader);
    flow_row_parts *parts = calloc(1, sizeof *parts);
    *out = NULL;
    flow_status status = parts != NULL ? FLOW_OK : flow_error_memory(err, "sharing rows");
    status = flow_comm_agree(comm, status, err);
    if (status == FLOW_OK && parts != NULL) {
        status = flow_shared_places_find(&parts->places, reader, &start, comm, err);
        parts->comm = comm;
        if (status == FLOW_OK && parts->places.n_rows >= 0) {
            *out = parts;
            return FLOW_OK;
        }
    }
    flow_row_parts_free(parts);
    return status;
}

void flow_row_parts_free(flow_row_parts *parts)
{
    if (parts == NULL)
        return;
    flow_shared_part_free(&parts->part);
    flow_shared_places_free(&parts->places);
    free(parts);
}

int64_t flow_row_parts_rows(const flow_row_parts *parts)
{
    return parts->places.n_rows;
}

flow_status flow_row_parts_limit(flow_row_parts *parts, int64_t most_rows, flow_error *err)
{
    flow_reader_limit(parts->places.reader, most_rows);
    return flow_shared_part_make(&parts->part, &parts->places, parts->comm, most_rows, err);
}

flow_status flow_row_parts_begin(flow_row_parts *parts, int64_t first, int64_t end, flow_error *err)
{
    return flow_shared_part_begin(&parts->part, first, end, err);
}

bool flow_row_parts_go_on(const flow_row_parts *parts)
{
    return flow_shared_part_goes_on(&parts->part);
}

flow_status flow_row_parts_end(flow_row_parts *parts, flow_status status, flow_error *err)
{
    return flow_shared_part_end(&parts->part, status, err);
}

flow_status flow_row_parts_tell(flow_row_parts *parts, int64_t n, bool good, int64_t *counts, flow_error *err)
{
    flow_shared_part *part = &parts->part;
    flow_shared_part_tell(part, n, good ? FLOW_OK : FLOW_DATA);
    bool all_good = true;
    for (int r = 0; r < flow_comm_size(parts->comm); r++) {
        counts[r] = part->counts[r].n;
        all_good = all_good && part->counts[r].status == FLOW_OK;
    }
    if (!all_good)
        return FLOW_OK;
    FLOW_TRY(flow_shared_part_count_dropped(part, err));
    return flow_comm_agree(parts->comm, flow_shared_part_take_remarks(part, err), err);
}

flow_status flow_row_parts_finish(flow_row_parts *parts, flow_error *err)
{
    return flow_shared_places_seek(&parts->places, parts->places.n_rows, err);
}
