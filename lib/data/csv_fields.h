/* The fields of a CSV record. Internal to lib/data.
 *
 * The grammar is that of RFC 4180 with blanks (space, tab) allowed around fields:
 *
 *     record = field *("," field)
 *     field  = blanks (plain / quoted) blanks
 *     plain  = any bytes but commas and quotes
 *     quoted = '"' (any bytes, with '""' for a quote) '"'
 *
 * Blanks around a field are not part of it; what is in quotes is. A quote in a plain field, and anything but blanks
 * after the closing quote, is an error. A record ends where a line ends outside of quotes. Another delimiter may stand
 * in place of the comma; where it is a tab, a tab is no blank, and where it is a space, fields are separated by one or
 * more blanks.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_FIELDS_H
#define FLOW_DATA_CSV_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

typedef enum flow_csv_state {
    FLOW_CSV_BEFORE, /* a field and the blanks in front of it */
    FLOW_CSV_PLAIN,
    FLOW_CSV_QUOTED,
    FLOW_CSV_QUOTE, /* after a quote in a quoted field: the end, or the first of two quotes */
    FLOW_CSV_AFTER  /* blanks after a quoted field */
} flow_csv_state;

/* Start from {0}. */
typedef struct flow_csv_fields {
    char *text;     /* the fields, each followed by a zero */
    size_t *starts; /* (n + 1) where they begin in text; the last entry is the end */
    size_t n;       /* at most FLOW_COLUMNS_MAX + 1: further ones are not kept */
    size_t used, text_capacity, starts_capacity;
    flow_csv_state state;
    char delimiter;
} flow_csv_fields;

/* Begins a new record. */
void flow_csv_fields_begin(flow_csv_fields *f, char delimiter);

/* Takes the next line of the record, without its end. *more is true when the line ends in a quoted field, of which the
 * line end is then a part; otherwise the record is complete. *good is false when a quote is where it cannot be.
 * FLOW_MEMORY. */
flow_status flow_csv_fields_line(flow_csv_fields *f, const char *line, size_t length, bool *more, bool *good,
                                 flow_error *err);

/* Field i of a complete record; *length does not count the zero at its end. */
const char *flow_csv_field(const flow_csv_fields *f, size_t i, size_t *length);

void flow_csv_fields_free(flow_csv_fields *f);

#endif
