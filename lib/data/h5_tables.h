/* The tables in an HDF5 file, for locations without a path and for messages. Internal to lib/data; inside a scope
 * (h5/scope.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_TABLES_H
#define FLOW_DATA_H5_TABLES_H

#include <hdf5.h>

#include "core/error.h"
#include "data/name_list.h"

/* The path of the only table in the file, and a remark about what has as many rows and is no table, or NULL; both are
 * the caller's. FLOW_DATA with a list when there is none, or more. */
flow_status flow_h5_only_table(char **path, char **beside, hid_t file, const char *name, flow_error *err);

/* All tables in a file. The caller owns both lists, also after an error. Begins and ends a scope itself. */
flow_status flow_h5_all_tables(flow_name_list *paths, flow_name_list *sizes, const char *file, flow_error *err);

/* FLOW_DATA: there is no `path` in the file; the message lists its tables. */
flow_status flow_h5_no_table_at(hid_t file, const char *name, const char *path, flow_error *err);

#endif
