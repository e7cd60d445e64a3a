/* Locations such as "run7.h5:/train"; data/table.h lists the forms. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_LOCATION_H
#define FLOW_DATA_LOCATION_H

#include "core/error.h"
#include "data/name_list.h"
#include "data/table_format.h"

/* Owned; start from {0}. `path` is NULL when the location names the file alone. */
typedef struct flow_location {
    const flow_table_format *format;
    char *file; /* "-" for standard input and output */
    char *path; /* inside the file, beginning with "/" */
} flow_location;

/* For reading: the contents of the file decide its format. FLOW_IO when it does not exist, FLOW_FORMAT
 * when its name or a path inside it says that it should have another format. */
flow_status flow_location_find(flow_location *out, const char *location, flow_error *err);

/* For writing: the name decides the format. NULL is standard output. */
flow_status flow_location_name(flow_location *out, const char *location, flow_error *err);

/* The locations in "a.h5:/x,a.h5:/y", whose tables are joined by columns; the one itself where it is a single one. A
 * comma separates two of them if each is an existing file or has the ending of a table's name; paths are relative to
 * `dir`, NULL: the current folder. The list is the caller's; it is empty after an error. FLOW_MEMORY. */
flow_status flow_location_parts(flow_name_list *out, const char *dir, const char *location, flow_error *err);

/* The same location with each of them replaced by what `path_of(dir, part)` returns, which is freed; the caller's. NULL
 * when memory is out. */
char *flow_location_replace(const char *dir, const char *location, char *(*path_of)(const char *dir, const char *part));

/* That with flow_path_join. */
char *flow_location_join(const char *dir, const char *location);

void flow_location_free(flow_location *location);

#endif
