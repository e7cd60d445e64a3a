/* Files from anywhere: what has to be true before something in a file is read into memory.
 *
 * The library follows links into other files, runs filters, and makes up the values of what is claimed but not stored.
 * What is read through these checks is plain: reached by hard links; contiguous, compact or chunked in chunks of at
 * most 64 MB; without a filter but Fletcher-32; without external or virtual storage; stored in full. Names in messages
 * are those of the objects; the caller puts the file in front.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_CHECK_H
#define FLOW_H5_CHECK_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* The longest path that is followed. */
enum { FLOW_H5_PATH_SIZE = 512 };

/* Whether there is an object at `path`, reached by hard links alone. */
bool flow_h5_exists(hid_t at, const char *path);

/* Opens a dataset that exists in this sense; closed with flow_h5_close. FLOW_FORMAT. */
flow_status flow_h5_open_dataset(hid_t *out, hid_t at, const char *name, flow_error *err);

/* The same of a group. */
flow_status flow_h5_enter_group(hid_t *out, hid_t at, const char *name, flow_error *err);

/* FLOW_FORMAT unless a dataset of `bytes` bytes, `value_size` each, is plain and stored in full. */
flow_status flow_h5_check_storage(hid_t dataset, const char *name, size_t value_size, size_t bytes, flow_error *err);

#endif
