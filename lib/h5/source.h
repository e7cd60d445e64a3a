/* Where the values of a dataset come from: other files, filters, and chunks that were never written.
 *
 * The library makes up values in silence: of a virtual dataset whose source is missing, of an external file that is too
 * short, of chunks that were not written. The functions here say so.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_SOURCE_H
#define FLOW_H5_SOURCE_H

#include <hdf5.h>

#include "core/error.h"
#include "core/text.h"

/* FLOW_DATA when values lie in another file that is missing or too short; the message names it. Appends a sentence to
 * `remark` when values were never written: how many, and what they read as. */
flow_status flow_h5_check_source(flow_text *remark, hid_t dataset, flow_error *err);

/* The error of a read that failed, FLOW_IO, or FLOW_DATA with the remedy when a filter is not installed. Call it
 * before any other function of the library. Rows are counted from 0. */
flow_status flow_h5_read_failed(hid_t dataset, int64_t first, int64_t count, flow_error *err);

#endif
