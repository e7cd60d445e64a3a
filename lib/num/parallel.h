/* Work on several threads, with results that do not depend on their number.
 *
 * There is one pool of threads per process, started at first use. Waiting threads spin for about ten microseconds,
 * which is longer than the pauses between the parts of a training step, and then sleep. On a machine that is shared
 * with other jobs, a thread that keeps spinning (as those of OpenMP do by default) takes the processor from the thread
 * that it waits for.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PARALLEL_H
#define FLOW_NUM_PARALLEL_H

#include <pthread.h>
#include <stdbool.h>

/* Does item `item` of n_items on thread `thread` (0 to n_threads - 1). Items must be independent. */
typedef void flow_task(void *context, int item, int thread);

enum { FLOW_THREADS_MAX = 1024 };

/* The number of processors that this process may use (its affinity mask, which batch systems set); at least 1. */
int flow_processors(void);

/* Runs the task for every item on up to n_threads threads, one of which is the calling one, and returns when all items
 * are done. May be called from several threads at once and from inside a task: if the pool is busy, or if threads
 * cannot be started, the calling thread does all items. */
void flow_parallel_for(int n_items, int n_threads, flow_task *task, void *context);

/* Starts a thread outside the pool; false if that fails. Like the threads of the pool it blocks SIGINT and SIGTERM, so
 * that handlers run on the threads of the program, which may have an alternate stack for them. */
bool flow_thread_start(pthread_t *out, void *(*run)(void *), void *argument);

#endif
