/* Work on several threads, with results that do not depend on how many there are.
 *
 * The threads are OpenMP's: oneDNN brings the same runtime, so there is one pool in the process.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PARALLEL_H
#define FLOW_NUM_PARALLEL_H

/* One piece of work: `item` of n_items, on thread `thread` (0 to n_threads - 1). Items must be independent. */
typedef void flow_task(void *context, int item, int thread);

/* The processors this process may use (its affinity mask, as a batch system sets it); at least 1. */
int flow_processors(void);

/* Runs task for every item on up to n_threads threads and returns when all are done. Library calls inside a task
 * (gemm) stay on the task's thread. */
void flow_parallel_for(int n_items, int n_threads, flow_task *task, void *context);

#endif
