/* Where per-row results go: a table writer that takes a closed pipe for a normal end.
 *
 * The location is that of an option -o: NULL and "-" are CSV on standard output. A model file is never replaced by a
 * table, nor is the file that is being read, and an HDF5 file keeps its other tables.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_SINK_H
#define FLOW_CMD_SINK_H

#include "data/table.h"

/* Starts from {0}. */
typedef struct sink {
    flow_writer *writer; /* NULL: nothing is written */
    bool standard;
    bool closed; /* nobody reads standard output any more: stop */
} sink;

/* `input` is the location that is being read, or NULL. */
flow_status sink_open(sink *out, const char *location, const char *const *columns, int n_columns, bool as_float,
                      const char *input, flow_error *err);
/* Both do nothing when nothing is to be written. */
flow_status sink_write(sink *s, const double *rows, size_t n_rows, flow_error *err);
flow_status sink_finish(sink *s, flow_error *err);
/* Gives up what was not finished. */
void sink_release(sink *s);

#endif
