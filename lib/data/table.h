/* Tables in files: readers and writers over CSV and HDF5.
 *
 * A location is
 *     FILE.csv                  comma-separated values with or without a header line; also compressed with gzip or zstd
 *     FILE.h5:/path/to/dataset  a 2-D dataset (n, d), or a 1-D one (n), or a compound table (numeric members)
 *     FILE.h5:/path/to/array    a dataset of images (n, height, width), (n, height, width, channels) or
 *                               (n, channels, height, width)
 *     FILE.h5:/group            a group of equally long 1-D datasets, one per column, or a table of pandas
 *     FILE.h5:/matrix.T         a 2-D dataset with rows and columns exchanged
 *     FOLDER                    a folder of PNG files of one size: images; in folders within it: of classes
 *     FILE.h5                   the only table in the file, or an error that lists what there is
 *     -                         CSV on standard input or output
 *     LOCATION,LOCATION         for reading: their columns side by side
 * (.hdf5 and .hdf name HDF5 files too; an existing file is recognised by its signature, whatever its name.)
 * Column names come from the CSV header, the `columns` attribute of a dataset, or the member names; without any they
 * are x1, x2, ... Rows travel as doubles, row-major (n, d). Numbers are read and printed in the C locale.
 *
 * Readers stream: memory does not grow with the file. A missing, non-numeric or non-finite value, a ragged row:
 * FLOW_DATA with file, row (counted from 1, header not counted; for CSV the line of the file as well) and column name;
 * with skip_invalid such rows are dropped and counted. A value that is one of the codes `missing` is invalid as well.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_TABLE_H
#define FLOW_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/option.h"
#include "data/image.h"
#include "data/name_list.h"
#include "data/skipped.h"

/* The type of numbers in a file, as far as it matters for holding them in memory. */
typedef enum flow_value_type { FLOW_VALUE_DOUBLE, FLOW_VALUE_FLOAT, FLOW_VALUE_BYTE } flow_value_type;

/* An open table. For reading only; a format's own struct begins with it (data/reader.h). */
typedef struct flow_reader {
    const struct flow_reader_type *type;
    char *name;             /* the location, for messages */
    flow_name_list columns; /* the chosen ones */
    bool has_names;         /* the names come from the file; false: x1, x2, ... */
    flow_image image;       /* what the columns of the data make; a shape of {0}: rows of a table */
    bool holds_images; /* the format is one of images; the column of their labels is given if the options name it */
    int n_classes;     /* the labels are 0 to n_classes - 1; 0: not read, or not known */
    flow_name_list classes; /* their names, where there are any */
    flow_value_type stored; /* a type that holds the values of the first n_stored columns exactly */
    int n_stored;           /* of the others the type is double */
    bool skip_invalid;
    flow_number_list missing;
    bool can_seek;     /* false for standard input, pipes and the like */
    bool is_packed;    /* compressed as a whole: to go back is to read from the beginning */
    bool finds_rows;   /* the number of a row is its position, and any row is found at once */
    int64_t text_bytes; /* of text whose parts can be counted (data/reader.h); 0: none */
    int64_t n_rows;    /* in the table, valid or not; -1: not known before the end (CSV) */
    int64_t granule;   /* rows that are stored, and best read, together; 1: any number */
    int64_t n_skipped; /* rows dropped so far under skip_invalid */
    flow_name_list remarks; /* sentences about how the file was read that its user should know; more may come later */
    char *note;        /* what the first column that is remarkable has; NULL: none is */
    bool may_round;    /* values on file may have more digits than a double */
    bool says_rounded; /* a remark says that values are rounded; a second one would not help */
    int64_t end;       /* rows from this one on are not read; 0: all are */
    struct flow_dropped_rows *dropped; /* where dropped rows are put (data/reader.h); NULL: they are counted at once */
    int64_t judged;    /* dropped rows before this one have been counted: seeking back counts none twice */
    flow_skipped_column *skipped; /* (columns.n) of those rows; NULL: there are none, or it is not known */
} flow_reader;

/* How a text table is written. 0 everywhere: that is found out. */
typedef enum flow_csv_names { FLOW_CSV_NAMES_AUTO, FLOW_CSV_NAMES_YES, FLOW_CSV_NAMES_NO } flow_csv_names;

typedef struct flow_csv_format {
    char delimiter; /* between fields; ' ': one or more blanks */
    char decimal;   /* '.' or ',' */
    flow_csv_names header; /* the first line has the names of the columns */
} flow_csv_format;

typedef struct flow_reader_options {
    const char *const *columns; /* the names of the columns to read, in order; NULL: all, in the order of the file */
    int n_columns;
    bool skip_invalid;
    const char *const *last; /* further columns, in this order, after those; without `columns`, after all others */
    int n_last;
    flow_image image; /* what the columns before those make; a shape of {0}: an image if the format says so */
    flow_number_list missing; /* values that stand for a missing one (data/missing.h) */
    flow_csv_format csv;
    size_t room; /* of CSV: bytes of the first buffer, which grows for longer records; 0: as many as are read fast */
} flow_reader_options;

