/* Status codes and error messages.
 *
 * Every function that can fail returns a flow_status and, when it fails, fills the flow_error the caller passed in
 * (NULL is allowed: then only the code is returned). A message says what was wrong, where (file, row, column, JSON
 * path) and what to do about it; it is a sentence for people, without a trailing newline. The library never prints
 * and never exits.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_ERROR_H
#define FLOW_CORE_ERROR_H

#include <stdarg.h>

#if defined(__GNUC__)
#define FLOW_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define FLOW_PRINTF(text, first)
#endif

/* One list makes the codes and their strings. */
#define FLOW_STATUSES(X)                                                 \
    X(OK, "success")                                                     \
    X(MEMORY, "out of memory")                                           \
    X(ARGUMENT, "a function was called with an unusable argument")       \
    X(SPEC, "the model spec or an option is not valid")                  \
    X(DATA, "the data are not valid")                                    \
    X(IO, "a file could not be read or written")                         \
    X(FORMAT, "the file is damaged or not of the expected kind")         \
    X(NUMERIC, "the computation left the range of finite numbers")       \
    X(EXISTS, "the file exists already")                                 \
    X(INTERRUPTED, "interrupted by a signal")

typedef enum flow_status {
#define X(code, text) FLOW_##code,
    FLOW_STATUSES(X)
#undef X
} flow_status;

enum { FLOW_ERROR_SIZE = 1024 };

typedef struct flow_error {
    flow_status code;
    char message[FLOW_ERROR_SIZE];
} flow_error;

/* A short constant description of a code; never NULL. */
const char *flow_status_text(flow_status code);

/* Fills *err (if not NULL) and returns `code`, so that a failing line reads `return flow_error_set(...)`. */
flow_status flow_error_set(flow_error *err, flow_status code, const char *format, ...) FLOW_PRINTF(3, 4);
flow_status flow_error_setv(flow_error *err, flow_status code, const char *format, va_list args) FLOW_PRINTF(3, 0);

/* Puts context in front of the message already in *err and returns its code. */
flow_status flow_error_prefix(flow_error *err, const char *format, ...) FLOW_PRINTF(2, 3);

/* The code and message of a failed allocation of `what`. */
flow_status flow_error_memory(flow_error *err, const char *what);

#endif
