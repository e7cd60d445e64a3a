/* What messages between the ranks of a job cost: the sum of a gradient, and short ones.
 *
 *     mpirun -n 2 build/test/bench/bench_comm-mpi
 *
 * Prints, for vectors of several lengths: the time of a sum in the fixed tree when every rank has one leaf
 * (num/tree_sum.h), and the bytes that a rank sends and receives in a second of it; and the time of a reduction of one
 * number. Medians over rounds.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "num/tree_sum.h"

enum { ROUNDS = 41 };

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *seconds)
{
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    return seconds[ROUNDS / 2];
}

static double measure_sum(const flow_comm *comm, size_t n)
{
    flow_tree_sum *sum;
    double seconds[ROUNDS];
    real *total = bench_checked(calloc(n, sizeof *total));
    if (flow_tree_sum_new(&sum, comm, n, flow_comm_size(comm), 1, NULL) != FLOW_OK)
        bench_stop("out of memory");
    for (int i = 0; i < ROUNDS; i++) {
        flow_tree_sum_begin(sum, flow_comm_size(comm), total);
        memset(flow_tree_sum_leaf(sum), 0, n * sizeof *total);
        flow_tree_sum_add(sum);
        flow_comm_any(comm, false);
        const double began = bench_now();
        flow_tree_sum_end(sum);
        flow_comm_any(comm, false);
        seconds[i] = bench_now() - began;
    }
    flow_tree_sum_free(sum);
    free(total);
    return median(seconds);
}

static double measure_short(const flow_comm *comm)
{
    enum { TIMES = 100 };
    double seconds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        const double began = bench_now();
        for (int k = 0; k < TIMES; k++)
            flow_comm_any(comm, false);
        seconds[i] = (bench_now() - began) / TIMES;
    }
    return median(seconds);
}

int main(int argc, char **argv)
{
    flow_error err = {0};
    if (flow_comm_start(&argc, &argv, &err) != FLOW_OK)
        bench_stop(err.message);
    const flow_comm *comm = flow_comm_world();
    const bool prints = flow_comm_rank(comm) == 0;
    const double one = measure_short(comm);
    if (prints)
        printf("%d ranks; a reduction of one number %.1f us\n%12s  %12s  %8s\n", flow_comm_size(comm), 1e6 * one,
               "numbers", "sum, us", "GB/s");
    for (size_t n = 16; n <= (size_t)1 << 24; n *= 4) {
        const double seconds = measure_sum(comm, n);
        const double bytes = 2.0 * (double)n * sizeof(real) * (flow_comm_size(comm) - 1) / flow_comm_size(comm);
        if (prints)
            printf("%12zu  %12.1f  %8.2f\n", n, 1e6 * seconds, bytes / seconds / 1e9);
    }
    return flow_comm_finish(0);
}
