/* Rows for a model: a table whose columns are matched with the columns of the model.
 *
 * Where both have names they are matched by name: the order does not matter, and other columns are ignored. Columns of
 * data without names are x1, x2, ... by their place, and a model that was trained on such data finds them by place.
 * Where the model has names and the data have none, the data have exactly the columns of the model, in its order.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INPUT_H
#define FLOW_RUN_INPUT_H

#include "data/row_parts.h"

/* Starts from {0}. */
typedef struct flow_input {
    flow_reader *reader;
    int n_columns; /* of the model, and the optional one where the data have it */
    bool has_optional;
    flow_row_parts *parts; /* all ranks of the job have a reader, and each reads rows of its own; NULL: rank 0 alone */
    int n_read;    /* of the reader */
    int *from;     /* (n_columns) the index of each one in a row of the reader; NULL: the rows are the same */
    double *rows;  /* (n_room, n_read) rows of the reader, before they are rearranged */
    size_t n_room;
    int label, n_classes; /* as in the options */
    const double *given;  /* (n_given) as in the options */
    int n_given;
} flow_input;

typedef struct flow_input_options {
    const char *const *columns; /* (n_columns) of the model */
    int n_columns;
    bool numbered;        /* the model was trained on data without names: its columns are x1, x2, ... by place */
    bool chosen;          /* its columns are a choice: data without names may have others, too */
    const char *optional; /* a column that is the last value of a row where the data have it; NULL: none */
    bool skip_invalid;
    flow_number_list missing; /* as in flow_reader_options, as the next one */
    flow_csv_format csv;
    flow_image image;     /* what the columns make but for the last n_context; a shape of {0}: rows of a table */
    int n_context;
    const double *given;  /* (n_context) stand for the last columns, which the data then need not have; NULL: none do */
    bool shared;          /* of a session with several ranks: each reads rows of its own where it can */
    int label, n_classes; /* the column of this index holds classes, 0 to n_classes - 1; n_classes 0: none does */
} flow_input_options;

/* FLOW_DATA with the columns that are missing. flow_input_close is needed after a failure, too. */
flow_status flow_input_open(flow_input *out, const char *location, const flow_input_options *options,
                            flow_error *err);
void flow_input_close(flow_input *in);

/* As flow_reader_read, in the model's order. FLOW_DATA for a label that is no class of the model. */
flow_status flow_input_read(flow_input *in, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                            flow_error *err);

/* Of n rows as they were read: leaves the first `width` values of each in `rows` (n, width), and moves the optional one
 * into `last` (n), which is 1 where there is none. */
void flow_input_split(const flow_input *in, size_t width, size_t n, double *rows, double *last);

#endif
