/* Locations such as "run7.h5:/train"; data/table.h lists the forms. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_LOCATION_H
#define FLOW_DATA_LOCATION_H

#include "core/error.h"

typedef enum flow_location_kind { FLOW_LOCATION_STANDARD, FLOW_LOCATION_CSV, FLOW_LOCATION_HDF5 } flow_location_kind;

/* Owned; start from {0}. `path` is NULL when the location names the file alone. */
typedef struct flow_location {
    flow_location_kind kind;
    char *file; /* "-" for standard input and output */
    char *path; /* inside an HDF5 file, beginning with "/" */
} flow_location;

/* For reading: the contents of the file decide its kind. FLOW_IO when it does not exist or is a folder, FLOW_ARGUMENT
 * for a path inside a file that is not HDF5. */
flow_status flow_location_find(flow_location *out, const char *location, flow_error *err);

/* For writing: the name decides the kind. NULL is standard output. */
flow_status flow_location_name(flow_location *out, const char *location, flow_error *err);

void flow_location_free(flow_location *location);

#endif
