/* How the rows of a table lie in an HDF5 file, and in which blocks they are read. Internal to lib/data; inside a scope
 * (h5/scope.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_LAYOUT_H
#define FLOW_DATA_H5_LAYOUT_H

#include <hdf5.h>
#include <stdint.h>

#include "data/reader.h"
#include "h5/object.h"
#include "h5/value.h"

typedef struct flow_h5_layout flow_h5_layout;
typedef struct flow_h5_leaf flow_h5_leaf;
typedef struct flow_h5_part flow_h5_part;

struct flow_h5_layout {
    /* Reads `count` rows from row `first` on into rows (count, d). */
    flow_status (*read)(flow_h5_layout *layout, double *rows, int64_t first, int64_t count, flow_error *err);
    int d;
    hid_t *datasets; /* (n_datasets): one, one per part of columns, or images and their labels */
    flow_h5_value *values; /* (n_datasets) what their numbers mean; not for records */
    bool *across;          /* (n_datasets) the rows run along the second dimension; NULL: none does */
    int n_datasets;
    int64_t n_rows;
    int64_t block_rows; /* the most rows at once */
    int64_t chunk_rows; /* rows of a chunk; 1 without chunks */
    double band_bytes;  /* of the chunks side by side */

    bool *is_wide; /* (d) columns of 64-bit whole numbers, which may lose digits; NULL: none */

    hid_t record; /* records: the type of a row in memory, `width` values of 8 bytes */
    flow_h5_leaf *leaves;
    int n_leaves;

    flow_h5_part *parts; /* columns: of the datasets */
    int *place;          /* columns (d): the place of each column among the values of a row of its part */
    int *part_first, *part_next; /* (n_datasets), (d) columns: the columns of a part as a list; -1: its end */

    /* images: `width` values a row; `pick` (d) is the place of each chosen column in a row on file, and `width` that
     * of the label, which is in the second dataset.
     *
     * matrix: `n_spans` spans of columns are read, `width` columns in all; `pick` (d) is the place of each chosen
     * column among them. Without `scratch` the values are read directly into the rows. So are those of records. */
    hsize_t *span_first, *span_count;
    int n_spans, width;
    int *pick;
    double *scratch; /* (block_rows, width), of columns the widest part; (block_rows) for labels */
};

/* Records: a field that is read, of one value or of several. Its numbers are converted to double. */
struct flow_h5_leaf {
    flow_h5_value value; /* without its type */
    int place, n; /* of its values in a row in memory */
};

/* Columns: the values `first` to `first` + `width` - 1 of each row of a dataset are read. */
struct flow_h5_part {
    int first, width;
    int rank; /* of the dataset, 1 or 2 */
};

/* Room for n datasets, with invalid ids. */
flow_status flow_h5_layout_make_datasets(flow_h5_layout *layout, int n, flow_error *err);
/* Fills n_rows, and chooses block_rows for `row_values` values in a row and for the chunks of the datasets, which it
 * checks; adds remarks about values that were never written. */
flow_status flow_h5_layout_blocks(flow_h5_layout *layout, flow_reader *reader, int row_values, hsize_t n_rows,
                                  flow_error *err);
/* Memory for a block of rows of `row_values` values. */
flow_status flow_h5_layout_make_block(double **out, const flow_h5_layout *layout, int row_values, flow_error *err);
/* All columns are 64-bit whole numbers. */
flow_status flow_h5_layout_mark_wide(flow_h5_layout *layout, flow_error *err);
/* Makes blocks smaller, though whole chunks if that is possible: see flow_reader_limit. */
void flow_h5_layout_limit(flow_h5_layout *layout, int64_t rows);
void flow_h5_layout_free(flow_h5_layout *layout);

/* A type that holds the values of a dataset of numbers exactly. */
flow_value_type flow_h5_layout_type(hid_t dataset, const flow_h5_value *value);

/* Rows of a 1-D dataset, as values of `type`. */
flow_status flow_h5_layout_read_1d(hid_t dataset, hid_t type, void *out, int64_t first, int64_t count, flow_error *err);
/* The same as doubles. */
flow_status flow_h5_layout_read_values(hid_t dataset, const flow_h5_value *value, double *out, int64_t first,
                                       int64_t count, flow_error *err);

/* Appends the names in the attribute `columns` of a dataset; none when there is no such attribute. */
flow_status flow_h5_layout_names(flow_name_list *names, hid_t dataset, const char *where, flow_error *err);

#endif
