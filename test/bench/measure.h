/* Measuring on a machine that others use too.
 *
 * Whatever is to be compared is measured in rounds: each round gives every item a slice of time, one after the other,
 * so that a disturbance or a change of the clock meets all of them. A result is the median over the rounds; a ratio of
 * two items is the median of the ratios within a round. What works on one thread is measured in processor time, from
 * which other programs take nothing but cache and clock; what works on several, in time on the wall.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

enum { BENCH_ROUNDS_MAX = 64 };

typedef struct bench_item {
    void (*work)(void *context);
    void *context;
    int n_threads;                    /* that it works on */
    int times;                        /* calls in a slice */
    double seconds[BENCH_ROUNDS_MAX]; /* of one call, by round */
} bench_item;

typedef struct bench_figure {
    double median, spread; /* the spread is half the distance between the quartiles, as a share of the median */
} bench_figure;

/* Measures all items in n_rounds rounds with slices of `slice` seconds. */
void bench_run(bench_item *const *items, int n_items, int n_rounds, double slice);

/* `amount` per second, where a call does that much. */
bench_figure bench_rate(const bench_item *item, int n_rounds, double amount);
/* Seconds of a call of a over those of b. */
bench_figure bench_ratio(const bench_item *a, const bench_item *b, int n_rounds);
/* Seconds of a call. */
double bench_seconds(const bench_item *item, int n_rounds);

double bench_now(void);

/* Ends the program with a message. */
_Noreturn void bench_stop(const char *message);
/* The memory, or the end of the program. */
void *bench_checked(void *memory);

#endif
