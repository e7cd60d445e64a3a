/* Locks between programs that write the same file.
 *
 * The lock of `NAME` is a lock (flock) on the file `.NAME.lock` beside it, since NAME itself is replaced by another
 * file when it is written. The system ends the lock with its program, however that ends; a file `.NAME.lock` that is
 * left means nothing, and the next lock removes it.
 *
 * Where the file system has no locks (NFS without its lock service: ENOLCK), nothing is locked, and the caller is told.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_LOCK_H
#define FLOW_CORE_LOCK_H

#include "core/error.h"

typedef enum flow_lock_state {
    FLOW_LOCK_TAKEN,
    FLOW_LOCK_BUSY, /* another program, or this one, has it */
    FLOW_LOCK_NONE, /* there are no locks here, or the folder cannot be written to: see `code` */
} flow_lock_state;

/* Owned; starts from {0}, ends with flow_lock_release. */
typedef struct flow_lock {
    char *path; /* of the lock file; NULL: nothing is locked */
    int descriptor;
    int code; /* of FLOW_LOCK_NONE: errno */
} flow_lock;

/* Tries to take the lock of `file`, which need not exist; a symbolic link is followed. FLOW_MEMORY. */
flow_status flow_lock_try(flow_lock *out, flow_lock_state *state, const char *file, flow_error *err);

void flow_lock_release(flow_lock *lock);

#endif
