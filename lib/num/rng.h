/* Counter-based random numbers: Random123's Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3").
 *
 * A number is a pure function of (seed, stream, row, column): there is no state to carry, so row 1,000,000 can be
 * drawn without the first 999,999, and the number of threads, the chunk size and the number of processes do not
 * matter. The same generator wrapped as a gsl_rng_type serves every gsl_ran_* and gsl_ran_shuffle.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_RNG_H
#define FLOW_NUM_RNG_H

#include <gsl/gsl_rng.h>
#include <stdint.h>

#include "num/real.h"

/* What the random numbers are for: streams of one seed never overlap. */
typedef enum flow_stream {
    FLOW_STREAM_BASE,    /* draws from the base */
    FLOW_STREAM_WEIGHTS, /* initial weights */
    FLOW_STREAM_ORDER,   /* orders and rotations inside the model */
    FLOW_STREAM_SHUFFLE, /* the order of the rows in an epoch */
    FLOW_STREAM_SPLIT,   /* the held-out share */
    FLOW_STREAM_OTHER,   /* fit samples, examples, tests */
    FLOW_STREAM_NOISE,   /* what spreads the values of discrete columns */
    FLOW_STREAM_CIRCLE,  /* draws of angles */
    FLOW_STREAM_PROBE,   /* probes of a trace */
    FLOW_STREAM_TIME     /* times along the path between a row and a draw */
} flow_stream;

/* A number that looks random, for a number that may not: the finalizer of splitmix64 (Steele, Lea and Flood 2014). To
 * make seeds and rows out of values. */
uint64_t flow_rng_mix(uint64_t x);

/* Uniform in (0, 1), 52 bits, never 0 or 1. */
double flow_rng_uniform(uint64_t seed, flow_stream stream, uint64_t row, uint32_t column);

/* Standard normals for a tile: out (d, n) gets, in column j, the d normals of row first_row + j. n is a multiple of
 * FLOW_LANES. Box-Muller on 32-bit uniforms, computed in `real`. */
void flow_rng_normals(real *out, int d, int n, uint64_t seed, flow_stream stream, uint64_t first_row);

/* The generator as a GSL type. gsl_rng_alloc(flow_rng_gsl) starts at seed 0; flow_rng_gsl_seed puts it at the start of
 * (seed, stream, row): a long sequence of its own. */
extern const gsl_rng_type *const flow_rng_gsl;
void flow_rng_gsl_seed(gsl_rng *rng, uint64_t seed, flow_stream stream, uint64_t row);

/* The same without an allocation, for a sequence per row: a generator that lives in `sequence`, which outlives it. */
typedef struct flow_rng_sequence {
    uint64_t seed, row;
    uint32_t stream, block;
    int used; /* words of the current block already given out */
    uint32_t words[4];
} flow_rng_sequence;

gsl_rng flow_rng_gsl_start(flow_rng_sequence *sequence, uint64_t seed, flow_stream stream, uint64_t row);

#endif
