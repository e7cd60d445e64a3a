/* A first line 0, 1, ..., n - 1 or 1, 2, ..., n: the names of columns without names, or a row. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_COUNT_LINE_H
#define FLOW_DATA_CSV_COUNT_LINE_H

#include "data/csv_rows.h"
#include "data/table.h"

/* Whether the fields from `from` on are base, base + 1, ..., written as whole numbers; there is one at least. */
bool flow_csv_counts_from(const flow_csv_fields *fields, size_t from, size_t base);

/* Whether the fields are all written as whole numbers, and every column has decimals in each of two rows or more, which
 * have as many fields. FLOW_MEMORY. */
flow_status flow_csv_is_whole_above_decimals(bool *answer, const flow_csv_fields *first, flow_csv_sample *sample,
                                             const flow_csv_rows *rows, const flow_csv_format *format,
                                             flow_error *err);

/* Whether a first line that counts from 0 or 1 is a header, as pandas writes it for columns without names: when the
 * rows, which have as many fields, are of another kind. That is so if a column has decimals in every row, or, of many
 * columns of whole numbers, if one has no value like its number. But it is a row if a column goes on from it in equal
 * steps in all rows of the sample, as a time does. FLOW_MEMORY. */
flow_status flow_csv_is_count(bool *answer, const flow_csv_fields *first, flow_csv_sample *sample,
                              const flow_csv_rows *rows, const flow_csv_format *format, flow_error *err);

#endif
