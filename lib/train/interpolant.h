/* Regression of a velocity on straight paths from the data to the base: what flow_matching and rectified_flow share.
 *
 * A row x, behind the column maps, and a draw z of the base are the ends of a path; the time s runs from 0 at the data
 * to 1 at the base, as in block.h (the papers' runs the other way):
 *
 *     x_s = (1 - s) x + (sigma + (1 - sigma) s) z,      dx_s/ds = (1 - sigma) z - x
 *
 * (Lipman et al. 2023, "Flow matching for generative modeling", eq. 20 to 23; sigma = 0: Liu et al. 2023, "Flow
 * straight and fast", eq. 1). The score of a row is minus the mean over the d dimensions of (v(x_s, s) - dx_s/ds)^2,
 * without a unit. Its best v is the mean of dx_s/ds over all paths through (x_s, s), and takes the data to the base: so
 * a block that follows it has the density of the data, and no equation was solved to train it.
 *
 * An error of v at the time s costs the likelihood about (1 - s) / s of what it costs at the middle: the error of the
 * score that goes with v is (1 - s) / s that of v, and it is scores that the divergence of the densities grows by
 * (Albergo et al. 2023, "Stochastic interpolants", sec. 2.4). So "near_data" draws s = u^2 from uniform u, of density
 * 1 / (2 sqrt(s)).
 *
 * Which x goes with which z is free as long as each has its distribution. "optimal_transport" assigns them within a
 * tile such that the sum of squared distances is least (Tong et al. 2024, "Improving and generalizing flow-based
 * generative models with minibatch optimal transport"; Pooladian et al. 2023, "Multisample flow matching"): paths cross
 * less, so the target has less noise, and v bends less.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_INTERPOLANT_H
#define FLOW_TRAIN_INTERPOLANT_H

#include "train/objective.h"

typedef enum flow_coupling { FLOW_COUPLING_INDEPENDENT, FLOW_COUPLING_OPTIMAL_TRANSPORT } flow_coupling;
typedef enum flow_times { FLOW_TIMES_UNIFORM, FLOW_TIMES_NEAR_DATA } flow_times;

/* Of both objectives; what an objective has no key for stays 0. */
typedef struct flow_interpolant_options {
    double sigma_min; /* sigma */
    int coupling;     /* flow_coupling */
    int times;        /* flow_times */
    int64_t reflow;   /* rounds on pairs of the model of the round before */
    int64_t pairs;    /* of such a round; 0: see flow_reflow_pairs */
} flow_interpolant_options;

#define FLOW_INTERPOLANT_OPTIONS                                                                                     \
    FLOW_KEY_WORD(flow_interpolant_options, coupling, "\"independent\"", flow_coupling_names,                        \
                  "which draw of the base a row goes with: any, or within each 128 rows of a batch those that make " \
                  "the sum of squared distances least"),                                                             \
    FLOW_KEY_WORD(flow_interpolant_options, times, "\"uniform\"", flow_times_names,                                  \
                  "times along the paths: near_data draws more of them at the data, where errors cost most "         \
                  "likelihood")

extern const char *const flow_coupling_names[], *const flow_times_names[];

/* The functions of the objectives, see flow_objective_type. */
flow_status flow_interpolant_check(const flow_objective *objective, const flow *f, bool weighted, flow_error *err);
size_t flow_interpolant_scratch_size(const void *options, const flow *f, int n);
void flow_interpolant_tile(const flow_objective_tile *tile);
void flow_interpolant_diagnose(const flow_objective_tile *tile, int row, char *place, size_t size);

#define FLOW_INTERPOLANT_FUNCTIONS                                                                                   \
    .interpolates = true, .score_name = "the loss", .check = flow_interpolant_check,                                 \
    .scratch_size = flow_interpolant_scratch_size, .tile = flow_interpolant_tile, .diagnose = flow_interpolant_diagnose

#endif
