/* Draws of a model itself, as the scale on which the log-densities of rows are judged: how many of the draws are less
 * likely than a row.
 *
 * The draws of a conditional model have the context of the row. They are a function of the seed and the context alone,
 * so that what is said of a row does not depend on other rows; contexts that come again have the same draws, and those
 * of some of them are kept. What is evaluated for them does not count for the session (flow_session_solving): that
 * depends on which are kept.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_OWN_DRAWS_H
#define FLOW_RUN_OWN_DRAWS_H

#include "num/pareto.h"
#include "run/session.h"

/* Log-densities of the draws for one context. */
typedef struct flow_own_sample {
    double *logp;    /* (n), ascending; a draw without a number is the least likely one, -inf */
    double *context; /* (c) */
    size_t n_tail;   /* the least likely draws, to which `tail` is fitted; 0: it is not */
    flow_pareto tail; /* of how far a draw is below logp[n_tail] */
    int64_t n_failed; /* draws without a number */
    bool is_unfitted; /* the tail could not be fitted */
    uint64_t used;   /* when it was asked for last; 0: never */
} flow_own_sample;

typedef struct flow_own_draws {
    const flow_session *s;
    size_t n;
    uint64_t seed;
    bool fits_tail;
    flow_run_hooks hooks;
    int n_samples;
    flow_own_sample *samples; /* (n_samples) */
    uint64_t clock;
    size_t n_batch;           /* rows that are drawn at once */
    double *x, *given;        /* (n_batch, d), (n_batch, c) */
    double *part;             /* (n): draws of this rank */
    double *exceedances;      /* (the most that a tail is fitted to) */
} flow_own_draws;

/* n draws for each context. Starts from {0}; flow_own_draws_release is needed after a failure, too. */
flow_status flow_own_draws_make(flow_own_draws *out, const flow_session *s, size_t n, uint64_t seed, bool fits_tail,
                                const flow_run_hooks *hooks, flow_error *err);
void flow_own_draws_release(flow_own_draws *draws);

/* Makes the sample for the only context (c; not read without one) that will be asked for, of which each rank of the
 * session's job draws a part. FLOW_INTERRUPTED when the hook should_stop says so. Collective. */
flow_status flow_own_draws_share(flow_own_draws *draws, const double *context, flow_error *err);

/* The sample for a context, which is valid until the next call; FLOW_INTERRUPTED as above. Each rank draws by itself
 * what is not there. */
flow_status flow_own_draws_find(const flow_own_sample **out, flow_own_draws *draws, const double *context,
                                flow_error *err);

/* How many draws are as likely as a row with this log-density, or less. */
size_t flow_own_sample_count(const flow_own_sample *sample, size_t n, double logp);

/* The probability of a draw that is as likely as the row, or less, by the fit of the tail; for a row that is not in the
 * tail (1 + count) / (n + 1). */
double flow_own_sample_tail(const flow_own_sample *sample, size_t n, double logp);

#endif
