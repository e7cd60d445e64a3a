/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/interpolant.h"

static const flow_option rectified_flow_options[] = {
    FLOW_KEY_INT(flow_interpolant_options, reflow, "0", 0, 100,
                 "further rounds of \"epochs\", on pairs of latents and where the model of the round before takes "
                 "them"),
    FLOW_KEY_INT(flow_interpolant_options, pairs, NULL, 1, 1e8,
                 "pairs of such a round; without it, as many as there are training rows, at most 100000"),
    FLOW_INTERPOLANT_OPTIONS,
    FLOW_OPTIONS_END,
};

const flow_objective_type flow_objective_rectified_flow = {
    .info = {FLOW_INFO("rectified_flow", "the regression of flow_matching, with rounds that make the model's paths "
                       "straight: for draws in few steps", rectified_flow_options, flow_interpolant_options)},
    FLOW_INTERPOLANT_FUNCTIONS,
};
