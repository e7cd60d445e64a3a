/* The formats of table files: the one place that lists them. A new format is a reader (data/reader.h), a writer
 * (data/writer.h) and a row in table_format.c. Internal to lib/data; data/table.h is the interface.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_TABLE_FORMAT_H
#define FLOW_DATA_TABLE_FORMAT_H

#include "data/name_list.h"
#include "data/table.h"

typedef struct flow_table_format {
    const char *name;       /* with its article, for messages: "an HDF5 file" */
    const char *endings[8]; /* of the names of such files, in any case; NULL after the last one */
    bool has_paths;         /* a file holds several tables, each at a path */
    bool reads_folders;     /* a folder of such files is a table */

    /* Whether a file has the signature of the format; NULL: the format has none. */
    bool (*recognise)(const char *file);

    /* Both fill *out also after an error, with NULL or something to close. `path` is NULL when the location has none;
     * "-" is standard input or output for formats without paths. `options` is not NULL. */
    flow_status (*open_reader)(flow_reader **out, const char *file, const char *path,
                               const flow_reader_options *options, flow_error *err);
    flow_status (*open_writer)(flow_writer **out, const char *file, const char *path, const char *const *columns,
                               int n_columns, const flow_writer_options *options, flow_error *err);

    /* With paths: all tables in a file. The caller owns both lists, also after an error. */
    flow_status (*list)(flow_name_list *paths, flow_name_list *sizes, const char *file, flow_error *err);
} flow_table_format;

/* The format whose ending the first `length` bytes of a name have; CSV when no format has it. */
const flow_table_format *flow_table_format_named(const char *file, size_t length);

/* The format that reads folders. */
const flow_table_format *flow_table_format_of_folders(void);

/* The format whose signature a file has; CSV when no format has it. */
const flow_table_format *flow_table_format_of(const char *file);

#endif
