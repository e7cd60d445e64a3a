/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/parallel.h"

#include <omp.h>

int flow_processors(void)
{
    int n = omp_get_num_procs();
    return n < 1 ? 1 : n;
}

void flow_parallel_for(int n_items, int n_threads, flow_task *task, void *context)
{
    if (n_threads > n_items)
        n_threads = n_items;
    if (n_threads < 1)
        n_threads = 1;
#pragma omp parallel num_threads(n_threads)
    {
        /* A library that is parallel itself must not start a team inside ours. In a team of one it would not notice
         * that it is inside, and the order of its sums would then depend on the machine. */
        omp_set_num_threads(1);
        int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic, 1)
        for (int item = 0; item < n_items; item++)
            task(context, item, thread);
    }
}
