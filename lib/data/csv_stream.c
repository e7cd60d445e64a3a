/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/reader.h"

enum { FIRST_CAPACITY = 1 << 18 };

/* Reads on behind the buffer's end, after making room for it. What is at the front stays. */
static flow_status fill(flow_csv_stream *s, flow_error *err)
{
    if (s->begin > 0) {
        memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
        s->offset += (int64_t)s->begin;
        s->end -= s->begin;
        s->begin = 0;
    }
    if (s->end == s->capacity) {
        if (s->capacity >= FLOW_CSV_RECORD_MAX)
            return flow_error_set(err, FLOW_DATA, "%s: line %lld begins a record of more than %d MB; is a quote not "
                                  "closed there, or is this no CSV file with line ends?", s->name, (long long)s->line,
                                  FLOW_CSV_RECORD_MAX >> 20);
        size_t capacity = s->capacity == 0 ? FIRST_CAPACITY : 2 * s->capacity;
        char *grown = realloc(s->buffer, capacity + 1);
        if (grown == NULL)
            return flow_error_memory(err, "reading CSV");
        s->buffer = grown;
        s->capacity = capacity;
    }
    ssize_t n = read(s->descriptor, s->buffer + s->end, s->capacity - s->end);
    if (n < 0 && errno == EINTR)
        return flow_error_set(err, FLOW_INTERRUPTED, "%s: interrupted while reading", s->name);
    if (n < 0)
        return flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", s->name, strerror(errno));
    s->at_end = n == 0;
    s->end += (size_t)n;
    s->buffer[s->end] = '\n';
    return FLOW_OK;
}

/* The next line end at or after `from` bytes behind the front, or where the file ends. */
static flow_status find_line_end(flow_csv_stream *s, size_t from, size_t *stop, flow_error *err)
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
        flow_status status = fill(s, err);
        if (status != FLOW_OK)
            return status;
    }
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* The line that begins `from` bytes behind the front. */
static flow_status line_at(flow_csv_stream *s, size_t from, flow_csv_record *out, flow_error *err)
{
    size_t stop;
    flow_status status = find_line_end(s, from, &stop, err);
    if (status != FLOW_OK)
        return status;
    bool has_end = s->begin + stop < s->end;
    *out = (flow_csv_record){s->buffer + s->begin + from, stop - from, stop - from + has_end, 1, NULL};
    if (out->length > 0 && out->text[out->length - 1] == '\r')
        out->length--;
    return FLOW_OK;
}

flow_status flow_csv_stream_line(flow_csv_stream *s, flow_csv_record *out, bool *found, flow_error *err)
{
    for (;;) {
        flow_status status = line_at(s, 0, out, err);
        *found = status == FLOW_OK && out->size > 0;
        if (!*found || !is_blank(out->text, out->length))
            return status;
        flow_csv_stream_consume(s, out);
    }
}

flow_status flow_csv_stream_peek(flow_csv_stream *s, const flow_csv_record *record, flow_csv_record *out,
                                 flow_error *err)
{
    return line_at(s, record->size, out, err);
}

void flow_csv_stream_consume(flow_csv_stream *s, const flow_csv_record *record)
{
    s->begin += record->size;
    s->line += record->n_lines;
}

flow_status flow_csv_stream_seek(flow_csv_stream *s, int64_t offset, int64_t line, flow_error *err)
{
    if (lseek(s->descriptor, (off_t)offset, SEEK_SET) < 0)
        return flow_error_set(err, FLOW_IO, "%s: cannot be read again: %s", s->name, strerror(errno));
    s->begin = s->end = 0;
    s->at_end = false;
    s->offset = offset;
    s->line = line;
    return FLOW_OK;
}

/* ------------------------------------------------------------------ records through libcsv */

/* A carriage return ends no line: those before a line feed are taken off, and others are not what they should be. */
static int is_line_feed(unsigned char c)
{
    return c == CSV_LF;
}

