/* A model that was loaded to be used: with threads to run it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_SESSION_H
#define FLOW_CMD_SESSION_H

#include "command.h"
#include "flow/rows.h"
#include "model/model.h"

/* Starts from {0}. */
typedef struct session {
    flow_model *model;
    flow_runner *runner;
    int dim;                    /* d */
    const char *const *columns; /* (d), borrowed from the model */
} session;

/* `path` is a model file or the spec that trained it. */
flow_status session_open(session *out, const char *path, const common_args *common, flow_error *err);
void session_close(session *s);

/* How many threads to run: what was asked for, or all processors this process may use. */
int session_threads(const common_args *common);

/* FLOW_ARGUMENT when --json and the rows would both go to standard output. */
flow_status session_check_output(const common_args *common, const char *output, flow_error *err);

#endif
