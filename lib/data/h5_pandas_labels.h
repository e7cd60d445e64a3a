/* The names of rows or columns in a group of pandas, format="fixed". Internal to lib/data; inside a scope. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_PANDAS_LABELS_H
#define FLOW_DATA_H5_PANDAS_LABELS_H

#include <hdf5.h>

#include "core/error.h"
#include "data/name_list.h"

/* Appends the labels of the axis `name`: texts, numbers, or those of several levels with "." between them; none when
 * they are something else, such as objects of Python. */
flow_status flow_h5_pandas_labels(flow_name_list *out, hid_t group, const char *name, flow_error *err);

#endif
