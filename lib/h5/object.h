/* Objects in HDF5 files: closing them, what a dataset looks like, groups on the way to one. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_OBJECT_H
#define FLOW_H5_OBJECT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

#if H5_VERSION_GE(1, 12, 0)
typedef H5L_info2_t flow_h5_link_info;
#else
typedef H5L_info_t flow_h5_link_info;
#endif

/* Closes an id of any kind. True for success and for an invalid id, which is ignored. */
bool flow_h5_close(hid_t id);

/* A property list of this class for new objects, without times: then equal contents are equal bytes. */
hid_t flow_h5_untimed(hid_t property_class);

/* Whether two ids are of the same object: groups and datasets may have several names. */
bool flow_h5_is_same(hid_t a, hid_t b);

/* Makes the groups on the way to `path`, relative to `at` or from the root; false on failure. */
bool flow_h5_make_groups(hid_t at, const char *path);

/* The data type and the dataspace of a dataset or an attribute; the caller's. */
hid_t flow_h5_type_of(hid_t object);
hid_t flow_h5_space_of(hid_t object);

/* What a dataset or an attribute looks like from outside. */
enum { FLOW_H5_RANK_MAX = 32 };

typedef struct flow_h5_shape {
    int rank; /* 0: a single value; -1: no value at all */
    hsize_t size[FLOW_H5_RANK_MAX];
    H5T_class_t type; /* H5T_INTEGER, H5T_FLOAT, H5T_COMPOUND, ... */
} flow_h5_shape;

/* FLOW_FORMAT when the object is damaged. */
flow_status flow_h5_shape_of(flow_h5_shape *out, hid_t object, flow_error *err);

/* Integers, floats, enumerations and bitfields: h5/value.h. */
bool flow_h5_is_number(H5T_class_t type);
/* For messages: "(1000, 5)", and "text". */
void flow_h5_describe_shape(char *out, size_t size, const flow_h5_shape *shape);
const char *flow_h5_describe_type(H5T_class_t type);

#endif
