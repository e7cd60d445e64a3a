/* What surrounds every use of the HDF5 library: its lock, its silence, and its errors in our messages.
 *
 *     flow_h5_scope scope = flow_h5_begin(file);
 *     ...
 *     flow_h5_end(&scope);
 *
 * Inside a scope the library prints no errors, and no other thread is in it: most systems build it without a lock of
 * its own. Scopes do not nest. Every function of lib/h5 is called inside a scope unless its comment says otherwise, and
 * so is every function of the library.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_SCOPE_H
#define FLOW_H5_SCOPE_H

#include <hdf5.h>

#include "core/error.h"

typedef struct flow_h5_scope {
    H5E_auto2_t print; /* how the library reported errors before */
    void *data;
} flow_h5_scope;

/* `file`: what is read or written, borrowed until the end. */
flow_h5_scope flow_h5_begin(const char *file);
void flow_h5_end(const flow_h5_scope *scope);

/* The file of the scope that this thread is in; NULL: in none. For the handler of a signal: damaged files exist by
 * which the library crashes. */
const char *flow_h5_file_in_use(void);

/* The lock alone. Threads get it in the order of their calls, so that a thread that reads block after block lets
 * another thread save a model between two blocks. Not recursive. */
void flow_h5_lock(void);
void flow_h5_unlock(void);

/* Fills *err with "MESSAGE: REASON (HDF5)" and returns `code`. REASON is the innermost message of the library's last
 * failure, or the error of the operating system in it ("No space left on device"); without one the message stands
 * alone. Clears the library's errors. Call it before any other function of the library. */
flow_status flow_h5_error(flow_error *err, flow_status code, const char *format, ...) FLOW_PRINTF(3, 4);

#endif
