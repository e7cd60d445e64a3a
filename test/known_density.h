/* Flows trained on draws from densities that are known, for the tests density_*.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_KNOWN_DENSITY_H
#define FLOW_TEST_KNOWN_DENSITY_H

#include "harness.h"

#include <gsl/gsl_rng.h>

enum { TRUTH_DIM_MAX = 5, TRUTH_FRESH = 50000 };

typedef struct truth {
    const char *name;
    int dim;
    void (*draw)(gsl_rng *rng, double *x);
    double (*logp)(const double *x);
    size_t n_training, n_held_out;
    double offset; /* added to column 0 of the data; draw and logp are without it */
} truth;

typedef struct learned {
    subject made;
    flow_runner *runner;
} learned;

/* n draws (n, dim) without the offset; the caller's (free). */
double *truth_draws(const truth *t, uint64_t seed, size_t n);

/* The flow of a spec, trained on n_training draws and validated on n_held_out others, with all processors. */
learned learn(const truth *t, const char *spec);
void forget(learned *l);

/* The Kullback-Leibler divergence from the truth, mean(log p_true - log p_model) over TRUTH_FRESH fresh draws, in nats;
 * it is printed, too. */
double divergence(const truth *t, const learned *l);

#endif
