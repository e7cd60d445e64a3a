/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/interpolant.h"

static const flow_option flow_matching_options[] = {
    FLOW_KEY_NUMBER(flow_interpolant_options, sigma_min, "1e-4", 0, 0.5,
                    "deviation of the normal around each row that its paths start from, behind the column maps"),
    FLOW_INTERPOLANT_OPTIONS,
    FLOW_OPTIONS_END,
};

const flow_objective_type flow_objective_flow_matching = {
    .info = {.name = "flow_matching",
             .help = "regression of a continuous block's velocity on straight paths, without solving its equation",
             .options = flow_matching_options,
             .options_size = sizeof(flow_interpolant_options)},
    .interpolates = true,
    .score_name = "the loss",
    .check = flow_interpolant_check,
    .scratch_size = flow_interpolant_scratch_size,
    .tile = flow_interpolant_tile,
    .diagnose = flow_interpolant_diagnose,
};
