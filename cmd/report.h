/* Results on standard output, as text or as JSON. A reader that closes its end of a pipe (`| head`) is a normal end;
 * any other failure is an error. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_REPORT_H
#define FLOW_CMD_REPORT_H

#include "console.h"
#include "run/report.h"

/* Writes the text to standard output, flushes and frees it. FLOW_IO when it cannot be written, for instance on a full
 * disk. */
flow_status report_take(flow_text *text, flow_error *err);

/* The same of a JSON text and a newline; NULL: memory is out. */
flow_status report_document(char *json, flow_error *err);

/* How the struct at `result` is printed. */
typedef struct report_format {
    bool json;
    const flow_report_field *fields;
    int indent, width; /* of the labels of the text */
    bool wrap;         /* break long lines of the text; what follows is indented a little more than the values */
    bool note;         /* the text is a note of the console, and not on standard output */
} report_format;
flow_status report_print(console *con, const report_format *format, const void *result, flow_error *err);

#endif
