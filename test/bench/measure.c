/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

void bench_stop(const char *message)
{
    fflush(stdout);
    fprintf(stderr, "bench: %s\n", message);
    exit(1);
}

void *bench_checked(void *memory)
{
    if (memory == NULL)
        bench_stop("out of memory");
    return memory;
}

static double time_of(const bench_item *item, int times)
{
    clockid_t clock = item->n_threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    double began = seconds_of(clock);
    for (int k = 0; k < times; k++)
        item->work(item->context);
    return (seconds_of(clock) - began) / times;
}

/* The first call warms up; the fastest of three more gives the number of calls in a slice. */
static void calibrate(bench_item *item, double slice)
{
    item->work(item->context);
    double once = fmin(fmin(time_of(item, 1), time_of(item, 1)), time_of(item, 1));
    double times = slice / fmax(once, 1e-9);
    item->times = times < 1 ? 1 : times > 1e7 ? 10000000 : (int)times;
}

void bench_run(bench_item *const *items, int n_items, int n_rounds, double slice)
{
    if (n_rounds > BENCH_ROUNDS_MAX)
        bench_stop("too many rounds");
    for (int k = 0; k < n_items; k++)
        calibrate(items[k], slice);
    for (int round = 0; round < n_rounds; round++)
        for (int k = 0; k < n_items; k++)
            items[k]->seconds[round] = time_of(items[k], items[k]->times);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bench_figure figure_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    double median = n % 2 == 1 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
    return (bench_figure){median, 0.5 * (x[3 * n / 4] - x[n / 4]) / median};
}

bench_figure bench_rate(const bench_item *item, int n_rounds, double amount)
{
    double x[BENCH_ROUNDS_MAX];
    for (int r = 0; r < n_rounds; r++)
        x[r] = amount / item->seconds[r];
    return figure_of(x, n_rounds);
}

bench_figure bench_ratio(const bench_item *a, const bench_item *b, int n_rounds)
{
    double x[BENCH_ROUNDS_MAX];
    for (int r = 0; r < n_rounds; r++)
        x[r] = a->seconds[r] / b->seconds[r];
    return figure_of(x, n_rounds);
}

double bench_seconds(const bench_item *item, int n_rounds)
{
    double x[BENCH_ROUNDS_MAX];
    memcpy(x, item->seconds, (size_t)n_rounds * sizeof *x);
    return figure_of(x, n_rounds).median;
}
