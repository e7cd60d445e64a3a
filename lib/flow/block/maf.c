/* The masked autoregressive block: dimension i is transformed by a univariate whose parameters depend on the dimensions
 * before it (Papamakarios et al. 2017, eq. 3-5). The density is one pass of a MADE, sampling is the walk. The order
 * of the dimensions alternates with "repeat". */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/autoregressive.h"

/* Five blocks, the order reversed from one to the next (Papamakarios et al. 2017, sec. 4.2). */
static const char *const maf_defaults[] = {"repeat", "5", NULL};

const flow_block_type flow_block_maf = {
    .info = {FLOW_INFO("maf", "masked autoregressive: one pass for the density, one walk for sampling",
                       flow_autoregressive_table, flow_autoregressive_options),
             .defaults = maf_defaults, .repeats = true},
    .state_size = sizeof(flow_autoregressive),
    .configure = flow_autoregressive_configure,
    .release = flow_autoregressive_release,
    .keeps_periodic = true,
    .scratch_size = flow_autoregressive_scratch_size,
    .map = {flow_autoregressive_pass, flow_autoregressive_walk},
    .backward = {flow_autoregressive_pass_backward, flow_autoregressive_walk_backward},
    .check = flow_autoregressive_check,
};
