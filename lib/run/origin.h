/* The provenance of a training: where its data came from, and each time that it was started or resumed. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ORIGIN_H
#define FLOW_RUN_ORIGIN_H

#include "run/version.h"

/* Of a table, or of the library of a density, which has `dimensions` instead of rows and columns. */
typedef struct flow_data_origin {
    const char *location, *checksum; /* absolute; "crc32:c7eff3b5" */
    int64_t rows, skipped, weightless;
    int columns, n_context, dimensions;
    double effective_rows;
    double black, white; /* values of images */
    flow_text_list classes; /* names of the labels 0, 1, ... */
    bool has_names, is_weighted, is_table, is_density, is_pictures;
    bool any; /* there are such data */
} flow_data_origin;

extern const flow_report_field flow_data_origin_fields[];

/* "?": not stored. */
typedef struct flow_training_run {
    const char *command, *host, *date, *version, *math;
    int threads;
    int64_t first_epoch;
    flow_libraries libraries;
} flow_training_run;

extern const flow_report_field flow_training_run_fields[];

/* The text of a checksum: "crc32:c7eff3b5". */
enum { FLOW_CHECKSUM_SIZE = 32 };
void flow_checksum_print(char out[FLOW_CHECKSUM_SIZE], uint32_t checksum);

/* `key` ("train") of the provenance of a model; strings are borrowed from it. */
flow_data_origin flow_data_origin_read(const cJSON *data, const char *key);

#endif
