/* Data for a model: a table whose columns are matched with the model's.
 *
 * By name when both have names: any order, and further columns are ignored. By position when the data have no names (a
 * CSV without a header) or the model has none (it was trained on such data): then the number of columns must agree.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_INPUT_H
#define FLOW_CMD_INPUT_H

#include "data/table.h"

/* Starts from {0}. */
typedef struct input {
    flow_reader *reader;
    int n_columns; /* those of the model, without the optional one where the data do not have it */
    bool has_optional;
    int n_read;    /* those that the reader gives */
    int *from;     /* (n_columns) where in a row that was read each one stands; NULL: as it is */
    double *rows;  /* room for rows that are rearranged, (n_room, n_read) */
    size_t n_room;
} input;

/* FLOW_DATA with the columns that are missing. `columns` (n_columns) are the model's; with `optional` there is one more
 * name behind them, of a column that data with names may have, and that is then the last value of a row. */
flow_status input_open(input *out, const char *location, const char *const *columns, int n_columns, bool optional,
                       bool skip_invalid, flow_error *err);
void input_close(input *in);

/* As flow_reader_read, in the model's order. */
flow_status input_read(input *in, double *rows, int64_t *numbers, size_t n_max, size_t *n_read, flow_error *err);

/* How many rows of `n_columns` values to work on at once: many enough for all threads, few enough to stay small in
 * memory; a multiple of FLOW_TILE. */
size_t input_chunk(int n_columns);

#endif
