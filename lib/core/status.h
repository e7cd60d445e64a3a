/* What a function that can fail returns, and the message that goes with it. Part of the public interface: flowctl.h
 * includes this file and it is installed. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_STATUS_H
#define FLOW_CORE_STATUS_H

typedef enum flow_status {
    FLOW_OK,
    FLOW_MEMORY,      /* an allocation failed */
    FLOW_ARGUMENT,    /* an argument of a function or an option of a command is not valid */
    FLOW_SPEC,        /* the model spec is not valid */
    FLOW_DATA,        /* the data are not valid */
    FLOW_IO,          /* a file cannot be read or written */
    FLOW_FORMAT,      /* a file is damaged or not of the expected kind */
    FLOW_NUMERIC,     /* the computation left the range of finite numbers */
    FLOW_EXISTS,      /* the file exists already */
    FLOW_INTERRUPTED, /* a signal stopped the work */
} flow_status;

enum { FLOW_ERROR_SIZE = 1024 };

typedef struct flow_error {
    flow_status code;
    char message[FLOW_ERROR_SIZE]; /* cut off where it does not fit */
} flow_error;

#endif
