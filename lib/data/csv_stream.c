/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_stream.h"

#include <stdlib.h>
#include <string.h>

#include "data/reader.h"

enum { ROOM = 1 << 18 };

static void stream_turn_returns(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\r')
            text[i] = '\n';
}

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
        const size_t capacity = s->buffer == NULL ? s->room : 2 * s->capacity;
        char *grown = realloc(s->buffer, capacity + 1);
        if (grown == NULL)
            return flow_error_memory(err, "reading CSV");
        s->buffer = grown;
        s->capacity = capacity;
    }
    size_t n;
    FLOW_TRY(flow_byte_source_read(&s->source, s->buffer + s->end, s->capacity - s->end, &n, err));
    s->at_end = n == 0;
    if (s->has_returns)
        stream_turn_returns(s->buffer + s->end, n);
    s->end += n;
    s->buffer[s->end] = '\n';
    return FLOW_OK;
}

/* The first line end at or after offset `from` from the front, or the end of the file. *found is false when neither
 * comes before offset `most`. */
static flow_status stream_find_line_end(flow_csv_stream *s, size_t from, size_t most, size_t *stop, bool *found,
                                        flow_error *err)
{
    for (*found = true;;) {
        size_t there = s->end - s->begin;
        const char *front = s->buffer + s->begin;
        const char *end = there > from ? memchr(front + from, '\n', there - from) : NULL;
        if (end != NULL || s->at_end) {
            *stop = end != NULL ? (size_t)(end - front) : there;
            *found = *stop <= most;
            return FLOW_OK;
        }
        from = there;
        *found = from < most;
        if (!*found)
            return FLOW_OK;
        FLOW_TRY(stream_fill(s, err));
    }
}

