/* One thread at a time in the HDF5 library, which is built without a lock of its own unless somebody asks for it.
 *
 * Tables and model files take the lock together with the library's printing of errors (flow_hdf5_quiet, flow_h5_begin);
 * nothing else calls the library without it. Threads get it in the order in which they ask, so that one that reads
 * block after block lets a model be saved between two of them. It is not recursive.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_LOCK_H
#define FLOW_H5_LOCK_H

void flow_hdf5_lock(void);
void flow_hdf5_unlock(void);

#endif
