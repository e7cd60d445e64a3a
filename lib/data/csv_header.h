/* How a CSV file begins: comments, names, units, and what the first rows say about all others. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_HEADER_H
#define FLOW_DATA_CSV_HEADER_H

#include "data/csv_stream.h"
#include "data/table.h"

/* Which truth values are 0 and 1 in a column. */
typedef enum flow_csv_truths {
    FLOW_CSV_NO_TRUTHS,    /* none: the first rows have numbers or words there */
    FLOW_CSV_ANY_TRUTHS,   /* True and False: the first rows have nothing there */
    FLOW_CSV_TRUTH_WORDS,  /* True and False, which the first rows have */
    FLOW_CSV_TRUTH_LETTERS /* T and F, too */
} flow_csv_truths;

/* Owned; start from {0}. */
typedef struct flow_csv_layout {
    char delimiter, decimal;
    size_t n_fields;       /* of a row */
    size_t n_empty;        /* the last ones, which are empty in every row and have no name */
    flow_name_list names;  /* (n_fields - n_empty) */
    bool has_names;        /* they come from the file; false: x1, x2, ... */
    unsigned char *truths; /* (n_fields) flow_csv_truths */
    flow_name_list remarks;
    flow_name_list notes; /* about single columns, "" where there is none; of the first ones at least */
} flow_csv_layout;

/* Refuses other formats, and reads all that stands before the first row, which is at the front afterwards. What the
 * format does not say is found out, and remarked if it is unusual. flow_csv_layout_free in any case. */
flow_status flow_csv_header_read(flow_csv_layout *out, flow_csv_stream *stream, const flow_csv_format *format,
                                 flow_error *err);
void flow_csv_layout_free(flow_csv_layout *layout);

#endif
