/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_stream.h"

#include <stdlib.h>
#include <string.h>

#include "data/reader.h"

enum { FIRST_CAPACITY = 1 << 18 };

/* Reads more bytes to the end of the buffer. The bytes at the front stay. */
static flow_status stream_fill(flow_csv_stream *s, flow_error *err)
{
    if (s->begin > 0) {
        memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
        s->offset += (int64_t)s->begin;
        s->end -= s->begin;
        s->begin = 0;
    }
    if (s->end == s->capacity) {
        if (s->capacity >= FLOW_CSV_RECORD_MAX)
            return flow_error_set(err, FLOW_DATA,
                                  "%s: line %lld begins a record of more than %d MB; is a quote not "
                                  "closed there, or are there no line ends in the file?",
                                  s->name, (long long)s->line, FLOW_CSV_RECORD_MAX >> 20);
        size_t capacity = s->capacity == 0 ? FIRST_CAPACITY : 2 * s->capacity;
        char *grown = realloc(s->buffer, capacity + 1);
        if (grown == NULL)
            return flow_error_memory(err, "reading CSV");
        s->buffer = grown;
        s->capacity = capacity;
    }
    size_t n;
    FLOW_TRY(flow_byte_source_read(&s->source, s->buffer + s->end, s->capacity - s->end, &n, err));
    s->at_end = n == 0;
    s->end += n;
    s->buffer[s->end] = '\n';
    return FLOW_OK;
}

/* The first line end at or after offset `from` from the front, or the end of the file. */
static flow_status stream_find_line_end(flow_csv_stream *s, size_t from, size_t *stop, flow_error *err)
{
    for (;;) {
        size_t there = s->end - s->begin;
        const char *front = s->buffer + s->begin;
        const char *found = there > from ? memchr(front + from, '\n', there - from) : NULL;
        if (found != NULL || s->at_end) {
            *stop = found != NULL ? (size_t)(found - front) : there;
            return FLOW_OK;
        }
        from = there;
        FLOW_TRY(stream_fill(s, err));
    }
}

static bool stream_is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* The line that begins at offset `from` from the front. */
static flow_status stream_line_at(flow_csv_stream *s, size_t from, flow_csv_record *out, flow_error *err)
{
    size_t stop;
    FLOW_TRY(stream_find_line_end(s, from, &stop, err));
    bool has_end = s->begin + stop < s->end;
    *out = (flow_csv_record){s->buffer + s->begin + from, stop - from, stop - from + has_end, 1, NULL};
    if (out->length > 0 && out->text[out->length - 1] == '\r')
        out->length--;
    return FLOW_OK;
}

flow_status flow_csv_stream_line(flow_csv_stream *s, flow_csv_record *out, bool *found, flow_error *err)
{
    for (;;) {
        flow_status status = stream_line_at(s, 0, out, err);
        *found = status == FLOW_OK && out->size > 0;
        if (!*found || !stream_is_blank(out->text, out->length))
            return status;
        flow_csv_stream_consume(s, out);
    }
}

flow_status flow_csv_stream_peek(flow_csv_stream *s, const flow_csv_record *record, flow_csv_record *out,
                                 flow_error *err)
{
    return stream_line_at(s, record->size, out, err);
}

void flow_csv_stream_consume(flow_csv_stream *s, const flow_csv_record *record)
{
    s->begin += record->size;
    s->line += record->n_lines;
}

flow_status flow_csv_stream_seek(flow_csv_stream *s, int64_t offset, int64_t line, flow_error *err)
{
    s->line = line;
    if (offset >= s->offset && offset <= s->offset + (int64_t)s->end) {
        s->begin = (size_t)(offset - s->offset);
        return FLOW_OK;
    }
    s->begin = s->end = 0;
    s->at_end = false;
    s->offset = offset;
    return flow_byte_source_seek(&s->source, offset, err);
}

flow_status flow_csv_stream_split(flow_csv_stream *s, flow_csv_record *record, flow_error *err)
{
    size_t size = 0; /* of the lines so far */
    flow_csv_record line = *record;
    bool more, good;
    flow_csv_fields_begin(&s->fields);
    for (;;) {
        FLOW_TRY(flow_csv_fields_line(&s->fields, line.text, line.length, &more, &good, err));
        size += line.size;
        if (!good)
            record->complaint = "has a quote in the middle of a field";
        if (!more || !good)
            break;
        FLOW_TRY(stream_line_at(s, size, &line, err));
        if (line.size == 0)
            return flow_error_set(err, FLOW_DATA, "%s: the quote that is opened in line %lld is never closed", s->name,
                                  (long long)s->line);
        record->n_lines++;
    }
    record->text = s->buffer + s->begin;
    record->size = record->length = size;
    return FLOW_OK;
}

flow_status flow_csv_stream_open(flow_csv_stream *out, int descriptor, const char *name, flow_error *err)
{
    *out = (flow_csv_stream){.name = name, .line = 1};
    FLOW_TRY(flow_byte_source_open(&out->source, descriptor, name, err));
    return stream_fill(out, err);
}

void flow_csv_stream_close(flow_csv_stream *s)
{
    flow_byte_source_close(&s->source);
    free(s->buffer);
    flow_csv_fields_free(&s->fields);
    *s = (flow_csv_stream){0};
}
