/* The lines and records of a CSV file, in bounded memory. Internal to lib/data.
 *
 * A record is a line, unless there is a line end in quotes. Most rows are parsed in the buffer (csv_reader.c); headers,
 * and records with quotes inside of fields, are copied field by field (csv_fields.h).
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

/* The most bytes of a record: 65536 columns of 128 bytes. */
enum { FLOW_CSV_RECORD_MAX = 1 << 23 };

typedef struct flow_csv_stream {
    const char *name; /* borrowed, for messages */
    flow_byte_source source;
    bool at_end;  /* the file has no more bytes */
    char *buffer; /* one byte more than `capacity`: a line end always follows the last byte */
    size_t capacity, begin, end;
    int64_t offset;         /* of buffer[0] in the file, unpacked */
    int64_t line;           /* number of the line at `begin`, counted from 1 */
    flow_csv_fields fields; /* of the last record that was split */
} flow_csv_stream;

/* The record at the front: `length` bytes of line from `text` without the line end, `size` bytes with it. */
typedef struct flow_csv_record {
    char *text;
    size_t length, size;
    int64_t n_lines;
    const char *complaint; /* what is wrong with its quotes; NULL: nothing */
} flow_csv_record;

flow_status flow_csv_stream_open(flow_csv_stream *out, int descriptor, const char *name, flow_error *err);
void flow_csv_stream_close(flow_csv_stream *stream);

/* The next line that is not blank; *found is false at the end. It stays at the front until it is consumed. */
flow_status flow_csv_stream_line(flow_csv_stream *stream, flow_csv_record *out, bool *found, flow_error *err);

/* Splits the record that begins with the line at the front into fields; extends *record over further lines. */
flow_status flow_csv_stream_split(flow_csv_stream *stream, flow_csv_record *record, flow_error *err);

/* The first line after the record at the front, blank or not; length 0 at the end. Nothing is consumed. */
flow_status flow_csv_stream_peek(flow_csv_stream *stream, const flow_csv_record *record, flow_csv_record *out,
                                 flow_error *err);

void flow_csv_stream_consume(flow_csv_stream *stream, const flow_csv_record *record);

flow_status flow_csv_stream_seek(flow_csv_stream *stream, int64_t offset, int64_t line, flow_error *err);

#endif
