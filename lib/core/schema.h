/* The JSON Schema of a spec, from its option tables. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_SCHEMA_H
#define FLOW_CORE_SCHEMA_H

#include <cjson/cJSON.h>

#include "core/option.h"

/* Adds to `schema` the schema of an object with the options of a table and no others. Definitions that it refers to, of
 * choices and of named objects, are added to `definitions` unless they are there. Incomplete when memory is out. */
void flow_schema_object(cJSON *schema, const flow_option *table, cJSON *definitions);

#endif
