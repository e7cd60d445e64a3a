/* The numbers of a row of CSV. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_ROW_H
#define FLOW_DATA_CSV_ROW_H

#include "data/csv_fields.h"
#include "data/csv_stream.h"

/* Which fields of a record are values of a row, and how they are written. */
typedef struct flow_csv_aim {
    char delimiter, decimal;
    size_t n_fields, n_empty; /* as in flow_csv_layout */
    int *target;              /* (n_fields) the place of each field in a row, -1: not read */
    int n_targets;            /* fields up to the last one that is read */
    unsigned char *truths;    /* (n_fields) flow_csv_truths */
} flow_csv_aim;

/* What is wrong with a row. */
typedef enum flow_csv_trouble {
    FLOW_CSV_GOOD,
    FLOW_CSV_IS_MISSING,
    FLOW_CSV_NOT_A_NUMBER,
    FLOW_CSV_NOT_FINITE,
    FLOW_CSV_CODE,      /* a number that stands for a missing one */
    FLOW_CSV_NOT_EMPTY, /* a field without a name that was empty before */
    FLOW_CSV_RAGGED,    /* from here on the values are not known */
    FLOW_CSV_BROKEN     /* its quotes */
} flow_csv_trouble;

/* The first field that is wrong. The text is borrowed from the record. */
typedef struct flow_csv_finding {
    flow_csv_trouble what;
    size_t field; /* FLOW_CSV_RAGGED: the number of fields */
    const char *text;
    size_t length;
    double value; /* FLOW_CSV_CODE */
} flow_csv_finding;

/* Of a line: text[length] is a line end, and all bytes before `limit` may be read. Values that are none are NaN. Of a
 * row that is good, found->what alone is filled. False when the record has to be split into fields first. */
bool flow_csv_row_parse(const flow_csv_aim *aim, const char *text, size_t length, const char *limit, double *row,
                        flow_csv_finding *found);
/* Of a record that was split. */
flow_csv_finding flow_csv_row_of_fields(const flow_csv_aim *aim, const flow_csv_fields *fields, double *row);

#endif
