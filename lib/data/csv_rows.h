/* What the fields of the first rows of a CSV file are. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_ROWS_H
#define FLOW_DATA_CSV_ROWS_H

#include "data/csv_sample.h"
#include "data/csv_words.h"

/* A row of the sample that has as many fields as most. Record 0 of the sample is none of them. */
typedef struct flow_csv_rows {
    size_t n, n_fields;
    size_t record[FLOW_CSV_SAMPLED]; /* (n) which of the sample */
    unsigned char *kinds;            /* (n, n_fields) flow_csv_kind, or FLOW_CSV_EMPTY */
} flow_csv_rows;

/* A missing value without any text. */
enum { FLOW_CSV_EMPTY = FLOW_CSV_WORD + 1 };

/* *out is the caller's (flow_csv_rows_free), also after an error. */
flow_status flow_csv_rows_take(flow_csv_rows *out, flow_csv_sample *sample, size_t n_fields, char delimiter,
                               char decimal, flow_error *err);
void flow_csv_rows_free(flow_csv_rows *rows);

/* How many rows from `first` on have one of these kinds, a sum of FLOW_CSV_BIT, in a column. */
#define FLOW_CSV_BIT(kind) (1u << (kind))
size_t flow_csv_rows_count(const flow_csv_rows *rows, size_t first, size_t column, unsigned kinds);

/* How many rows from `record` of the sample on are words under a header, such as units: they have no number, words only
 * in columns where at least half of the rows behind have numbers, and a word in one column at least. */
size_t flow_csv_rows_units(const flow_csv_rows *rows, size_t record);

#endif
