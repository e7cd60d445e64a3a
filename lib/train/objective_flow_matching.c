/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/interpolant.h"

static const flow_option options[] = {
    {.key = "sigma_min", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_interpolant_options, sigma_min),
     .fallback = "1e-4", .least = 0, .most = 0.5,
     .help = "deviation of the normal around each row that its paths start from, behind the column maps"},
    FLOW_INTERPOLANT_OPTIONS,
    FLOW_OPTIONS_END,
};

const flow_objective_type flow_objective_flow_matching = {
    .type = "flow_matching",
    .help = "regression of a continuous block's velocity on straight paths, without solving its equation",
    .options_size = sizeof(flow_interpolant_options),
    .options = options,
    .interpolates = true,
    .quantity = "the loss",
    .check = flow_interpolant_check,
    .work_size = flow_interpolant_work_size,
    .tile = flow_interpolant_tile,
    .blame = flow_interpolant_blame,
};
