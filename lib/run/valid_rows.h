/* Counting the rows whose value in a column can be used. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_VALID_ROWS_H
#define FLOW_RUN_VALID_ROWS_H

#include <stdint.h>

#include "data/table.h"

/* Rows whose value in the column of this name is not usable, and *n_good whose is, in a pass over the data; -1 when
 * they cannot be counted. `how` is as for reading all of it; which columns it says does not matter. Unless `note` is
 * NULL, *note is what is remarkable about the column, or NULL; the caller's. */
int64_t flow_count_invalid(const char *location, const flow_reader_options *how, const char *name, int64_t *n_good,
                           char **note);

#endif
