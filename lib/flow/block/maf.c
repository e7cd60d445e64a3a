/* The masked autoregressive block: dimension i is transformed by a univariate whose parameters depend on the dimensions
 * before it (Papamakarios et al. 2017, eq. 3-5). The density is one pass of a MADE, sampling is the walk. The order
 * of the dimensions alternates with "repeat". */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/autoregressive.h"

const flow_block_type flow_block_maf = {
    .type = "maf",
    .help = "masked autoregressive: one pass for the density, one walk for sampling",
    .state_size = sizeof(flow_autoregressive),
    .options = flow_autoregressive_options,
    .configure = flow_autoregressive_configure,
    .release = flow_autoregressive_release,
    .keeps_circles = true,
    .scratch_size = flow_autoregressive_scratch_size,
    .map = {flow_autoregressive_pass, flow_autoregressive_walk},
    .backward = {flow_autoregressive_pass_backward, flow_autoregressive_walk_backward},
    .check = flow_autoregressive_check,
};
