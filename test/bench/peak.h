/* The peak of this machine: fused multiply-adds on registers only, on a given number of threads.
 *
 * The loop uses the widest vectors of the processor. The FLOPs per cycle show whether it reaches the limit: a core does
 * a whole number of vectors per cycle (32 or 64 FLOP with 16 floats in a vector, 16 or 32 with 8 floats).
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

/* Chooses the arithmetic of products for this thread, "float" or "bf16x3", or stops with a message. */
void bench_choose_math(const char *name);

/* Prints processor, threads, vectors and library, one line for each. */
void bench_print_machine(void);

/* Prints a line on the peak of n_threads threads, measured in n_rounds rounds, and on the clock (or NULL). */
void bench_print_peak(const bench_item *peak, int n_threads, const bench_item *clock, int n_rounds);

#endif
