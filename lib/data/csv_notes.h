/* What the first rows of a CSV file say about single columns. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_NOTES_H
#define FLOW_DATA_CSV_NOTES_H

#include "data/csv_rows.h"
#include "data/name_list.h"

/* Appends a text for each of the first n columns: what it has, such as "no numbers, but texts such as ..." with the
 * remedy, or "". Noted are columns whose first rows are numbers in a form that is not read ("64%"), and whole numbers
 * that a double does not hold. Rows before `first` are units. */
flow_status flow_csv_note_columns(flow_name_list *out, flow_csv_sample *sample, const flow_csv_rows *rows, size_t first,
                                  char delimiter, int n, flow_error *err);

#endif
