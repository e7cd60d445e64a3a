/* What a flow is made of, for people and as JSON. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_DESCRIBE_H
#define FLOW_CMD_DESCRIBE_H

#include "base/text.h"
#include "flow/flow.h"

/* Adds one line per column map and block, from the data to the base: its number of live weights, of fitted values, and
 * the shapes of its matrices; then the total, and what is known of single columns. */
void describe_flow(flow_text *text, const flow *f);

/* {"dimensions": d, "parameters": N, "layers": [{"name", "parameters", "fitted", "columns"}, ...], "base": "normal"} added
 * to `object`. */
void describe_flow_json(cJSON *object, const flow *f);

#endif