static bool start_parser(flow_csv_stream *s)
{
    if (s->has_parser)
        csv_free(&s->parser);
    s->has_parser = csv_init(&s->parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
    if (s->has_parser)
        csv_set_term_func(&s->parser, is_line_feed);
    return s->has_parser;
}

static bool make_room(void **memory, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    void *grown = realloc(*memory, 2 * needed * size);
    if (grown == NULL)
        return false;
    *memory = grown;
    *capacity = 2 * needed;
    return true;
}

static void take_field(void *field, size_t length, void *stream)
{
    flow_csv_stream *s = stream;
    if (s->failed || s->too_many || s->has_ended)
        return;
    void *text = s->text, *starts = s->starts;
    size_t at = s->n_fields == 0 ? 0 : s->starts[s->n_fields];
    s->too_many = s->n_fields > FLOW_COLUMNS_MAX;
    s->failed = !make_room(&text, &s->text_capacity, at + length + 1, 1);
    s->text = text;
    s->failed = !make_room(&starts, &s->starts_capacity, s->n_fields + 2, sizeof *s->starts) || s->failed;
    s->starts = starts;
    if (s->failed)
        return;
    if (length > 0)
        memcpy(s->text + at, field, length);
    s->text[at + length] = '\0';
    s->starts[s->n_fields++] = at;
    s->starts[s->n_fields] = at + length + 1;
}

static void take_end(int terminator, void *stream)
{
    flow_csv_stream *s = stream;
    (void)terminator;
    s->has_ended = true;
}

flow_status flow_csv_stream_split(flow_csv_stream *s, flow_csv_record *record, flow_error *err)
{
    if (s->is_midway && !start_parser(s))
        return flow_error_memory(err, "reading CSV");
    s->is_midway = true;
    s->n_fields = 0;
    s->has_ended = false;
    s->failed = s->too_many = false;
    size_t at = 0; /* bytes of the record given to libcsv */
    flow_csv_record line = *record;
    for (;;) {
        bool has_end = line.size > 0 && line.text[line.size - 1] == '\n';
        bool good = csv_parse(&s->parser, line.text, line.length, take_field, take_end, s) == line.length;
        if (good && has_end)
            good = csv_parse(&s->parser, "\n", 1, take_field, take_end, s) == 1;
        else if (good && csv_fini(&s->parser, take_field, take_end, s) != 0)
            return flow_error_set(err, FLOW_DATA, "%s: the quote that is opened in line %lld is never closed", s->name,
                                  (long long)s->line);
        int code = good ? CSV_SUCCESS : csv_error(&s->parser);
        if (s->failed || code == CSV_ENOMEM || code == CSV_ETOOBIG)
            return flow_error_memory(err, "reading CSV");
        if (code != CSV_SUCCESS)
            record->complaint = "has a quote in the middle of a field";
        at += line.size;
        if (record->complaint != NULL || s->has_ended || !has_end)
            break;
        flow_status status = line_at(s, at, &line, err);
        if (status != FLOW_OK)
            return status;
        if (line.size > 0)
            record->n_lines++;
    }
    s->is_midway = record->complaint != NULL;
    record->text = s->buffer + s->begin;
    record->size = at;
    record->length = at;
    return FLOW_OK;
}

flow_status flow_csv_stream_open(flow_csv_stream *out, int descriptor, const char *name, flow_error *err)
{
    *out = (flow_csv_stream){.name = name, .descriptor = descriptor, .is_owned = descriptor != STDIN_FILENO, .line = 1};
    if (!start_parser(out))
        return flow_error_memory(err, "reading CSV");
    return fill(out, err);
}

void flow_csv_stream_close(flow_csv_stream *s)
{
    if (s->is_owned)
        close(s->descriptor);
    if (s->has_parser)
        csv_free(&s->parser);
    free(s->buffer);
    free(s->text);
    free(s->starts);
    *s = (flow_csv_stream){0};
}
