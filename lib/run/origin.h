/* Where the data of a training came from: what provenance says of them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ORIGIN_H
#define FLOW_RUN_ORIGIN_H

#include "run/report.h"

/* Of a table, or of the library of a density, which has `dimensions` instead of rows and columns. */
typedef struct flow_data_origin {
    const char *location, *checksum; /* absolute; "crc32:c7eff3b5" */
    int64_t rows, skipped, weightless;
    int columns, n_context, dimensions;
    double effective_rows;
    bool has_names, is_weighted, is_table, is_density;
    bool any; /* there are such data */
} flow_data_origin;

extern const flow_report_field flow_data_origin_fields[];

/* `key` ("train") of the provenance of a model; strings are borrowed from it. */
flow_data_origin flow_data_origin_read(const cJSON *data, const char *key);

#endif
