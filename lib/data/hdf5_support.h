/* Small things around the HDF5 library: quiet failures, its own words in our messages, what objects are. Internal to
 * lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_HDF5_SUPPORT_H
#define FLOW_DATA_HDF5_SUPPORT_H

#include <hdf5.h>
#include <stdbool.h>

#include "core/error.h"
#include "data/table_impl.h"

/* HDF5 prints a stack of errors by default, and keeps global state for one thread at a time. Whoever calls it holds a
 * hush meanwhile, and with it the lock of the library (h5/lock.h); a hush is not asked for within another. */
typedef struct flow_hdf5_hush {
    H5E_auto2_t print;
    void *data;
} flow_hdf5_hush;

flow_hdf5_hush flow_hdf5_quiet(void);
void flow_hdf5_restore(const flow_hdf5_hush *hush);

/* Fills *err with the message, ": " and the innermost message of HDF5's last failure. Call it before anything else of
 * HDF5. Returns `code`. */
flow_status flow_hdf5_error(flow_error *err, flow_status code, const char *format, ...) FLOW_PRINTF(3, 4);

/* Whether a regular file begins like HDF5, perhaps behind a user block. */
bool flow_hdf5_has_signature(const char *file);

/* Opens a file for reading; negative after FLOW_FORMAT. */
hid_t flow_hdf5_open(const char *file, flow_error *err);

/* Each accepts an invalid id. */
void flow_hdf5_close_type(hid_t id);
void flow_hdf5_close_space(hid_t id);
void flow_hdf5_close_dataset(hid_t id);
void flow_hdf5_close_object(hid_t id);
void flow_hdf5_close_list(hid_t id);

/* What a dataset looks like from outside. */
enum { FLOW_HDF5_RANK_MAX = 32 };

typedef struct flow_hdf5_shape {
    int rank; /* -1: no values at all */
    hsize_t size[FLOW_HDF5_RANK_MAX];
    H5T_class_t type; /* H5T_INTEGER, H5T_FLOAT, H5T_COMPOUND, ... */
} flow_hdf5_shape;

flow_status flow_hdf5_shape_of(flow_hdf5_shape *out, hid_t dataset, flow_error *err);
bool flow_hdf5_is_number(H5T_class_t type);
/* "(1000, 5)" and "text": for messages. */
void flow_hdf5_describe_shape(char *out, size_t size, const flow_hdf5_shape *shape);
const char *flow_hdf5_describe_type(H5T_class_t type);

/* The names in a `columns` attribute, fixed-length or variable-length strings; none when there is no such attribute. */
flow_status flow_hdf5_read_names(flow_names *names, hid_t dataset, const char *where, flow_error *err);

#endif
