/* What a flow is made of, for people and as JSON. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_DESCRIBE_H
#define FLOW_CMD_DESCRIBE_H

#include "base/text.h"
#include "flow/flow.h"

/* Adds one line per column map and block, from the data to the base: its number of live weights, of fitted values, and
 * the shapes of its matrices; then the total. */
void describe_flow(flow_text *text, const flow *f);

/* {"dimensions": d, "parameters": N, "layers": [{"name", "parameters", "fitted"}, ...], "base": "normal"} added to
 * `object`. */
void describe_flow_json(cJSON *object, const flow *f);

#endif
