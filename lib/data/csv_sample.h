/* The first records of a CSV file, by which it is judged how the file is written. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_SAMPLE_H
#define FLOW_DATA_CSV_SAMPLE_H

#include "data/csv_fields.h"
#include "data/csv_stream.h"

/* The sample ends before a record that ends so many bytes behind the front: a file must not decide how much is read. */
enum { FLOW_CSV_SAMPLED = 32, FLOW_CSV_SAMPLE_BYTES = 1 << 20 };

/* Nothing is consumed. Valid until something is. */
typedef struct flow_csv_sample {
    const flow_csv_stream *stream;
    size_t n; /* records; the first one is whole, however long it is, unless its quotes are never closed */
    size_t from[FLOW_CSV_SAMPLED], length[FLOW_CSV_SAMPLED]; /* bytes behind the front; without the line end */
    flow_csv_fields fields; /* of the record that was split last; flow_csv_fields_free */
} flow_csv_sample;

/* From the record at the front on, without blank lines and comments. */
flow_status flow_csv_sample_take(flow_csv_sample *out, flow_csv_stream *stream, flow_error *err);

/* The text of record i. */
const char *flow_csv_sample_text(const flow_csv_sample *sample, size_t i);

/* Splits record i into sample->fields; *good is false when a quote is where it cannot be. */
flow_status flow_csv_sample_split(flow_csv_sample *sample, size_t i, char delimiter, bool *good, flow_error *err);

#endif
