/* Draws of a flow and their importance weights under a target density.
 *
 * The log-weight of a draw x = f(z) is log density(x) - log q(x), q being the flow's density. Their mean is the bound
 * that reverse_kl makes large (train/objective.h); the mean of the weights themselves estimates Z, whatever the flow,
 * and their spread gives its error.
 *
 * A draw is a function of (seed, row). One seed has rows for every purpose, so that no draw serves two: those from 0 on
 * are what `flowctl sample` gives, the others begin where the constants below say.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_DRAWS_H
#define FLOW_TRAIN_DRAWS_H

#include <stdint.h>

#include "flow/flow.h"
#include "num/comm.h"
#include "train/target.h"

#define FLOW_DRAWS_TRAINING ((uint64_t)1 << 62)
#define FLOW_DRAWS_PAIRS (FLOW_DRAWS_TRAINING + ((uint64_t)1 << 61)) /* latents that a model takes to data */
#define FLOW_DRAWS_VALIDATION ((uint64_t)2 << 62)
#define FLOW_DRAWS_TEST ((uint64_t)3 << 62)

/* A flow with weights (borrowed: they may change between calls), a target, and the ranks and threads that share the
 * draws. */
typedef struct flow_draws flow_draws;

flow_status flow_draws_new(flow_draws **out, const flow *f, const real *weights, const flow_target *target,
                           const flow_comm *comm, int n_threads, flow_error *err);
void flow_draws_free(flow_draws *draws);
const flow_comm *flow_draws_comm(const flow_draws *draws);

/* Log-weights (n) of the draws of rows first_row, first_row + 1, ..., at all ranks. Collective. */
void flow_draws_log_weights(flow_draws *draws, uint64_t seed, uint64_t first_row, size_t n, double *log_weights);

/* Estimates from draws. */
typedef struct flow_estimate {
    int64_t draws;
    int64_t not_finite;        /* draws whose log-weight is NaN or +inf; then the rest is NaN */
    double bound, bound_error; /* mean log-weight, a lower bound of log Z; -inf when a weight is zero */
    double log_z, log_z_error; /* log of the mean weight, the error by the delta method */
    double effective;          /* effective sample size, (sum w)^2 / sum(w^2) (Kish 1965) */
    double pareto_k;           /* shape of the tail of the weights (num/pareto.h): above 0.7 the others mean little */
} flow_estimate;

/* Of n rows for the purpose of testing. */
flow_status flow_draws_estimate(flow_estimate *out, flow_draws *draws, uint64_t seed, int64_t n, flow_error *err);

#endif
