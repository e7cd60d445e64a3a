/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec_tune.h"

const flow_option flow_tune_table[] = {
    {FLOW_KEY(flow_tune_options, space, ALTERNATIVES, NULL),
     .help = "keys as in --set, each with a list of the values to choose from"},
    FLOW_KEY_FLAG(flow_tune_options, only, "false", "nothing else varies: the built-in space is left out"),
    FLOW_OPTIONS_END,
};
