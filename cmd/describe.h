/* What a flow is made of, for people and as JSON. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_DESCRIBE_H
#define FLOW_CMD_DESCRIBE_H

#include "core/text.h"
#include "flow/flow.h"

/* Adds one line per column map and block, from the data to the base: its number of live weights, of fitted values, and
 * the shapes of its matrices; before them the context, if there is one; then the total, and what is known of single
 * columns. */
void describe_flow(flow_text *text, const flow *f);

/* {"dimensions": d, "context_dimensions": c, "context_features": as many as the conditioners see, "parameters": N,
 * "layers": [{"name", "parameters", "fitted", "columns"}, ...], "base": "normal"} added to `object`. */
void describe_flow_json(cJSON *object, const flow *f);

/* Adds a line "  label         a, b, c" of up to a dozen names and how many there are; nothing for n 0. */
void describe_names(flow_text *text, const char *label, const char *const *names, int n);

#endif
