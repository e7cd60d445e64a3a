/* Crashes of the HDF5 library by a damaged file: a message and status 1 (docs/decisions/51-crashes.md). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_CRASH_H
#define FLOW_CMD_CRASH_H

/* Handles the signals of a crash while a thread uses the HDF5 library; any other crash goes on as without a handler.
 * `name` is that of a rank other than the first one of a job, which speaks only if the first one does not crash as
 * well; NULL: no such rank. Borrowed for good. */
void crash_watch(const char *name);

#endif
