/* What data hold. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INFO_DATA_H
#define FLOW_RUN_INFO_DATA_H

#include "data/dataset.h"
#include "data/name_list.h"
#include "data/table.h"
#include "run/findings.h"
#include "run/report.h"

typedef struct flow_data_column {
    flow_column_summary of;
    int64_t invalid;  /* rows in which it is not a finite number; -1: they cannot be counted */
    bool counted;     /* columns were looked at for invalid values */
    bool has_invalid; /* and they can be counted */
} flow_data_column;

/* A table of an HDF5 file: its path, and its size as text, "(1000, 5)". */
typedef struct flow_data_table {
    const char *path, *size;
} flow_data_table;

/* How the file was read, where its user should know. */
typedef struct flow_data_remark {
    const char *text;
} flow_data_remark;

/* An HDF5 file with several tables is not described itself: its tables are listed.
 * flow_run_info_data_free. Strings are borrowed from the location and what is opened. */
typedef struct flow_run_info_data_result {
    const char *kind; /* "data", or "tables" */
    const char *location, *first_table;
    flow_dataset *data; /* owned; NULL: there are tables */
    int64_t invalid_rows;
    char first_invalid[FLOW_ERROR_SIZE]; /* "data.csv: row 17, column \"y\": ..."; "": none, or not known */
    char checksum[32];                   /* "crc32:c7eff3b5" */
    flow_list columns;         /* of flow_data_column */
    bool is_table;             /* the rows are no images */
    flow_picture_options shown; /* how images are shown */
    const char *type;          /* of the values of images on file: "bytes", "float", "double" */
    double least, most, mean;  /* of all their values */
    flow_text_list classes;    /* of images */
    const char *picture;       /* the sheet that was written; NULL: none */
    flow_text_list without_numbers;
    flow_list remarks;         /* of flow_data_remark */
    flow_findings findings;    /* of the rows of a table */
    flow_list table_rows; /* of flow_data_table, of a file with several; then there is nothing else */

    flow_reader_options how;                 /* of all columns */
    flow_name_list table_paths, table_sizes; /* owned, as what follows */
    flow_name_list chosen, others; /* columns */
    flow_name_list more_remarks;   /* about the others */
} flow_run_info_data_result;

typedef struct flow_run_info_data_options {
    const char *location;
    const char *columns;      /* "a,b,c" to look at; NULL: all that hold numbers */
    const char *picture;      /* a PNG file for a sheet of the first 64 images; NULL: none */
    bool force;               /* let the picture replace a file of another program */
    flow_number_list missing; /* values that stand for a missing one */
    flow_csv_format csv;
} flow_run_info_data_options;

/* FLOW_ARGUMENT when there is nothing to show. */
flow_status flow_run_info_data(flow_run_info_data_result *out, const flow_run_info_data_options *options,
                               flow_error *err);
void flow_run_info_data_free(flow_run_info_data_result *result);

#endif
