/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/interpolant.h"

static const flow_option flow_matching_options[] = {
    FLOW_KEY_NUMBER(flow_interpolant_options, sigma_min, "1e-4", 0, 0.5,
                    "deviation of the normal around each row that its paths start from, behind the column maps"),
    FLOW_INTERPOLANT_OPTIONS,
    FLOW_OPTIONS_END,
};

const flow_objective_type flow_objective_flow_matching = {
    .info = {FLOW_INFO("flow_matching",
                       "regression of a continuous block's velocity on straight paths, without solving its equation",
                       flow_matching_options, flow_interpolant_options)},
    FLOW_INTERPOLANT_FUNCTIONS,
};
