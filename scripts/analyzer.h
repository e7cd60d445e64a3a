/* Tells the analyzers that a function which fails does not return FLOW_OK: they look at one source file at a time and
 * would follow `return flow_error_set(...)` into success. Included by `make lint` before each file but error.c.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SCRIPTS_ANALYZER_H
#define SCRIPTS_ANALYZER_H

#include "core/error.h"

#define flow_error_set(err, code, ...) ((void)(flow_error_set)(err, code, __VA_ARGS__), (code))
#define flow_error_memory(err, what) ((void)(flow_error_memory)(err, what), FLOW_MEMORY)

#endif
