/* The three kinds of file that `flowctl info` describes. Internal to the command. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_INFO_H
#define FLOW_CMD_INFO_H

#include "command.h"

typedef struct info_args {
    common_args common;
    const char *file;
    const char *columns; /* "a,b,c", or NULL */
    int64_t dim;
    bool history;
} info_args;

flow_status info_spec(const info_args *args, console *con, flow_error *err);
flow_status info_model(const info_args *args, flow_error *err);
flow_status info_data(const info_args *args, flow_error *err);

#endif