/* Opens a table; *out is the caller's. `options` may be NULL. An unknown column name is FLOW_DATA with the nearest. */
flow_status flow_reader_open(flow_reader **out, const char *location, const flow_reader_options *options,
                             flow_error *err);

/* A table in memory, borrowed for the reader's life. */
typedef struct flow_table_rows {
    const char *name;   /* for messages */
    const double *rows; /* (n, d) */
    size_t n;
    int d;
    const char *const *columns; /* (d) names; NULL: x1, x2, ... */
} flow_table_rows;

flow_status flow_reader_open_rows(flow_reader **out, const flow_table_rows *table, const flow_reader_options *options,
                                  flow_error *err);
void flow_reader_close(flow_reader *reader);

/* Reads up to n_max rows into rows (n_max, d); *n_read is 0 at the end. `numbers` (n_max; may be NULL) receives each
 * row's number in the table, counted from 0. */
flow_status flow_reader_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                             flow_error *err);

/* The rows that were skipped so far. `kept` (columns.n) is about the others; NULL: not known. Names are borrowed from
 * the reader. */
flow_skipped flow_reader_skipped(const flow_reader *reader, const flow_kept_column *kept);

/* Positions. `flow_reader_tell` gives the position of the next row; `flow_reader_seek` returns to such a position.
 * FLOW_ARGUMENT for standard input and pipes. Rows that are read again are not counted again as skipped. */
typedef struct flow_position {
    int64_t row;    /* of the next row, counted from 0 */
    int64_t offset; /* CSV: byte offset of that row's first character */
    int64_t line;   /* CSV: its line in the file */
} flow_position;

flow_position flow_reader_tell(const flow_reader *reader);
flow_status flow_reader_seek(flow_reader *reader, const flow_position *position, flow_error *err);

/* The paths of the tables that an HDF5 file holds, and their sizes as text, "(1000, 5)". The caller owns both lists,
 * also after an error. They are empty for a file that is not HDF5, and for a location with a path in the file. */
flow_status flow_tables_list(flow_name_list *paths, flow_name_list *sizes, const char *location, flow_error *err);

/* Announces that about `rows` rows will be read after each seek, so that more need not be read at once. */
void flow_reader_limit(flow_reader *reader, int64_t rows);

typedef struct flow_writer flow_writer;

/* How rows are shown: the first values of a row are those of an image, and `least` is black, `most` white. */
typedef struct flow_picture_options {
    flow_shape shape; /* {0}: they are no images */
    double least, most;
    int64_t first; /* the number of the first one in the names of files */
    int across;    /* images in a line of a sheet; 0: as many as make it about square */
} flow_picture_options;

typedef struct flow_writer_options {
    bool as_float;                /* HDF5: store float instead of double; CSV: digits that round-trip a float */
    bool careful;                 /* FLOW_EXISTS instead of replacing what this program did not write: a file
                                     (core/replace.h), or with `keep` a table of HDF5 */
    bool keep;                    /* HDF5: put the table into the existing file and keep its other contents */
    flow_picture_options picture; /* PNG; HDF5: its shape */
} flow_writer_options;

/* Opens a table for writing: HDF5 (a chunked, checksummed dataset, 2-D with a `columns` attribute, or of images 4-D,
 * rows, height, width, channels, with an attribute `layout`, "hwc"; default path /data) or CSV with a header or PNG, by
 * the location's name; "-" and NULL are CSV on standard output. A file is written under a temporary name in its own
 * folder and renamed by flow_writer_finish (core/replace.h), so that a reader never sees half a table and a failure
 * keeps the old file. An existing file is replaced as a whole. With `keep` the new HDF5 file is a copy of the old one
 * in which only the table at the path is new. PNG is one sheet of all images, or, where the name has "%d" or "%05d" in
 * it, a file for each that is in place at once. */
flow_status flow_writer_open(flow_writer **out, const char *location, const char *const *columns, int n_columns,
                             const flow_writer_options *options, flow_error *err);
flow_status flow_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err);

/* Ends the current table and begins another one with the same columns at `path` of the same HDF5 file. FLOW_ARGUMENT
 * for CSV. */
flow_status flow_writer_begin(flow_writer *writer, const char *path, flow_error *err);

/* Writes everything, puts the file in place, and frees the writer in any case. */
flow_status flow_writer_finish(flow_writer *writer, flow_error *err);
/* Removes the temporary file and frees the writer. Accepts NULL. */
void flow_writer_abandon(flow_writer *writer);

#endif
