/* The JSON Schema of a spec, from its option tables. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_SCHEMA_H
#define FLOW_CORE_SCHEMA_H

#include <cjson/cJSON.h>

#include "core/option.h"

/* The schema of an object with the options of a table and no others. Definitions that it refers to, of choices and of
 * named objects, are added to `definitions` unless they are there. The caller owns the result; NULL or an incomplete
 * schema when memory is out. */
cJSON *flow_schema_object(const flow_option *table, cJSON *definitions);

#endif
