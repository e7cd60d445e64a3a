/* The program around its commands: dispatch, help pages, version, exit codes.
 *
 * Exit codes: 0 success, 1 failure, 2 a mistake in the command line or the spec, 128 + n stopped by signal n.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_PROGRAM_H
#define FLOW_CMD_PROGRAM_H

#include "command.h"

/* Runs what the command line says and returns the exit code. `commands` is NULL-terminated. */
int program_run(const command *const *commands, int argc, char **argv);

#endif
