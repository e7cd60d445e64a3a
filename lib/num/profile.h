/* The time that a computation takes: by phases, and within a phase by what the threads do.
 *
 * The main thread of the computation enters one phase after the other. During a phase, flow_parallel_for measures how
 * long each thread works, and flow_gemm how much of that is matrix products; the rest of the threads' time is waiting.
 * The cost is one reading of the clock at each begin and end, and nothing if no profile is entered. The current profile
 * is thread-local: the only state of the library that is not passed as an argument, since every product would need it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_PROFILE_H
#define FLOW_NUM_PROFILE_H

#include <stdbool.h>

#include "core/error.h"

/* The phases of training. */
typedef enum flow_phase {
    FLOW_PHASE_DATA,      /* reading, shuffling */
    FLOW_PHASE_ROWS,      /* passes of tiles of rows: maps and their gradients */
    FLOW_PHASE_WEIGHTS,   /* the gradient of the weights, from the tapes */
    FLOW_PHASE_OPTIMIZER, /* the norm of the gradient, the step, averages */
    FLOW_PHASE_HELD_OUT,  /* evaluation */
    FLOW_PHASE_OTHER,     /* saving, reporting */
    FLOW_PHASE_RANKS,     /* messages between the ranks of a job, and waiting for them, out of all phases above */
    FLOW_PHASES
} flow_phase;

/* Seconds of one thread, by phases. Aligned to a cache line, which no other thread writes. */
typedef struct flow_profile_thread {
    _Alignas(64) double busy[FLOW_PHASES]; /* working */
    double products[FLOW_PHASES]; /* part of busy */
} flow_profile_thread;

typedef struct flow_profile {
    double seconds[FLOW_PHASES]; /* elapsed */
    int n_threads;
    flow_profile_thread *threads; /* (n_threads), owned */
} flow_profile;

flow_status flow_profile_new(flow_profile **out, int n_threads, flow_error *err);
void flow_profile_free(flow_profile *profile);

/* Ends the current phase of the calling thread and begins another; with a NULL profile it only ends the phase. */
void flow_profile_enter(flow_profile *profile, flow_phase phase);

/* The sums over the threads. */
flow_profile_thread flow_profile_total(const flow_profile *profile);

/* ---- for parallel.c and gemm.c ---- */

/* The profile and phase of the calling thread; .profile is NULL outside a phase. */
typedef struct flow_profile_place {
    flow_profile *profile;
    flow_phase phase;
} flow_profile_place;

flow_profile_place flow_profile_where(void);

/* Called around the work of thread `thread`. begin returns false if there is nothing to measure or the calling thread
 * is measured already; after true, end must follow. */
bool flow_profile_begin_work(const flow_profile_place *place, int thread);
void flow_profile_end_work(void);

/* Called around a matrix product. begin returns the time for end; it is negative if there is nothing to measure. */
double flow_profile_begin_product(void);
void flow_profile_end_product(double began);

#endif
