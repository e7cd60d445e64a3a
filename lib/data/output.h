/* Files that appear at once or not at all.
 *
 * An output is written under a temporary name in the folder where it will stand, brought to the disk, and renamed: a
 * reader sees the old file or the new one, whatever happens in between. A symbolic link stays and what it points to is
 * replaced. What is there but is no regular file (/dev/null, a FIFO) is written to directly.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_OUTPUT_H
#define FLOW_DATA_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Owned; start from {0}, end with flow_output_abandon, which after a commit only frees. */
typedef struct flow_output {
    char *name;      /* as it was given, for messages */
    char *target;    /* what will be replaced; NULL for standard output */
    char *temporary; /* what is written; NULL when the target is written to directly, and after the commit */
    int descriptor;
    bool is_open;
} flow_output;

/* "-" is standard output. `needs_file` refuses what is no regular file. */
flow_status flow_output_open(flow_output *out, const char *file, bool needs_file, flow_error *err);

/* Writes all of it. A pipe that nobody reads any more is an error like any other: no signal is raised. */
flow_status flow_output_write(flow_output *output, const void *bytes, size_t n, flow_error *err);

flow_status flow_output_commit(flow_output *output, flow_error *err);
void flow_output_abandon(flow_output *output);

#endif
