/* How the values of a dataset or of a member of records become doubles.
 *
 * The HDF5 library converts integers, floats, and enumerations (so h5py stores booleans), which have the numbers that
 * stand in the file for their names. Bitfields (so PyTables and pandas store booleans) are whole numbers. The
 * attributes of netCDF are applied to datasets: `_Unsigned` whole numbers have no sign; values of `_FillValue` and
 * `missing_value`, and those outside of `valid_min`, `valid_max` or `valid_range`, become NaN, and all others are
 * multiplied by `scale_factor` and shifted by `add_offset`. In whole numbers of R (rhdf5) the least 32-bit number is
 * NaN.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_VALUE_H
#define FLOW_H5_VALUE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

enum { FLOW_H5_MISSING_MAX = 8 };

/* Released with flow_h5_value_free. */
typedef struct flow_h5_value {
    hid_t memory;     /* the type to read: doubles, or bitfields of `code_size` bytes */
    size_t code_size; /* 0: doubles */
    bool is_wide;     /* whole numbers of 64 bits, which may be beyond what a double holds exactly */
    int n_missing;
    double missing[FLOW_H5_MISSING_MAX]; /* on file */
    double wrap; /* is added to negative numbers on file; 0: nothing is */
    bool is_bounded;
    double least, most; /* valid numbers on file */
    double scale, offset;
} flow_h5_value;

/* Whether values of this type can be read. */
bool flow_h5_is_value(hid_t type);

/* FLOW_FORMAT when the type or an attribute is damaged. */
flow_status flow_h5_value_of_type(flow_h5_value *out, hid_t type, flow_error *err);
flow_status flow_h5_value_of(flow_h5_value *out, hid_t dataset, flow_error *err);
/* Makes a value NaN. */
void flow_h5_value_mark_missing(flow_h5_value *value, double missing);
void flow_h5_value_free(flow_h5_value *value);

/* Whether what is read are the values. */
bool flow_h5_value_is_plain(const flow_h5_value *value);

/* Makes doubles, in place, of n values side by side that were read as `memory`; `data` has room for them. */
void flow_h5_value_decode(const flow_h5_value *value, double *data, size_t n);

#endif
