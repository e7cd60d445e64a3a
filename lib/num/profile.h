/* Where the time of a computation goes: by phases, and in the parallel ones by what the threads do.
 *
 * The thread that leads the computation enters phases one after the other. While it is in one, flow_parallel_for
 * measures how long each thread is at work, and flow_gemm how much of that is matrix products; what is left of the
 * threads' time is waiting. All of it costs a look at the clock where something begins or ends, and nothing at all as
 * long as no profile is entered. The profile of a thread is thread-local, the only state of the library that is not
 * passed: else the signature of every product would carry it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PROFILE_H
#define FLOW_NUM_PROFILE_H

#include <stdbool.h>

#include "core/error.h"

/* Of training. */
typedef enum flow_phase {
    FLOW_PHASE_DATA,      /* reading, shuffling */
    FLOW_PHASE_ROWS,      /* maps and gradients of tiles of rows */
    FLOW_PHASE_WEIGHTS,   /* from these to the gradient of the weights */
    FLOW_PHASE_OPTIMIZER, /* its norm, the step, averages */
    FLOW_PHASE_HELD_OUT,  /* evaluation */
    FLOW_PHASE_OTHER,     /* saving, reporting */
    FLOW_PHASES
} flow_phase;

/* Seconds of one thread, by phases; a line of the cache to itself. */
typedef struct flow_profile_thread {
    _Alignas(64) double busy[FLOW_PHASES];
    double products[FLOW_PHASES]; /* part of busy */
} flow_profile_thread;

typedef struct flow_profile {
    double seconds[FLOW_PHASES]; /* on the clock */
    int n_threads;
    flow_profile_thread *threads; /* (n_threads), owned */
} flow_profile;

flow_status flow_profile_new(flow_profile **out, int n_threads, flow_error *err);
void flow_profile_free(flow_profile *profile);

/* Ends the phase that the calling thread is in and begins another; with a NULL profile none. */
void flow_profile_enter(flow_profile *profile, flow_phase phase);

/* Sums over the threads, in seconds: at work, and in products. */
double flow_profile_busy(const flow_profile *profile, flow_phase phase);
double flow_profile_products(const flow_profile *profile, flow_phase phase);

/* ---- for those who measure ---- */

/* What the calling thread is in; .profile NULL: nothing. */
typedef struct flow_profile_place {
    flow_profile *profile;
    flow_phase phase;
} flow_profile_place;

flow_profile_place flow_profile_where(void);

/* Around the work of thread `thread`, as its phase says; begin returns false when there is nothing to measure, or the
 * calling thread is being measured already. After true, end. */
bool flow_profile_begin_work(const flow_profile_place *place, int thread);
void flow_profile_end_work(void);

/* Around a matrix product: begin returns a time to hand to end, or a negative number: nothing to measure. */
double flow_profile_begin_product(void);
void flow_profile_end_product(double began);

#endif
