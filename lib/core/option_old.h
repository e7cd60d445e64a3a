/* The former reader of options, until nothing uses it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_OPTION_OLD_H
#define FLOW_CORE_OPTION_OLD_H

#include "core/error.h"
#include "core/json.h"
#include "core/option.h"

flow_status flow_options_read(void *out, const flow_option *table, flow_json *object, const char *const *also,
                              flow_error *err);
flow_status flow_option_default(flow_json *object, const char *key, const char *value, flow_error *err);
cJSON *flow_options_schema(const flow_option *table);

#endif
