/* A model that was loaded to be used: with threads to run it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_SESSION_H
#define FLOW_CMD_SESSION_H

#include "command.h"
#include "flow/rows.h"
#include "format.h"
#include "model/model.h"

/* Starts from {0}. */
typedef struct session {
    flow_model *model;
    flow_runner *runner;
    int dim;                    /* d */
    int n_context;              /* c */
    int width;                  /* d + c: the values of a row that goes in */
    const char *const *columns; /* (d), borrowed from the model */
    const char *const *context; /* (c), borrowed from the model */
    bool numbered;              /* trained on data without names: the names are x1, x2, ... by place */
    bool chosen;                /* the columns were chosen by name, so that the data may have others */
} session;

/* `path` is a model file or the spec that trained it. */
flow_status session_open(session *out, const char *path, const common_args *common, flow_error *err);
/* The same, solving differential equations in `steps` equal steps of `method` (NULL: that of the model). */
flow_status session_open_in_steps(session *out, const char *path, const common_args *common, const char *method,
                                  int64_t steps, flow_error *err);
void session_close(session *s);

/* `first` (d) and then the names of the context: (d + c) names, the caller's (free), with room for two more; NULL when
 * memory is out. */
const char **session_names(const session *s, const char *const *first);

/* What solving took on the ways to `to`, for --json: {"mean", "most"} evaluations under "evaluations". Nothing for a
 * model without blocks that solve. */
void session_add_evaluations(cJSON *object, const session *s, flow_direction to);
/* The same for people: "; 36.2 evaluations a solve", or "". Writes into `out` and returns it. */
const char *session_evaluations(char out[FORMAT_SIZE], const session *s, flow_direction to);

/* How many threads to run: what was asked for, or all processors this process may use. */
int session_threads(const common_args *common);

/* FLOW_ARGUMENT when --json and the rows would both go to standard output. */
flow_status session_check_output(const common_args *common, const char *output, flow_error *err);

#endif
