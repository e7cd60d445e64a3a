/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_sample.h"

#include <string.h>

static bool sample_closes_quotes(const char *text, size_t length)
{
    bool closed = true;
    for (const char *quote = text; (quote = memchr(quote, '"', (size_t)(text + length - quote))) != NULL; quote++)
        closed = !closed;
    return closed;
}

/* The lines of the record that begins with `line`; false when its quotes are not closed. */
static flow_status sample_extend(flow_csv_stream *s, size_t from, flow_csv_record *line, size_t limit, bool *whole,
                                 flow_error *err)
{
    bool closed = sample_closes_quotes(line->text, line->length);
    *whole = closed;
    while (!closed && from + line->size < limit) {
        flow_csv_record next;
        FLOW_TRY(flow_csv_stream_peek(s, from + line->size, limit, &next, err));
        if (next.size == 0)
            return FLOW_OK;
        *whole = closed = !sample_closes_quotes(next.text, next.length);
        line->length = line->size + next.length;
        line->size += next.size;
    }
    return FLOW_OK;
}

flow_status flow_csv_sample_take(flow_csv_sample *out, flow_csv_stream *stream, flow_error *err)
{
    *out = (flow_csv_sample){.stream = stream};
    for (size_t from = 0; out->n < FLOW_CSV_SAMPLED && (out->n == 0 || from < FLOW_CSV_SAMPLE_BYTES);) {
        flow_csv_record line;
        bool whole = true;
        const size_t most = out->n == 0 ? SIZE_MAX : FLOW_CSV_SAMPLE_BYTES;
        FLOW_TRY(flow_csv_stream_peek(stream, from, most, &line, err));
        if (line.size == 0)
            break;
        if (flow_csv_stream_passes(&line)) {
            from += line.size;
            continue;
        }
        FLOW_TRY(sample_extend(stream, from, &line, most, &whole, err));
        if (!whole)
            break;
        out->from[out->n] = from;
        out->length[out->n++] = line.length;
        from += line.size;
    }
    return FLOW_OK;
}

const char *flow_csv_sample_text(const flow_csv_sample *sample, size_t i)
{
    return sample->stream->buffer + sample->stream->begin + sample->from[i];
}

flow_status flow_csv_sample_split(flow_csv_sample *sample, size_t i, char delimiter, bool *good, flow_error *err)
{
    const char *text = flow_csv_sample_text(sample, i), *end = text + sample->length[i];
    bool more = true;
    *good = true;
    flow_csv_fields_begin(&sample->fields, delimiter);
    while (more && *good) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop != NULL ? stop : end;
        const size_t length = (size_t)(stop - text), returned = length > 0 && stop[-1] == '\r';
        FLOW_TRY(flow_csv_fields_line(&sample->fields, text, length - returned, &more, good, err));
        if (stop == end)
            break;
        text = stop + 1;
    }
    *good = *good && !more;
    return FLOW_OK;
}