/* Excel writes words with this mark in place of values. */
static bool stream_is_comment(const char *text, size_t length)
{
    static const char *const words[] = {"#N/A", "#NA", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"};
    if (text[0] == '%')
        return length == 1 || text[1] == ' ' || text[1] == '\t' || text[1] == '%';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (length >= strlen(words[i]) && strncmp(text, words[i], strlen(words[i])) == 0)
            return false;
    return true;
}

/* The first byte of a line that is no blank; *place is the length where there is none. */
static inline char stream_first_byte(const flow_csv_record *line, size_t *place)
{
    size_t i = 0;
    while (i < line->length && (line->text[i] == ' ' || line->text[i] == '\t' || line->text[i] == '\r'))
        i++;
    *place = i;
    return line->text[i];
}

bool flow_csv_stream_passes(const flow_csv_record *line)
{
    size_t i;
    const char first = stream_first_byte(line, &i);
    return i == line->length ||
           ((first == '#' || first == '%') && stream_is_comment(line->text + i, line->length - i));
}

/* Of a line that is passed over, blank or a comment. */
static flow_status stream_note_comment(flow_csv_stream *s, const flow_csv_record *line, flow_error *err)
{
    flow_csv_comments *c = &s->comments;
    size_t begin, end = line->length;
    stream_first_byte(line, &begin);
    if (begin == end || s->line <= c->judged)
        return FLOW_OK;
    c->judged = s->line;
    c->first = c->n++ == 0 ? s->line : c->first;
    if (!c->keep)
        return FLOW_OK;
    while (begin < end && line->text[begin] != '\0' && strchr("#% \t", line->text[begin]) != NULL)
        begin++;
    while (end > begin && (line->text[end - 1] == ' ' || line->text[end - 1] == '\t'))
        end--;
    if (c->texts.n == FLOW_CSV_COMMENTS) {
        free(c->texts.at[0]);
        memmove(c->texts.at, c->texts.at + 1, (size_t)--c->texts.n * sizeof *c->texts.at);
    }
    return flow_name_list_add(&c->texts, line->text + begin, end - begin, err);
}

/* The line that begins at offset `from` from the front; size 0 when there is none, or none that ends before `most`. */
static inline flow_status stream_line_at(flow_csv_stream *s, size_t from, size_t most, flow_csv_record *out,
                                         flow_error *err)
{
    size_t stop;
    bool found;
    *out = (flow_csv_record){.n_lines = 1};
    FLOW_TRY(stream_find_line_end(s, from, most, &stop, &found, err));
    if (!found)
        return FLOW_OK;
    bool has_end = s->begin + stop < s->end;
    *out = (flow_csv_record){s->buffer + s->begin + from, stop - from, stop - from + has_end, 1, NULL};
    if (out->length > 0 && out->text[out->length - 1] == '\r')
        out->length--;
    return FLOW_OK;
}

flow_status flow_csv_stream_line(flow_csv_stream *s, flow_csv_record *out, bool *found, flow_error *err)
{
    for (;;) {
        flow_status status = stream_line_at(s, 0, SIZE_MAX, out, err);
        *found = status == FLOW_OK && out->size > 0;
        /* nearly every line begins with a byte that says so */
        if (!*found || (unsigned char)out->text[0] > '%' || !flow_csv_stream_passes(out))
            return status;
        FLOW_TRY(stream_note_comment(s, out, err));
        flow_csv_stream_consume(s, out);
    }
}

flow_status flow_csv_stream_peek(flow_csv_stream *s, size_t from, size_t most, flow_csv_record *out, flow_error *err)
{
    return stream_line_at(s, from, most, out, err);
}

flow_status flow_csv_stream_find_returns(flow_csv_stream *s, flow_error *err)
{
    bool quoted = false;
    for (size_t i = 0;; i++) {
        while (s->begin + i + 1 >= s->end && !s->at_end)
            FLOW_TRY(stream_fill(s, err));
        if (s->begin + i >= s->end)
            return FLOW_OK;
        const char c = s->buffer[s->begin + i];
        quoted = quoted != (c == '"');
        if (c == '\n' && !quoted)
            return FLOW_OK;
        if (c == '\r' && !quoted && s->buffer[s->begin + i + 1] != '\n') {
            s->has_returns = true;
            stream_turn_returns(s->buffer, s->end);
            return FLOW_OK;
        }
    }
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

/* Passes over the line at the front; *there is false at the end. */
static flow_status stream_count_line(flow_csv_stream *s, flow_text_part *part, bool *there, flow_error *err)
{
    flow_csv_record line;
    FLOW_TRY(stream_line_at(s, 0, SIZE_MAX, &line, err));
    *there = line.size > 0;
    if (!*there)
        return FLOW_OK;
    size_t first = line.length;
    const bool passes = (unsigned char)line.text[0] <= '%' && flow_csv_stream_passes(&line);
    if (passes)
        stream_first_byte(&line, &first);
    part->lines++;
    part->rows += !passes;
    part->plain = part->plain && first == line.length && memchr(line.text, '"', line.length) == NULL;
    flow_csv_stream_consume(s, &line);
    return FLOW_OK;
}

flow_status flow_csv_stream_count(flow_csv_stream *s, int64_t from, int64_t to, flow_text_part *out, flow_error *err)
{
    const bool is_first = s->offset + (int64_t)s->begin == from; /* a line begins there */
    bool there = true;
    if (!is_first) { /* what is left of a line that began before, or its end alone */
        flow_text_part ignored = {0};
        FLOW_TRY(flow_csv_stream_seek(s, from - 1, s->line, err));
        FLOW_TRY(stream_count_line(s, &ignored, &there, err));
    }
    *out = (flow_text_part){.begin = s->offset + (int64_t)s->begin, .plain = 1};
    while (there && s->offset + (int64_t)s->begin < to)
        FLOW_TRY(stream_count_line(s, out, &there, err));
    return FLOW_OK;
}

flow_status flow_csv_stream_split(flow_csv_stream *s, flow_csv_record *record, char delimiter, flow_error *err)
{
    size_t size = 0; /* of the lines so far */
    flow_csv_record line = *record;
    bool more, good;
    flow_csv_fields_begin(&s->fields, delimiter);
    for (;;) {
        FLOW_TRY(flow_csv_fields_line(&s->fields, line.text, line.length, &more, &good, err));
        size += line.size;
        if (!good)
            record->complaint = "has a quote in the middle of a field";
        if (!more || !good)
            break;
        FLOW_TRY(stream_line_at(s, size, SIZE_MAX, &line, err));
        if (line.size == 0)
            return flow_error_set(err, FLOW_DATA, "%s: the quote that is opened in line %lld is never closed", s->name,
                                  (long long)s->line);
        record->n_lines++;
    }
    record->text = s->buffer + s->begin;
    record->size = record->length = size;
    return FLOW_OK;
}

flow_status flow_csv_stream_open(flow_csv_stream *out, int descriptor, const char *name, size_t room, flow_error *err)
{
    *out = (flow_csv_stream){.name = name, .line = 1, .room = room > 0 ? room : ROOM};
    FLOW_TRY(flow_byte_source_open(&out->source, descriptor, name, err));
    return stream_fill(out, err);
}

void flow_csv_stream_close(flow_csv_stream *s)
{
    flow_byte_source_close(&s->source);
    free(s->buffer);
    flow_csv_fields_free(&s->fields);
    flow_name_list_free(&s->comments.texts);
    *s = (flow_csv_stream){0};
}
