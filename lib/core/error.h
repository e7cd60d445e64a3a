/* Status codes and error messages.
 *
 * Every function that can fail returns a flow_status. On failure it also fills the caller's flow_error; the caller may
 * pass NULL and gets the code only. A message is one sentence without a trailing newline. It says what is wrong, where
 * (file, row, column, JSON path) and what to do. The library never prints and never exits.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_ERROR_H
#define FLOW_CORE_ERROR_H

#include <stdarg.h>

#include "core/status.h"

#if defined(__GNUC__)
#define FLOW_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define FLOW_PRINTF(text, first)
#endif

/* Fills *err (if not NULL) and returns `code`, so that a failing line reads `return flow_error_set(...)`. */
flow_status flow_error_set(flow_error *err, flow_status code, const char *format, ...) FLOW_PRINTF(3, 4);
flow_status flow_error_setv(flow_error *err, flow_status code, const char *format, va_list args) FLOW_PRINTF(3, 0);

/* Puts text in front of the message that is in *err (if not NULL) and returns `code`, the code of the failure. With
 * FLOW_OK it only returns, so that `return flow_error_prefix(err, status, ...)` ends a function. */
flow_status flow_error_prefix(flow_error *err, flow_status code, const char *format, ...) FLOW_PRINTF(3, 4);

/* FLOW_MEMORY with the message that there is no memory for `what`. */
flow_status flow_error_memory(flow_error *err, const char *what);

/* FLOW_IO for a file that cannot be opened to be read; `code` is the errno of the failure. */
flow_status flow_error_open(flow_error *err, const char *file, int code);

/* Ends a function with the status of `call` unless that is FLOW_OK: for functions that hold nothing to be released. */
#define FLOW_TRY(call)                                \
    do {                                              \
        const flow_status flow_tried_status = (call); \
        if (flow_tried_status != FLOW_OK)             \
            return flow_tried_status;                 \
    } while (0)

/* Ends a constructor: gives what it made to the caller, or after a failure releases it and gives NULL. */
#define FLOW_RETURN_MADE(out, made, release, status)          \
    do {                                                      \
        const flow_status flow_made_status = (status);        \
        *(out) = flow_made_status == FLOW_OK ? (made) : NULL; \
        if (flow_made_status != FLOW_OK)                      \
            release(made);                                    \
        return flow_made_status;                              \
    } while (0)

#endif
