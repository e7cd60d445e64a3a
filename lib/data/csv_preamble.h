/* What may stand above the table in a CSV file, and is neither comment nor header. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_PREAMBLE_H
#define FLOW_DATA_CSV_PREAMBLE_H

#include "data/csv_sample.h"
#include "data/table.h"

/* Whether a line is drawn: "+-----+-----+", as data bases and ROOT print around the names of columns. */
bool flow_csv_is_rule(const char *text, size_t length);

/* Where the first records are no part of the table: FLOW_DATA with the line in which the table seems to begin. It
 * begins with the first record from which on one delimiter cuts most records into as many fields as it has itself. For
 * a sample that no delimiter fits as a whole. `with_names`: it begins with names; then *format has the delimiter. */
flow_status flow_csv_refuse_preamble(const flow_csv_format *format, bool with_names, flow_csv_sample *sample,
                                     flow_error *err);

#endif
