/* The file that a command writes: what must not be replaced, and other programs that write it at the same time. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_OUTPUT_H
#define FLOW_RUN_OUTPUT_H

#include <stdbool.h>

#include "core/lock.h"
#include "model/model.h"
#include "run/hooks.h"

/* What a command reads, which its output must not replace. All are borrowed, and may be NULL. */
typedef struct flow_output_sources {
    const char *model;         /* the model or spec that was named */
    const char *data, *given;  /* locations of tables; `given` may be values */
    const flow_model *trained; /* the data that it was trained on need `force` */
    bool force;                /* replace a file of another program */
} flow_output_sources;

/* FLOW_EXISTS when the file at `location`, that of `option` ("-o"), is a model or a spec, holds what the command reads,
 * or, without `force`, what the model was trained on: a mistyped name must not replace them. What else flowctl did not
 * write is protected by the writer (careful in data/table.h). */
flow_status flow_output_check(const char *option, const char *location, const flow_output_sources *sources,
                              flow_error *err);

/* Whether one of the tables at `location` is one of those at `other`, by the file and the path within it; false when
 * one of them is not there, or NULL. */
bool flow_output_is_same_table(const char *location, const char *other);

/* Takes the lock of a file or folder, and removes what killed programs have left of it. Another program that has it is
 * waited for, after a warning; FLOW_INTERRUPTED when the hook should_stop says so. Without `waits`: FLOW_EXISTS, where
 * `doing` says what the other one does, "trains this model". Where there are no locks, a warning says so. Nothing is
 * locked for NULL, standard output, devices and pipes. */
flow_status flow_output_lock(flow_lock *out, const char *file, bool waits, const char *doing,
                             const flow_run_hooks *hooks, flow_error *err);

/* Whether standard output is a pipe or socket whose other end was closed. */
bool flow_output_is_closed(void);

#endif
