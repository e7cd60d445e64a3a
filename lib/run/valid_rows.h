/* Rows whose values cannot be used: how many there are, and what is wrong with the first. */
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

/* The message of a reader about the first row that is not usable in these columns, or in all of them (NULL), such as
 * "data.csv: row 17, column \"y\": ..."; "" where there is none. `how` as above. */
void flow_find_first_invalid(char message[FLOW_ERROR_SIZE], const char *location, const flow_reader_options *how,
                             const char *const *columns, int n_columns);

#endif
