/* Counter-based random numbers: Random123's Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3").
 *
 * A number is a function of (seed, stream, row, column). There is no state: row 1,000,000 can be drawn without the rows
 * before it, and the numbers do not depend on threads, chunks or processes. As a gsl_rng the same generator serves
 * gsl_ran_shuffle and all other gsl_ran_*.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_RNG_H
#define FLOW_NUM_RNG_H

#include <gsl/gsl_rng.h>
#include <stdint.h>

#include "num/real.h"

/* The purpose of random numbers: streams of one seed never overlap. */
typedef enum flow_stream {
    FLOW_STREAM_BASE,     /* draws from the base */
    FLOW_STREAM_WEIGHTS,  /* initial weights */
    FLOW_STREAM_ORDER,    /* orders and rotations in a model */
    FLOW_STREAM_SHUFFLE,  /* the order of the rows in an epoch */
    FLOW_STREAM_SPLIT,    /* the held-out share */
    FLOW_STREAM_OTHER,    /* fit samples, examples, tests */
    FLOW_STREAM_NOISE,    /* the values of discrete columns within their steps */
    FLOW_STREAM_PERIODIC, /* draws of periodic dimensions */
    FLOW_STREAM_PROBE,    /* probes of a trace */
    FLOW_STREAM_TIME,     /* times along the path between a row and a draw */
    FLOW_STREAM_FLIP,     /* which images of an epoch are mirrored */
    FLOW_STREAM_TUNE,     /* the specs that a search tries */
    FLOW_STREAM_MEMBER,   /* the member of an ensemble that a row is drawn from */
    FLOW_STREAM_TEST      /* what statistical tests leave to chance */
} flow_stream;

/* A hash of x, the finalizer of splitmix64 (Steele, Lea and Flood 2014): makes seeds and rows from other numbers. */
uint64_t flow_rng_mix(uint64_t x);

/* Uniform in (0, 1), 52 bits, never 0 or 1. */
double flow_rng_uniform(uint64_t seed, flow_stream stream, uint64_t row, uint32_t column);

/* Standard normals for a tile: out (d, n) gets, in column j, the d normals of row first_row + j. n is a multiple of
 * FLOW_LANES. Box-Muller on 32-bit uniforms, computed in `real`. */
void flow_rng_normals(real *out, int d, int n, uint64_t seed, flow_stream stream, uint64_t first_row);

typedef struct flow_rng_sequence {
    uint64_t seed, row;
    uint32_t stream, block;
    int used; /* words of the current block that are used */
    uint32_t words[4];
} flow_rng_sequence;

/* The generator of (seed, stream, row) for GSL, without an allocation: its state is `sequence`, which must outlive it.
 * gsl_rng_set is not for it. */
gsl_rng flow_rng_gsl_start(flow_rng_sequence *sequence, uint64_t seed, flow_stream stream, uint64_t row);

#endif
