/* The first reading of a table by several ranks. Internal to lib/data.
 *
 * The ranks read the table in rounds of one block each (data/shared_reader.h). Statistics and the survey take the rows
 * in their order, as one process does, but of each column by itself: the columns are the shares of the ranks. After a
 * round each rank sends the others their columns of its block. So every column sees all rows in the blocks and in the
 * order of one process, and its numbers are the same bits. Rows that are held go to the rank that holds them, rows that
 * a sample takes to all; checksums of blocks are joined into that of the table.
 *
 * An error is that of the first block that has one, which is the first one in the order of the rows.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SCAN_RANKS_H
#define FLOW_DATA_SCAN_RANKS_H

#include "data/scan_block.h"

/* Reads the whole table. Collective. */
flow_status flow_scan_by_ranks(flow_scan *scan, flow_error *err);

#endif
