/* Data for a model: a table whose columns are matched with the model's.
 *
 * By name when both have names: any order, and further columns are ignored. Columns without a name are called x1, x2,
 * ... by their place; a model that was trained on such data finds them there again, whatever order it has them in.
 * Where the model has names and the data have none, they must be exactly the model's columns, in its order.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INPUT_H
#define FLOW_RUN_INPUT_H

#include "data/table.h"

/* Starts from {0}. */
typedef struct flow_input {
    flow_reader *reader;
    int n_columns; /* those of the model, and the optional one where the data have it */
    bool has_optional;
    int n_read;    /* those that the reader gives */
    int *from;     /* (n_columns) where in a row that was read each one stands; NULL: as it is */
    double *rows;  /* room for rows that are rearranged, (n_room, n_read) */
    size_t n_room;
} flow_input;

typedef struct flow_input_options {
    const char *const *columns; /* (n_columns): the model's */
    int n_columns;
    bool numbered;        /* it was trained on data without names: its columns are x1, x2, ... by their place there */
    bool chosen;          /* they were a choice among others, which data without names may then have, too */
    const char *optional; /* a column that data may have, and that is then the last value of a row; NULL: none */
    bool skip_invalid;
} flow_input_options;

/* FLOW_DATA with the columns that are missing. */
flow_status flow_input_open(flow_input *out, const char *location, const flow_input_options *options,
                            flow_error *err);
void flow_input_close(flow_input *in);

/* As flow_reader_read, in the model's order. */
flow_status flow_input_read(flow_input *in, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                            flow_error *err);

#endif
