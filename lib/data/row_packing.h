/* Rows as they are held in memory: values in the type that the file has, one row behind the other without gaps.
 * Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_ROW_PACKING_H
#define FLOW_DATA_ROW_PACKING_H

#include <stddef.h>

#include "data/table.h"

/* The first n_narrow of the d values of a row have `type`, the others are doubles. */
typedef struct flow_row_packing {
    size_t d, n_narrow;
    flow_value_type type;
    size_t row_bytes;
} flow_row_packing;

/* That of the rows of a reader: the type on file for images, and double for tables. */
flow_row_packing flow_row_packing_of(const flow_reader *reader);
/* Rows of d doubles. */
flow_row_packing flow_row_packing_plain(size_t d);

/* From rows (n, d) to n packed ones. The values fit their type. */
void flow_rows_pack(const flow_row_packing *packing, char *to, const double *rows, size_t n);
/* A packed row to d doubles. */
void flow_row_unpack(const flow_row_packing *packing, double *row, const char *from);

#endif
