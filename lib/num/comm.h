/* Processes that work on one task: their ranks, and what they tell each other.
 *
 * A program that runs alone, which is the usual case, has one rank, 0, of one, and every function here returns at
 * once. The program flowctl-mpi (make MPI=yes) is started as several processes by mpirun or srun. All of them run the
 * same command with the same arguments. Each does its share of the work, and what a run gives does not depend on how
 * many there are: a share is a range of whole units (groups of rows, batches, candidates), and whatever is summed is
 * summed in a fixed tree (num/tree_sum.h).
 *
 * Functions that are *collective* have to be called by all ranks, in the same order. A rank that fails between two of
 * them would let the others wait: where a rank alone can fail (a file that only it reads, memory), the step ends with
 * flow_comm_agree, after which all ranks have the same status. What all ranks find in the same way (a mistake in the
 * spec) needs no such step.
 *
 * comm_single.c implements this for one process, comm_mpi.c over MPI; a program is linked with one of them. Ranks talk
 * from one thread only, the one that called flow_comm_start. A failure of MPI itself ends the job.
 *
 * `comm` may be NULL everywhere: this process alone.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_COMM_H
#define FLOW_NUM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

typedef struct flow_comm flow_comm;

/* ---- the whole job ---- */

/* Joins the job; before anything else. argc and argv are those of main. Later calls do nothing. */
flow_status flow_comm_start(int *argc, char ***argv, flow_error *err);
/* All processes of the job; NULL in a program that runs alone. */
const flow_comm *flow_comm_world(void);
/* Every rank calls it when its command has ended with exit status `code` (from 128: stopped by a signal), and waits for
 * the others. Returns whether this rank prints the message of the job: rank 0 does if it failed or if no rank did, else
 * the first rank that failed. If the others do not come here within a few seconds, they wait for this rank in a
 * collective function; then a rank that has failed prints its own message. */
bool flow_comm_meet(int code);
/* Leaves the job, as the last call to this header: in order, or, where this rank failed alone, by ending all processes
 * of it. Returns the exit status of the process, which is the same for all ranks: that of a failure if there was one,
 * else that of a signal, else 0. */
int flow_comm_finish(int code);
/* "Open MPI 4.1.4"; NULL in a program without MPI. */
const char *flow_comm_library(void);
/* "rank 2 on node17"; NULL in a program that runs alone. */
const char *flow_comm_name(void);

/* ---- who ---- */

int flow_comm_rank(const flow_comm *comm);
int flow_comm_size(const flow_comm *comm);

/* Share `rank` of `n` units in `size` shares of nearly the same size: [first, last). */
static inline int64_t flow_share_first(int64_t n, int rank, int size)
{
    return n / size * rank + n % size * rank / size;
}

/* The same of n rows in units of `unit` rows, the last of which may be short: the first row of the share. */
static inline int64_t flow_share_first_row(int64_t n, int64_t unit, int rank, int size)
{
    const int64_t first = flow_share_first((n + unit - 1) / unit, rank, size) * unit;
    return first < n ? first : n;
}

/* ---- what they tell each other: all of these are collective ---- */

/* Rank `root` has `data`; the others receive it. */
void flow_comm_broadcast(const flow_comm *comm, int root, void *data, size_t bytes);

/* Rank r sends bytes sent[r] of `from`, which has the parts for ranks 0, 1, ... one after the other, and receives
 * received[r] bytes from rank r, in the same way. Each knows what it receives. */
void flow_comm_exchange(const flow_comm *comm, const void *from, const size_t *sent, void *to, const size_t *received);

/* Every rank receives the parts of all ranks, of bytes[r], one after the other; `mine` is the part of this rank,
 * and may be its place in `all`. */
void flow_comm_gather_all(const flow_comm *comm, const void *mine, void *all, const size_t *bytes);
/* The same for rank `root` alone; `all` of the others is not used. */
void flow_comm_gather(const flow_comm *comm, int root, const void *mine, void *all, const size_t *bytes);
/* The other way round: rank r receives its part, of bytes[r], from `all` of rank `root`. */
void flow_comm_scatter(const flow_comm *comm, int root, const void *all, void *mine, const size_t *bytes);

/* Whether the flag is set at any rank. */
bool flow_comm_any(const flow_comm *comm, bool flag);
int64_t flow_comm_sum_int(const flow_comm *comm, int64_t value);
int64_t flow_comm_most(const flow_comm *comm, int64_t value);

/* FLOW_OK when the status of every rank is FLOW_OK. Else all ranks return the status of the first rank with another
 * one, and have its message, which names the rank and its machine unless all ranks have the same message. */
flow_status flow_comm_agree(const flow_comm *comm, flow_status status, flow_error *err);

#endif
