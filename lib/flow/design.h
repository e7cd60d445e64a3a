/* From the keys of a spec to the design of a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_DESIGN_H
#define FLOW_FLOW_DESIGN_H

#include "flow/flow.h"
#include "flow/registry.h"

/* The rows "flow", "base" and "embedding" of the option table of a struct `type`, whose flow_design is `member`. */
#define FLOW_DESIGN_OPTIONS(type, member)                                                                \
    {.key = "flow", .kind = FLOW_OPTION_CHOICE_LIST, .offset = offsetof(type, member.maps),              \
     .fallback = FLOW_REQUIRED, .choices = &flow_maps, \
     .help = "the list of maps from the data to the base, such as [\"standardize\", \"maf\"]"},           \
    {.key = "base", .kind = FLOW_OPTION_CHOICE, .offset = offsetof(type, member.base),                   \
     .fallback = "\"normal\"", .filled_later = true, .choices = &flow_bases,                              \
     .help = "the distribution at the latent end; without it, by the flow"},                             \
    {.key = "embedding", .kind = FLOW_OPTION_OBJECT, .offset = offsetof(type, member.embedding),         \
     .table = flow_embedding_table, .size = sizeof(flow_embedding_options), .definition = "embedding",   \
     .help = "a network that the context goes through first, once for all conditioners: for wide contexts"}

#endif
