/* Putting one table into an HDF5 file that holds others. Internal to lib/data. Whoever calls holds a flow_hdf5_hush. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_HDF5_UPDATE_H
#define FLOW_DATA_HDF5_UPDATE_H

#include <hdf5.h>
#include <stdbool.h>

#include "core/error.h"
#include "data/output.h"

/* When the file that `output` will replace is HDF5 and holds more than a dataset at `path`: copies it to the temporary
 * file, removes the dataset from the copy, and sets *update: what is written next joins the rest. Otherwise *update is
 * false and the temporary file is still empty. FLOW_EXISTS when `path` is a group in it, FLOW_FORMAT when it cannot be
 * read, as what it holds could not be kept. */
flow_status flow_hdf5_update(bool *update, flow_output *output, const char *path, hid_t access, flow_error *err);

#endif
