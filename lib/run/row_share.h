/* The batches of a walk over rows, shared among the ranks of a job (num/comm.h).
 *
 * The walk goes in rounds. Rank 0 reads the rows of a round and sends each rank its part, rows that follow each other;
 * every rank maps its part and sends back what count and the output need, and rank 0 counts and writes the parts in
 * their order. So count, the output and errors of reading and writing are those of a process that runs alone. Where
 * nothing is read (draws without a context), nothing is sent but the numbers of the rows. Where all ranks have the
 * table and its rows have known places (flow_input.parts), each rank reads its own part, and sends back the rows as
 * well. Some rows of such a part may be invalid; they are dropped.
 *
 * While the others map a round, rank 0 counts and writes the round before and reads the next one. Its own part of a
 * round is smaller for this, by how long these take. The size of a part changes no bit, as what map gives is a function
 * of the row. Parts get smaller with many ranks, so that rank 0 holds no more than some usual batches.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ROW_SHARE_H
#define FLOW_RUN_ROW_SHARE_H

#include "run/row_run.h"

/* Reads and maps all rows, and counts and writes them at rank 0, up to the end of the input. A part has up to n_usual
 * rows. Collective; all ranks have the same status, but for what follows the last round (row_run_end), which is that of
 * rank 0. */
flow_status row_share_run(row_run *run, size_t n_usual, flow_error *err);

#endif
