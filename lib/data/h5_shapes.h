/* The shapes of a table in an HDF5 file. Internal to lib/data; inside a scope (h5/scope.h).
 *
 * Each function receives a layout whose only dataset is the table, chooses the columns, and fills the layout and the
 * common part of the reader.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_SHAPES_H
#define FLOW_DATA_H5_SHAPES_H

#include "data/h5_layout.h"

/* A dataset of numbers, 2-D or, with one column, 1-D (h5_matrix.c). The attribute `columns` names the columns; without
 * it a 1-D dataset has the name of the last part of its path. */
flow_status flow_h5_open_matrix(flow_h5_layout *layout, flow_reader *reader, const flow_h5_shape *shape,
                                const char *path, const flow_reader_options *options, flow_error *err);

/* Where a dataset is. */
typedef struct flow_h5_place {
    hid_t file;
    const char *path;
} flow_h5_place;

/* A dataset of images, of 3 or 4 dimensions (h5_images.c). If the options ask for the context column FLOW_LABEL, that
 * column is read from the dataset of labels beside the images. */
flow_status flow_h5_open_images(flow_h5_layout *layout, flow_reader *reader, const flow_h5_shape *shape,
                                const flow_h5_place *place, const flow_reader_options *options, flow_error *err);

/* A 1-D compound dataset: one member per column (h5_records.c). */
flow_status flow_h5_open_records(flow_h5_layout *layout, flow_reader *reader, const flow_h5_shape *shape,
                                 const flow_reader_options *options, flow_error *err);

/* A group of 1-D datasets of one length, one per column (h5_columns.c). The layout's dataset is the group; those of the
 * chosen columns replace it. */
flow_status flow_h5_open_group(flow_h5_layout *layout, flow_reader *reader, const flow_reader_options *options,
                               flow_error *err);

#endif
