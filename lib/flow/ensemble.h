/* Ensembles: mixtures of flows of the same columns, p(x) = sum_k w_k p_k(x). A flow by itself is an ensemble of one.
 *
 * log p is the logarithm of this sum. A draw comes from one of the members, chosen by a random number of its row, with
 * the probability w_k; row i of a member is what the member itself draws as row i of the seed. So no result depends on
 * the number of threads, and any row can be drawn without the ones before it.
 *
 * An ensemble has no map to a latent space: each member has one of its own.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_ENSEMBLE_H
#define FLOW_FLOW_ENSEMBLE_H

#include "flow/rows.h"

enum { FLOW_MEMBERS_MAX = 64 };

typedef struct flow_ensemble {
    int n;
    flow_runner **members; /* (n), owned */
    double *weights;       /* (n) */
    /* Scratch for a number of rows, with more than one member. */
    size_t n_room;
    uint64_t *rows;          /* (n_room): those of a member */
    int *chosen;             /* (n_room): the member of each row */
    double *values;          /* (n_room, d + c) */
    double *context;         /* (n_room, c) */
    double *logp, *variance; /* (n_room): of a member */
    double *deviation;       /* (n_room): of the sum, relative to it */
} flow_ensemble;

/* A member that is being put together. */
typedef struct flow_ensemble_member {
    const flow *f;       /* borrowed, as the next one */
    const real *weights; /* of the flow */
    double weight;       /* of the member: positive, of all members 1 in all */
} flow_ensemble_member;

/* *out is the caller's. The members have the same number of columns, of data and of context. */
flow_status flow_ensemble_new(flow_ensemble **out, const flow_ensemble_member *members, int n, int n_threads,
                              flow_error *err);
void flow_ensemble_free(flow_ensemble *ensemble);

/* The first column that is discrete in one of two flows only, or has other spikes in one of them, so that one has a
 * probability where the other has a density; -1 in *out: there is none. Both have as many columns; column i of `a` is
 * the same as column k of `b` where in_a[i] is in_b[k], and NULL stands for 0, 1, 2, ... */
flow_status flow_ensemble_find_unlike(int *out, const flow *a, const flow *b, const int *in_a, const int *in_b,
                                      flow_error *err);

/* FLOW_ARGUMENT unless the densities of both flows can be mixed: they have as many columns of data and of context, and
 * the same columns are discrete or have the same spikes. Otherwise one has a probability where the other has a density.
 * `columns` (d) are names for messages. */
flow_status flow_ensemble_check_pair(const flow *a, const flow *b, const char *const *columns, flow_error *err);

/* As flow_rows_logp_variance; variance may be NULL. A row that one member has no number for is NaN, and one that is
 * outside of the supports of all members -inf. The errors of members on one row are taken to be the same one, which is
 * the most that they can add up to. */
void flow_ensemble_logp(flow_ensemble *ensemble, const double *rows, size_t n, double *logp, double *variance);

/* As flow_rows_sample; round_trip is that of the members that the rows come from. */
void flow_ensemble_sample(flow_ensemble *ensemble, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                          const double *context, double *x, double *logp, double *round_trip);

/* Whether log-densities of a member are estimates, and whether a member has a support. */
bool flow_ensemble_estimates(const flow_ensemble *ensemble);
bool flow_ensemble_has_support(const flow_ensemble *ensemble);
/* As flow_check_row: whether the row (d) is outside of the supports of all members. */
flow_status flow_ensemble_check_row(const flow_ensemble *ensemble, const double *row, flow_error *err);

/* As flow_rows_diagnose to the latent end, and flow_rows_diagnose_draws: "member 2, 3.maf". */
bool flow_ensemble_diagnose(flow_ensemble *ensemble, const double *row, char *text, size_t size);
bool flow_ensemble_diagnose_draws(flow_ensemble *ensemble, uint64_t seed, uint64_t first_row, size_t n,
                                  double temperature, const double *context, bool has_logp, uint64_t *row, char *text,
                                  size_t size);

#endif
