/* The object "data" of a spec, and what it shares with the rest of the spec. Internal to lib/model; model/spec.h is the
 * interface. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_DATA_H
#define FLOW_MODEL_SPEC_DATA_H

#include "core/option.h"
#include "model/spec.h"

/* Reads "data" into the members of `spec` that come from it; FLOW_SPEC with the JSON path for what does not fit. */
flow_status flow_spec_read_data(flow_spec *spec, flow_json *at, flow_error *err);

/* "expected ..., found ...": FLOW_SPEC. */
flow_status flow_spec_fail_expected(const flow_json *at, flow_error *err, const char *expected);
/* FLOW_SPEC for a text that is there and empty. */
flow_status flow_spec_refuse_empty(const flow_json *object, const char *key, flow_error *err);

/* The JSON Schema of an object with these options and no others, the caller's. */
cJSON *flow_spec_object_schema(const flow_option *table);
/* Adds the definitions "data", "share_or_location" and "column_names". */
void flow_spec_data_schema(cJSON *definitions);

#endif
