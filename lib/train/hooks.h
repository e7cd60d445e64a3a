/* What a trainer reports while it runs. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_HOOKS_H
#define FLOW_TRAIN_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "num/comm.h"
#include "num/profile.h"
#include "train/history.h"

typedef struct flow_progress {
    int64_t epoch, epochs;   /* the current one, from 1 */
    int64_t row, rows;       /* done in this epoch, and its length */
    double training;         /* mean score in this epoch so far */
    double rows_per_second;  /* over this run */
    double seconds_left;     /* if all epochs are needed; NaN while unknown */
    double evaluations;      /* per solve in this epoch so far; 0 when nothing is solved */
} flow_progress;

/* All may be NULL. */
typedef struct flow_train_hooks {
    void *context;
    /* After each epoch: the place to print and to save. An error from it ends the run; it has to be the same at all
     * ranks that train together. */
    flow_status (*on_epoch)(void *context, const flow_epoch *epoch, flow_error *err);
    /* After each step; must be quick. */
    void (*on_step)(void *context, const flow_progress *progress);
    /* For the user: a dropped step and its cause, a learning rate that was cut. */
    void (*on_warning)(void *context, const char *message);
    /* Called after each step, and while held-out rows are evaluated; true ends the run with FLOW_INTERRUPTED, with a
     * state that can be saved. */
    bool (*should_stop)(void *context);
    /* Receives the time that each phase takes; nothing else may use it during the run. */
    flow_profile *profile;
} flow_train_hooks;

/* Whether the run is to end: when one of the ranks `comm` says so. `hooks` may be NULL. Collective. */
static inline bool flow_train_should_stop(const flow_train_hooks *hooks, const flow_comm *comm)
{
    return flow_comm_any(comm, hooks != NULL && hooks->should_stop != NULL && hooks->should_stop(hooks->context));
}

#endif
