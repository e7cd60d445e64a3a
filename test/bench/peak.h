/* What this machine could do at best: fused multiply-adds on registers, nothing else, on as many threads as asked for.
 *
 * The loop uses the widest vectors that the processor has. Whether it reaches the limit can be seen from the FLOPs in
 * a cycle: a core does a whole number of vectors per cycle (with 16 floats in a vector 32 or 64 FLOP, with 8 of them
 * 16 or 32).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

#include "bench/measure.h"

/* Calls of this item do bench_peak_flops(n_threads) floating-point operations. */
bench_item bench_peak_item(int n_threads);
double bench_peak_flops(int n_threads);

/* Cycles per second of one core, from a chain of multiplications that take three cycles each on every x86-64 of the
 * last fifteen years. Calls of this item take BENCH_CLOCK_CYCLES cycles; elsewhere its work is NULL. */
enum { BENCH_CLOCK_CYCLES = 3 * 64 * 1000 };
bench_item bench_clock_item(void);

/* Processor, threads, vectors, library: one line for each, on standard output. */
void bench_print_machine(void);

/* A line on the peak of so many threads, measured in n_rounds rounds; with the clock (or NULL) of one of them. */
void bench_print_peak(const bench_item *peak, int n_threads, const bench_item *clock, int n_rounds);

#endif
