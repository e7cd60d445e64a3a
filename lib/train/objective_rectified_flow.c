/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/interpolant.h"

static const flow_option options[] = {
    {.key = "reflow", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_interpolant_options, reflow), .fallback = "0",
     .least = 0, .most = 100,
     .help = "further rounds of \"epochs\", on pairs of latents and where the model of the round before takes them"},
    {.key = "pairs", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_interpolant_options, pairs), .least = 1,
     .most = 1e8, .help = "pairs of such a round; without it, as many as there are training rows, at most 100000"},
    FLOW_INTERPOLANT_OPTIONS,
    FLOW_OPTIONS_END,
};

const flow_objective_type flow_objective_rectified_flow = {
    .type = "rectified_flow",
    .help = "the regression of flow_matching, with rounds that make the model's paths straight: for draws in few steps",
    .options_size = sizeof(flow_interpolant_options),
    .options = options,
    .interpolates = true,
    .quantity = "the loss",
    .check = flow_interpolant_check,
    .work_size = flow_interpolant_work_size,
    .tile = flow_interpolant_tile,
    .blame = flow_interpolant_blame,
};
