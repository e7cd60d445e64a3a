/* What separates the fields of a CSV file, and what stands before the decimals. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_DIALECT_H
#define FLOW_DATA_CSV_DIALECT_H

#include "data/csv_sample.h"
#include "data/table.h"

/* Completes delimiter and decimal of *format, where they are 0, by the sample. *n_fields is how many fields most rows
 * have, or the first record where it is the only one; *fits is false where no delimiter is possible.
 *
 * A delimiter is possible when it cuts at least half of the rows into the same number of fields, two or more, and the
 * first record into about as many. Of the possible ones that one is taken with which the most fields of the rows are
 * numbers; commas before tabs, semicolons, bars, blanks and asterisks. Blanks need numbers in more than half of the
 * fields. The decimals follow a comma if numbers have commas, and no number has a point. FLOW_DATA when all of these
 * could have commas between thousands. */
flow_status flow_csv_dialect_find(flow_csv_format *format, size_t *n_fields, bool *fits, flow_csv_sample *sample,
                                  const char *name, flow_error *err);

/* Whether a delimiter, that of *format or any if this is 0, cuts the first record and most others into as many fields,
 * of which more than half are numbers. */
flow_status flow_csv_dialect_fits(bool *fits, const flow_csv_format *format, flow_csv_sample *sample, flow_error *err);

/* "tabs", "semicolons", ... for messages. */
const char *flow_csv_delimiter_name(char delimiter);

#endif
