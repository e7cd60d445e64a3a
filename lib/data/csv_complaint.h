/* What is said about a row of CSV that is no row of numbers. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_COMPLAINT_H
#define FLOW_DATA_CSV_COMPLAINT_H

#include "data/csv_row.h"
#include "data/reader.h"

/* The row at the front of the stream. */
typedef struct flow_csv_complaint {
    const flow_reader *reader;
    const flow_csv_aim *aim;
    const flow_csv_stream *stream;
    const flow_csv_record *record;
    flow_csv_finding found;
    int64_t row; /* counted from 0 */
    bool is_header; /* it is the header once more */
} flow_csv_complaint;

/* FLOW_DATA with the row, the column, the text and what to do. That depends on the rows that follow in the buffer: rows
 * are not to be dropped where most of them are wrong. */
flow_status flow_csv_complain(const flow_csv_complaint *about, flow_error *err);

/* FLOW_DATA for a record of other names than those of the header: they may be those of other columns, which must not be
 * read as the ones above. */
flow_status flow_csv_refuse_names(const flow_reader *reader, const flow_csv_stream *stream,
                                  const flow_csv_record *record, int64_t row, flow_error *err);

#endif
