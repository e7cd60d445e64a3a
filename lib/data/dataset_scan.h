/* The one reading of the whole table when a data set is opened. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DATASET_SCAN_H
#define FLOW_DATA_DATASET_SCAN_H

#include "data/dataset_rows.h"

/* Checks every row, counts, takes statistics and checksum, and chooses the sizes of blocks and pool. Afterwards all
 * rows are held and the reader is closed, or the reader stays and its blocks are known. `memory_bytes` as in
 * flow_dataset_options. FLOW_DATA names the row and what is wrong with it. */
flow_status flow_dataset_scan(flow_dataset *data, size_t memory_bytes, bool read_ahead, flow_error *err);

#endif
