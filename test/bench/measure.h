/* Measurements on a machine that is shared with other programs.
 *
 * Items that are compared are measured in rounds: each round gives each item a slice of time, one after the other, so
 * that a disturbance or a change of the clock affects all items. A result is the median over the rounds; a ratio of two
 * items is the median of the ratios within a round. Work on one thread is measured in processor time, which other
 * programs influence only through cache and clock; work on several threads in elapsed time.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

enum { BENCH_ROUNDS_MAX = 64 };

typedef struct bench_item {
    void (*work)(void *context);
    void *context;
    int n_threads;                    /* threads of the work */
    int times;                        /* calls in a slice */
    double seconds[BENCH_ROUNDS_MAX]; /* of one call, by round */
} bench_item;

typedef struct bench_figure {
    double median, spread; /* spread: half the distance between the quartiles, relative to the median */
} bench_figure;

/* Measures all items in n_rounds rounds with slices of `slice` seconds. */
void bench_run(bench_item *const *items, int n_items, int n_rounds, double slice);

/* Amount per second, if a call does `amount`. */
bench_figure bench_rate(const bench_item *item, int n_rounds, double amount);
/* The time of a call of a, over that of b. */
bench_figure bench_ratio(const bench_item *a, const bench_item *b, int n_rounds);
/* The median time of a call in seconds. */
double bench_seconds(const bench_item *item, int n_rounds);

double bench_now(void);

/* Ends the program with a message. */
_Noreturn void bench_stop(const char *message);
/* Returns `memory`; ends the program if it is NULL. */
void *bench_checked(void *memory);

#endif
