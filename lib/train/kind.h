/* JSON objects that are one of several kinds: {"type": "adam", "rate": 1e-3}. Each kind has a table of options of its
 * own (core/option.h) besides the key "type".
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_KIND_H
#define FLOW_TRAIN_KIND_H

#include "core/option.h"

typedef struct flow_kind {
    const char *type;
    const char *help; /* one line */
    const flow_option *options;
    size_t options_size; /* of the struct that the options fill */
} flow_kind;

/* Finds which of n kinds `json` is and reads its options into a zeroed struct, *options, the caller's (free). A word
 * alone, "adam", is {"type": "adam"}; an object without "type" is of the first kind. The JSON becomes an object with
 * "type" and all defaults. */
flow_status flow_kind_read(int *index, void **options, flow_json *json, const flow_kind *kinds, int n, flow_error *err);

/* Adds the definition `name` of the JSON Schema: a word or an object of one of the kinds. */
void flow_kind_schema(cJSON *definitions, const char *name, const flow_kind *kinds, int n);

#endif
