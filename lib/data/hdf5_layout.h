/* How the rows of a table lie in an HDF5 file: as a matrix, as records, as one dataset per column. Internal to
 * lib/data. Whoever calls holds a flow_hdf5_hush. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_HDF5_LAYOUT_H
#define FLOW_DATA_HDF5_LAYOUT_H

#include <hdf5.h>
#include <stdint.h>

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
void flow_hdf5_layout_free(flow_hdf5_layout *layout);

#endif
