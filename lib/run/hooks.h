/* How a running command reaches its caller: warnings, progress, stopping. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_HOOKS_H
#define FLOW_RUN_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "data/name_list.h"
#include "data/skipped.h"

/* How far a walk over rows has come. */
typedef struct flow_run_progress {
    int64_t rows, total; /* total: 0 when it is not known */
    double seconds;      /* since the walk began */
} flow_run_progress;

/* All may be NULL. */
typedef struct flow_run_hooks {
    void *context;
    /* A sentence without a trailing newline. */
    void (*warn)(void *context, const char *message);
    /* Everything is open and checked, and the long part begins: from here on should_stop is called. */
    void (*begin)(void *context);
    /* After each batch of rows. */
    void (*progress)(void *context, const flow_run_progress *progress);
    /* True ends the command with FLOW_INTERRUPTED. */
    bool (*should_stop)(void *context);
} flow_run_hooks;

void flow_run_warn(const flow_run_hooks *hooks, const char *format, ...) FLOW_PRINTF(2, 3);
/* Says the remarks about how `location` was read. */
void flow_run_say_remarks(const flow_run_hooks *hooks, const char *location, const flow_name_list *remarks);
/* Warns of rows of `location` that were skipped, unless there are none: of their share, of the column that misses most
 * of them, and of a difference from the rows that stay. `effect` follows the number: ", and are nan in the output";
 * `remedy` a sentence about that column. Both may be "". */
void flow_run_warn_skipped(const flow_run_hooks *hooks, const char *location, const flow_skipped *skipped,
                           const char *effect, const char *remedy);
void flow_run_begin(const flow_run_hooks *hooks);
bool flow_run_should_stop(const flow_run_hooks *hooks);

/* The file that a location of an option -o names; NULL for NULL and standard output. */
const char *flow_run_file(const char *location);

/* `n_threads` itself, or the number of processors that this process may use when it is 0. */
int flow_run_threads(int64_t n_threads);

#endif
