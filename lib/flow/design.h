/* From the keys of a spec to the design of a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_DESIGN_H
#define FLOW_FLOW_DESIGN_H

#include "core/json.h"
#include "flow/flow.h"
#include "flow/registry.h"

/* The rows "flow", "base" and "embedding" of the option table of a struct `type`, whose flow_design is `member`. */
#define FLOW_DESIGN_OPTIONS(type, member)                                                                \
    {.key = "flow", .kind = FLOW_OPTION_CHOICE_LIST, .offset = offsetof(type, member.maps),              \
     .fallback = FLOW_REQUIRED, .choices = &flow_maps, .help = "the maps from the data to the base"},    \
    {.key = "base", .kind = FLOW_OPTION_CHOICE, .offset = offsetof(type, member.base),                   \
     .fallback = "\"normal\"", .choices = &flow_bases, .help = "the distribution at the latent end"},    \
    {.key = "embedding", .kind = FLOW_OPTION_OBJECT, .offset = offsetof(type, member.embedding),         \
     .table = flow_embedding_table, .size = sizeof(flow_embedding_options), .definition = "embedding",   \
     .help = "a network that the context goes through first, once for all conditioners: for wide contexts"}

/* The three keys alone. */
extern const flow_option flow_design_table[];

/* Transitional: a flow from parts of a document, which are resolved. A node may be NULL: an empty list, a normal base,
 * no embedding. */
flow_status flow_new(flow **out, flow_json *list, flow_json *base, int dim, uint64_t seed, flow_error *err);
flow_status flow_new_conditional(flow **out, flow_json *list, flow_json *base, flow_json *embedding,
                                 const flow_row_layout *layout, uint64_t seed, flow_error *err);
/* Transitional: the definitions "flow", "map", "base", "embedding" and what they refer to. */
void flow_design_schema(cJSON *definitions);

#endif
