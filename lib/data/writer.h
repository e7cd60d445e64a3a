/* What both kinds of table writers share. Internal to lib/data; data/table.h is the interface. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_WRITER_H
#define FLOW_DATA_WRITER_H

#include "core/replace.h"
#include "data/table.h"

/* `finish` writes everything and puts the file in place; `release` (optional) frees what the kind owns, in
 * any case. */
typedef struct flow_writer_type {
    flow_status (*write)(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err);
    flow_status (*begin)(flow_writer *writer, const char *path, flow_error *err);
    flow_status (*finish)(flow_writer *writer, flow_error *err);
    void (*release)(flow_writer *writer);
} flow_writer_type;

/* The common part; a kind's own struct begins with it. */
struct flow_writer {
    const flow_writer_type *type;
    flow_replacement output;
    int n_columns;
    bool as_float;
};

/* The writer is the caller's even after an error, and may be NULL then. */
flow_status flow_csv_writer_open(flow_writer **out, const char *file, const char *path, const char *const *columns,
                                 int n_columns, const flow_writer_options *options, flow_error *err);
flow_status flow_h5_writer_open(flow_writer **out, const char *file, const char *path, const char *const *columns,
                                int n_columns, const flow_writer_options *options, flow_error *err);
flow_status flow_png_writer_open(flow_writer **out, const char *file, const char *path, const char *const *columns,
                                 int n_columns, const flow_writer_options *options, flow_error *err);

#endif
