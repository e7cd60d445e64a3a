/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/valid_rows.h"

#include <stdlib.h>
#include <string.h>

int64_t flow_count_invalid(const char *location, const flow_reader_options *how, const char *name, int64_t *n_good,
                           char **note)
{
    enum { ROWS = 4096 };
    double values[ROWS];
    flow_reader_options options = *how;
    options.columns = &name;
    options.n_columns = 1;
    options.n_last = 0;
    options.skip_invalid = true;
    flow_reader *reader = NULL;
    size_t n = 0;
    flow_status status = flow_reader_open(&reader, location, &options, NULL);
    *n_good = 0;
    do {
        if (status == FLOW_OK)
            status = flow_reader_read(reader, values, NULL, ROWS, &n, NULL);
        *n_good += (int64_t)n;
    } while (status == FLOW_OK && n > 0);
    if (note != NULL) {
        *note = reader != NULL ? reader->note : NULL;
        if (reader != NULL)
            reader->note = NULL;
    }
    int64_t skipped = status == FLOW_OK && reader != NULL ? reader->n_skipped : -1;
    flow_reader_close(reader);
    return skipped;
}

void flow_find_first_invalid(char message[FLOW_ERROR_SIZE], const char *location, const flow_reader_options *how,
                             const char *const *columns, int n_columns)
{
    enum { ROWS = 256 };
    flow_reader_options options = *how;
    options.columns = columns;
    options.n_columns = n_columns;
    options.skip_invalid = false;
    flow_reader *reader = NULL;
    flow_error err = {0};
    size_t n = 0;
    flow_status status = flow_reader_open(&reader, location, &options, &err);
    double *rows = status == FLOW_OK ? calloc(ROWS, (size_t)reader->columns.n * sizeof *rows) : NULL;
    if (status == FLOW_OK && rows == NULL)
        status = FLOW_MEMORY;
    do {
        if (status == FLOW_OK)
            status = flow_reader_read(reader, rows, NULL, ROWS, &n, &err);
    } while (status == FLOW_OK && n > 0);
    message[0] = '\0';
    if (status != FLOW_OK)
        memcpy(message, err.message, sizeof err.message);
    flow_reader_close(reader);
    free(rows);
}
