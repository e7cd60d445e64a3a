/* Putting one table into an HDF5 file that holds others. Internal to lib/data; inside a scope (h5/scope.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_UPDATE_H
#define FLOW_DATA_H5_UPDATE_H

#include <hdf5.h>

#include "core/error.h"
#include "core/replace.h"

/* When the file that `output` replaces is HDF5 and holds more than a dataset at `path`: copies it to the temporary
 * file, opens the copy as *out and removes the dataset from it, so that the next table joins the rest. *out is then the
 * caller's, after an error too. Otherwise *out is H5I_INVALID_HID and the temporary file is still empty. FLOW_EXISTS
 * when `path` is a group in the file, or `careful` and what is there is not of this program, FLOW_FORMAT when the file
 * cannot be read: its contents could not be kept. */
flow_status flow_h5_update(hid_t *out, flow_replacement *output, const char *path, bool careful, flow_error *err);

/* Removes the dataset at `path` from the new file, if there is one; FLOW_EXISTS when it is a group, or `careful` and it
 * has no mark. */
flow_status flow_h5_remove_table(hid_t file, const flow_replacement *output, const char *path, bool careful,
                                 flow_error *err);

/* Marks a dataset as written by this program: the attribute "written_by". */
flow_status flow_h5_mark(hid_t dataset, flow_error *err);

#endif
