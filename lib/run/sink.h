/* Where the rows of a result go: a table writer for which a closed pipe on standard output is a normal end.
 *
 * The location is that of an option -o: "-" is CSV on standard output, NULL writes nothing. A table never replaces a
 * model file or the file that is read, and an HDF5 file keeps its other tables.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_SINK_H
#define FLOW_RUN_SINK_H

#include "data/table.h"

/* Starts from {0}. */
typedef struct flow_sink {
    flow_writer *writer; /* NULL: nothing is written */
    bool standard;
    bool closed; /* the reader of standard output is gone: stop */
} flow_sink;

/* `input` is the location that is read, or NULL. */
flow_status flow_sink_open(flow_sink *out, const char *location, const char *const *columns, int n_columns,
                           bool as_float, const char *input, flow_error *err);
/* Both do nothing for a NULL location. */
flow_status flow_sink_write(flow_sink *s, const double *rows, size_t n_rows, flow_error *err);
flow_status flow_sink_finish(flow_sink *s, flow_error *err);
/* Abandons what was not finished. */
void flow_sink_release(flow_sink *s);

/* Whether standard output is a pipe or socket whose other end was closed. */
bool flow_output_is_closed(void);

#endif
