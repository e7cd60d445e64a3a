/* The conditioners that a spec can name, and how a block makes one. One line here per type makes its declaration and
 * its place in the list. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CONDITIONER_CONDITIONERS_H
#define FLOW_FLOW_CONDITIONER_CONDITIONERS_H

#include "flow/conditioner.h"

#define FLOW_CONDITIONERS(X) X(mlp) X(conv) X(resnet)
#define FLOW_MASKED_CONDITIONERS(X) X(made)

#define X(name) extern const flow_conditioner_type flow_conditioner_##name;
FLOW_CONDITIONERS(X)
#undef X
#define X(name) extern const flow_masked_conditioner_type flow_conditioner_##name;
FLOW_MASKED_CONDITIONERS(X)
#undef X

/* What the option "conditioner" refers to: of couplings, and of autoregressive blocks. Its default in couplings,
 * "network", is mlp for tables and conv for images. */
extern const flow_choices flow_conditioners, flow_masked_conditioners;

/* The keys of the network may stand in the block itself: {"type": "coupling", "hidden": [64]} means {"type":
 * "coupling", "conditioner": {"type": "mlp", "hidden": [64]}}. */
#define FLOW_CONDITIONER_KEYS                                                                                 \
    {.key = "hidden", .kind = FLOW_OPTION_INTO, .into = "conditioner", .help = "of the conditioner"},         \
        {.key = "activation", .kind = FLOW_OPTION_INTO, .into = "conditioner", .help = "of the conditioner"}, \
    {                                                                                                         \
        .key = "residual", .kind = FLOW_OPTION_INTO, .into = "conditioner", .help = "of the conditioner"      \
    }

/* Of a choice of one of them. On failure the caller still calls release. */
flow_status flow_conditioner_new(flow_conditioner *out, const flow_choice *choice, const flow_conditioner_task *task,
                                 flow_params *params, flow_error *err);
void flow_conditioner_release(flow_conditioner *conditioner);
flow_status flow_masked_conditioner_new(flow_masked_conditioner *out, const flow_choice *choice,
                                        const flow_masked_task *task, flow_params *params, flow_error *err);
void flow_masked_conditioner_release(flow_masked_conditioner *conditioner);

#endif
