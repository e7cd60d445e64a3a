/* Work on several threads, with results that do not depend on how many there are.
 *
 * One pool of threads per process, started when first needed. Waiting threads spin for some ten microseconds, which is
 * longer than the pauses between the parts of a training step, and then sleep: on a machine that is shared with other
 * jobs a thread that spins on, as OpenMP's do by default, takes the processor from the very thread it waits for.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PARALLEL_H
#define FLOW_NUM_PARALLEL_H

#include <pthread.h>
#include <stdbool.h>

/* One piece of work: `item` of n_items, on thread `thread` (0 to n_threads - 1). Items must be independent. */
typedef void flow_task(void *context, int item, int thread);

enum { FLOW_THREADS_MAX = 1024 };

/* The processors this process may use (its affinity mask, as a batch system sets it); at least 1. */
int flow_processors(void);

/* Runs task for every item on up to n_threads threads, the calling one among them, and returns when all are done. May
 * be called from several threads at once, and from inside a task: whoever finds the pool busy, or cannot get threads,
 * does its items alone. */
void flow_parallel_for(int n_items, int n_threads, flow_task *task, void *context);

/* A thread beside the pool, for work that goes on meanwhile; false when there is none to be had. It leaves SIGINT and
 * SIGTERM to the threads of the program, which may have a stack for handlers that suits them, as the pool's do. */
bool flow_thread_start(pthread_t *out, void *(*run)(void *), void *argument);

#endif
