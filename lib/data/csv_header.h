/* The first line of a CSV file: names or the first row. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_HEADER_H
#define FLOW_DATA_CSV_HEADER_H

#include "data/csv_stream.h"
#include "data/reader.h"

/* Refuses other formats, skips a byte-order mark, and fills `names` with the names of all columns. When the first line
 * is a row, it stays at the front, *has_names is false and the names are x1, x2, ... */
flow_status flow_csv_header_read(flow_csv_stream *stream, flow_name_list *names, bool *has_names, flow_error *err);

/* Whether the whole of a field, which need not end with a zero, is a number; `value` is then filled. */
bool flow_csv_number(const char *field, size_t length, double *value);

/* `text` for a message: at most 40 bytes, without control characters. */
enum { FLOW_EXCERPT_SIZE = 48 };
const char *flow_csv_excerpt(char out[FLOW_EXCERPT_SIZE], const char *text, size_t length);

#endif
