/* Arrays of numbers (core/array.h) in HDF5 files, as datasets of two dimensions. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_ARRAY_H
#define FLOW_H5_ARRAY_H

#include <hdf5.h>
#include <stdbool.h>

#include "core/array.h"
#include "core/error.h"

/* Writes array->data to a new dataset of its name; the groups on the way are made. More than a few values are chunked
 * and checksummed. FLOW_IO. */
flow_status flow_h5_write_array(hid_t at, const flow_array *array, flow_error *err);

/* What an array in the file is, checked but not read: kind, rows and columns; out->name is `name`. FLOW_FORMAT when it
 * is missing, damaged, or no array that flow_h5_write_array writes. rows * cols * 8 does not overflow. */
flow_status flow_h5_look(flow_array *out, hid_t at, const char *name, flow_error *err);

/* Fills array->data from the dataset of its name, whose shape must be the array's. `exact`: so must be its kind;
 * otherwise a float is read as a double and the other way round. FLOW_FORMAT. */
flow_status flow_h5_read_array(const flow_array *array, hid_t at, bool exact, flow_error *err);

#endif
