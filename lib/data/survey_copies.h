/* Rows that are copies of others, as where files were put together twice. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_COPIES_H
#define FLOW_DATA_SURVEY_COPIES_H

#include <stdint.h>

#include "data/row_sample.h"

/* How many rows of the sample, which is one of n_rows rows, are equal to an earlier one in all columns. 0 where that is
 * a hundredth of all rows at most, and where it may be chance: where many pairs of rows share a value of each column,
 * and not all values. A single column has no copies: values that are equal are found otherwise. FLOW_MEMORY. */
flow_status flow_survey_count_copies(int64_t *out, const flow_row_sample *sample, int64_t n_rows, flow_error *err);

#endif
