/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

flow_status flow_error_setv(flow_error *err, flow_status code, const char *format, va_list args)
{
    if (err != NULL) {
        err->code = code;
        vsnprintf(err->message, sizeof err->message, format, args);
    }
    return code;
}

flow_status flow_error_set(flow_error *err, flow_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flow_error_setv(err, code, format, args);
    va_end(args);
    return code;
}

flow_status flow_error_prefix(flow_error *err, flow_status code, const char *format, ...)
{
    if (err == NULL || code == FLOW_OK)
        return code;
    char head[FLOW_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(head, sizeof head, format, args);
    va_end(args);
    size_t used = strlen(head);
    snprintf(head + used, sizeof head - used, "%s", err->message);
    memcpy(err->message, head, sizeof head);
    return code;
}

flow_status flow_error_open(flow_error *err, const char *file, int code)
{
    if (code == ENOENT)
        return flow_error_set(err, FLOW_IO, "%s: there is no such file", file);
    return flow_error_set(err, FLOW_IO, "%s: cannot be opened: %s", file, strerror(code));
}

flow_status flow_error_memory(flow_error *err, const char *what)
{
    return flow_error_set(err, FLOW_MEMORY, "out of memory for %s", what);
}
