/* Results on standard output. A reader that went away (`| head`) is a normal end, everything else that fails is not. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_OUTPUT_H
#define FLOW_CMD_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/error.h"

/* Writes and flushes. FLOW_IO when standard output does not take it, a full disk for instance. */
flow_status output_text(const char *text, flow_error *err);

/* Writes the object as one line. */
flow_status output_json(const cJSON *object, flow_error *err);

/* Whether standard output is a pipe or socket whose other end was closed. */
bool output_is_closed(void);

/* Whether `location` of an option -o is standard output: "-" or absent. */
bool output_is_standard(const char *location);

#endif
