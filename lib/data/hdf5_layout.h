/* How the rows of a table lie in an HDF5 file: as a matrix, as records, as one dataset per column. Internal to
 * lib/data. Whoever calls holds a flow_hdf5_hush. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_HDF5_LAYOUT_H
#define FLOW_DATA_HDF5_LAYOUT_H

#include <hdf5.h>
#include <stdint.h>

#include "data/hdf5_support.h"
#include "data/table_impl.h"

typedef struct flow_hdf5_layout flow_hdf5_layout;

struct flow_hdf5_layout {
    /* Reads `count` rows from row `first` on into rows (count, d). */
    flow_status (*read)(flow_hdf5_layout *layout, double *rows, int64_t first, int64_t count, flow_error *err);
    int d;
    hid_t *datasets; /* (n_datasets): one, or one per chosen column */
    int n_datasets;
    int64_t block_rows; /* the most rows at once */
    int64_t chunk_rows; /* rows of a chunk; 1 without chunks */
    double band_bytes;  /* of the chunks side by side */

    hid_t record; /* records: the chosen members as doubles, in the chosen order */

    /* matrix: what is read is `n_runs` runs of columns, `width` columns in all; `pick` (d) is where each chosen column
     * lies among those. Without `scratch` what is read is what is wanted. */
    hsize_t *run_first, *run_count;
    int n_runs, width;
    int *pick;
    double *scratch; /* (block_rows, width), or (block_rows) for columns */
};

/* Understands the dataset or group `object`, which becomes the layout's, chooses the columns, and fills the common part
 * of the reader. The layout is the caller's to free even after an error. */
flow_status flow_hdf5_layout_open(flow_hdf5_layout *out, flow_reader *reader, hid_t object, const char *path,
                                  const flow_reader_options *options, flow_error *err);
flow_status flow_hdf5_layout_read(flow_hdf5_layout *layout, double *rows, int64_t first, int64_t count,
                                  flow_error *err);
/* Makes blocks smaller, though whole chunks if that is possible: see flow_reader_limit. */
void flow_hdf5_layout_limit(flow_hdf5_layout *layout, int64_t rows);
void flow_hdf5_layout_free(flow_hdf5_layout *layout);

/* ---- pieces of layouts: hdf5_matrix.c, hdf5_columns.c, hdf5_layout.c */

/* Each fills a layout whose only dataset so far is the table: a matrix, a 1-D dataset, or the group itself, in whose
 * place the datasets of the chosen columns come. */
flow_status flow_hdf5_open_matrix(flow_hdf5_layout *layout, flow_reader *reader, const flow_hdf5_shape *shape,
                                  const flow_reader_options *options, flow_error *err);
flow_status flow_hdf5_open_vector(flow_hdf5_layout *layout, flow_reader *reader, const flow_hdf5_shape *shape,
                                  const char *path, const flow_reader_options *options, flow_error *err);
flow_status flow_hdf5_open_group(flow_hdf5_layout *layout, flow_reader *reader, flow_hdf5_shape *shape,
                                 const flow_reader_options *options, flow_error *err);

/* Chooses block_rows for `row_values` values in a row and for the chunks of the datasets, and checks those. */
flow_status flow_hdf5_plan_blocks(flow_hdf5_layout *layout, int row_values, const flow_hdf5_shape *shape,
                                  flow_error *err);
flow_status flow_hdf5_make_scratch(flow_hdf5_layout *layout, int row_values, flow_error *err);
flow_status flow_hdf5_read_1d(hid_t dataset, hid_t type, void *out, int64_t first, int64_t count, flow_error *err);
flow_status flow_hdf5_not_numbers(const flow_reader *reader, const char *column, H5T_class_t type, flow_error *err);

#endif
