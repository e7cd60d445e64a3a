/* How the rows of a table lie in an HDF5 file, and in which blocks they are read. Internal to lib/data; inside a scope
 * (h5/scope.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_LAYOUT_H
#define FLOW_DATA_H5_LAYOUT_H

#include <hdf5.h>
#include <stdint.h>

#include "data/reader.h"
#include "h5/object.h"

typedef struct flow_h5_layout flow_h5_layout;

struct flow_h5_layout {
    /* Reads `count` rows from row `first` on into rows (count, d). */
    flow_status (*read)(flow_h5_layout *layout, double *rows, int64_t first, int64_t count, flow_error *err);
    int d;
    hid_t *datasets; /* (n_datasets): one, or one per chosen column */
    int n_datasets;
    int64_t n_rows;
    int64_t block_rows; /* the most rows at once */
    int64_t chunk_rows; /* rows of a chunk; 1 without chunks */
    double band_bytes;  /* of the chunks side by side */

    hid_t record; /* records: the chosen members as doubles, in the chosen order */

    /* images: `width` values a row; `pick` (d) is the place of each chosen column in a row on file, and `width` that
     * of the label, which is in the second dataset.
     *
     * matrix: `n_spans` spans of columns are read, `width` columns in all; `pick` (d) is the place of each chosen
     * column among them. Without `scratch` the values are read directly into the rows. */
    hsize_t *span_first, *span_count;
    int n_spans, width;
    int *pick;
    double *scratch; /* (block_rows, width), (block_rows) for columns and for labels */
};

/* Fills n_rows, and chooses block_rows for `row_values` values in a row and for the chunks of the datasets, which it
 * checks. `where` names the table in messages. */
flow_status flow_h5_layout_blocks(flow_h5_layout *layout, int row_values, const flow_h5_shape *shape, const char *where,
                                  flow_error *err);
/* Memory for a block of rows of `row_values` values. */
flow_status flow_h5_layout_make_block(double **out, const flow_h5_layout *layout, int row_values, flow_error *err);
/* Makes blocks smaller, though whole chunks if that is possible: see flow_reader_limit. */
void flow_h5_layout_limit(flow_h5_layout *layout, int64_t rows);
void flow_h5_layout_free(flow_h5_layout *layout);

/* A type that holds the values of a dataset of numbers exactly. */
flow_value_type flow_h5_layout_type(hid_t dataset);

/* Rows of a 1-D dataset, as values of `type`. */
flow_status flow_h5_layout_read_1d(hid_t dataset, hid_t type, void *out, int64_t first, int64_t count, flow_error *err);

/* Appends the names in the attribute `columns` of a dataset; none when there is no such attribute. */
flow_status flow_h5_layout_names(flow_name_list *names, hid_t dataset, const char *where, flow_error *err);

/* FLOW_DATA: a chosen column does not hold numbers. */
flow_status flow_h5_layout_not_numbers(const char *where, const char *column, H5T_class_t type, flow_error *err);

#endif
