/* One thread at a time in the HDF5 library, which most systems build without a lock of its own.
 *
 * Code that uses tables or models takes the lock with a scope (h5/scope.h). Threads get it in the order of their calls,
 * so that a thread that reads block after block lets another thread save a model between two blocks. Not recursive.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_LOCK_H
#define FLOW_H5_LOCK_H

void flow_h5_lock(void);
void flow_h5_unlock(void);

#endif
