/* The lines and records of a CSV file, in bounded memory. Internal to lib/data.
 *
 * A record is a line, unless there is a line end in quotes. Most rows are parsed in the buffer (csv_row.h); headers,
 * and records with quotes inside of fields, are copied field by field (csv_fields.h). Blank lines and comments between
 * records are passed over: a comment is a line that begins with #, or with % and a blank. Lines end with a line feed,
 * before which a carriage return may stand, or in files of old Macs with a carriage return alone.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_STREAM_H
#define FLOW_DATA_CSV_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "data/byte_source.h"
#include "data/csv_fields.h"
#include "data/name_list.h"

/* The most bytes of a record: 65536 columns of 128 bytes. */
enum { FLOW_CSV_RECORD_MAX = 1 << 23 };

/* The last texts are kept, without the mark and the blanks around them, while `keep` says so. */
enum { FLOW_CSV_COMMENTS = 8 };
typedef struct flow_csv_comments {
    int64_t n, first; /* how many, and the line of the first one */
    int64_t judged;   /* comments up to this line have been counted: going back counts none twice */
    bool keep;
    flow_name_list texts; /* at most FLOW_CSV_COMMENTS */
} flow_csv_comments;

typedef struct flow_csv_stream {
    const char *name; /* borrowed, for messages */
    flow_byte_source source;
    bool at_end;      /* the file has no more bytes */
    bool has_returns; /* its lines end with carriage returns: they become line feeds in the buffer */
    char *buffer; /* one byte more than `capacity`: a line end always follows the last byte */
    size_t room, capacity, begin, end; /* room: the first capacity */
    int64_t offset;         /* of buffer[0] in the file, unpacked */
    int64_t line;           /* number of the line at `begin`, counted from 1 */
    flow_csv_fields fields; /* of the last record that was split */
    flow_csv_comments comments; /* that were passed over */
} flow_csv_stream;

/* The record at the front: `length` bytes of line from `text` without the line end, `size` bytes with it. */
typedef struct flow_csv_record {
    char *text;
    size_t length, size;
    int64_t n_lines;
    const char *complaint; /* what is wrong with its quotes; NULL: nothing */
} flow_csv_record;

/* `room`: bytes of the first buffer; 0: as many as are read fast. */
flow_status flow_csv_stream_open(flow_csv_stream *out, int descriptor, const char *name, size_t room, flow_error *err);
void flow_csv_stream_close(flow_csv_stream *stream);

/* The next line that is neither blank nor a comment; *found is false at the end. It stays at the front until it is
 * consumed. */
flow_status flow_csv_stream_line(flow_csv_stream *stream, flow_csv_record *out, bool *found, flow_error *err);

/* Splits the record that begins with the line at the front into fields; extends *record over further lines. */
flow_status flow_csv_stream_split(flow_csv_stream *stream, flow_csv_record *record, char delimiter, flow_error *err);

/* The line that begins `from` bytes behind the front, whatever it is; size 0 at the end, and when it ends more
 * than `most` bytes behind the front. Nothing is consumed. */
flow_status flow_csv_stream_peek(flow_csv_stream *stream, size_t from, size_t most, flow_csv_record *out,
                                 flow_error *err);
/* Whether a line is blank or a comment. */
bool flow_csv_stream_passes(const flow_csv_record *line);

/* Finds out whether carriage returns end the lines, before anything is consumed. */
flow_status flow_csv_stream_find_returns(flow_csv_stream *stream, flow_error *err);

void flow_csv_stream_consume(flow_csv_stream *stream, const flow_csv_record *record);

struct flow_text_part;
/* As flow_reader_count. The stream has to be sought afterwards. */
flow_status flow_csv_stream_count(flow_csv_stream *stream, int64_t from, int64_t to, struct flow_text_part *out,
                                  flow_error *err);

flow_status flow_csv_stream_seek(flow_csv_stream *stream, int64_t offset, int64_t line, flow_error *err);

#endif
