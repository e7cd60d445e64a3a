/* The shapes of a table in an HDF5 file. Internal to lib/data; inside a scope (h5/scope.h).
 *
 * Each function chooses the columns, and fills the layout and the common part of the reader. The first ones receive a
 * layout whose only dataset is the table.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_SHAPES_H
#define FLOW_DATA_H5_SHAPES_H

#include "data/h5_layout.h"
#include "data/h5_members.h"

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

/* A 1-D compound dataset (h5_records.c): one column for each number in it. */
flow_status flow_h5_open_records(flow_h5_layout *layout, flow_reader *reader, const flow_reader_options *options,
                                 flow_error *err);

/* The functions below receive a layout without datasets.
 *
 * A group of datasets of one length, the columns of which are joined (h5_columns.c). `turned`: those of two dimensions
 * have their columns as rows. */
flow_status flow_h5_open_group(flow_h5_layout *layout, flow_reader *reader, hid_t group, bool turned,
                               const flow_reader_options *options, flow_error *err);
/* A 2-D dataset in a group whose rows run along its second dimension. */
flow_status flow_h5_open_across(flow_h5_layout *layout, flow_reader *reader, const flow_h5_member *member, hid_t group,
                                const flow_reader_options *options, flow_error *err);
/* A group or a table that pandas wrote (h5_pandas.c). The id of the object is taken over. */
bool flow_h5_is_pandas(hid_t object);
/* How many rows and columns a group of pandas has, for people. */
void flow_h5_pandas_size(hsize_t *rows, hsize_t *columns, hid_t group);
flow_status flow_h5_open_pandas(flow_h5_layout *layout, flow_reader *reader, hid_t object,
                                const flow_reader_options *options, flow_error *err);

#endif
