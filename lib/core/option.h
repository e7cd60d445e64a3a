/* Option tables: one table per kind of JSON object drives reading, range checks, defaults, help and the schema.
 *
 * A struct that is filled from JSON has a const table of flow_option, one row per key, each with the offset of the
 * member it fills. flow_options_read refuses unknown keys, wrong types and values out of range with their JSON path,
 * and writes the default of every absent key into the JSON, so that a document that has been read is fully resolved
 * and means the same to a later version with other defaults.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_OPTION_H
#define FLOW_CORE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/json.h"

enum { FLOW_LIST_MAX = 32 };

typedef struct flow_int_list {
    int n;
    int at[FLOW_LIST_MAX];
} flow_int_list;

typedef enum flow_option_kind {
    FLOW_OPTION_FLAG,    /* bool */
    FLOW_OPTION_INT,     /* int64_t */
    FLOW_OPTION_NUMBER,  /* double */
    FLOW_OPTION_CHOICE,  /* int: the index in `choices` */
    FLOW_OPTION_TEXT,    /* const char *, borrowed from the document; NULL when absent or null */
    FLOW_OPTION_INTS,    /* flow_int_list */
    FLOW_OPTION_JSON     /* flow_json, borrowed: somebody else reads it (see `refers`) */
} flow_option_kind;

/* `fallback` is JSON text ("128", "\"relu\"", "[128, 128]"); NULL: the key has no default and stays absent (a number
 * then keeps the value the caller put there); FLOW_REQUIRED: absence is an error. */
#define FLOW_REQUIRED ((const char *)"")

typedef struct flow_option {
    const char *key;
    flow_option_kind kind;
    size_t offset;
    const char *fallback;
    double least, most;         /* INT, NUMBER and the elements of INTS; both inclusive */
    const char *const *choices; /* CHOICE: NULL-terminated */
    const char *refers;         /* JSON: the name of a definition in the schema; NULL: anything */
    const char *help;           /* one line */
} flow_option;

/* The last row of a table. */
#define FLOW_OPTIONS_END {.key = NULL}

/* Fills the struct at `out` from `object`, which must be a JSON object. `also` (NULL-terminated, may be NULL) are keys
 * that somebody else reads, such as "type". FLOW_SPEC with the path for whatever does not fit. */
flow_status flow_options_read(void *out, const flow_option *table, flow_json *object, const char *const *also,
                              flow_error *err);

/* Writes the JSON text `value` under `key` of `object` if the key is absent. */
flow_status flow_option_default(flow_json *object, const char *key, const char *value, flow_error *err);

/* The table as the "properties" of a JSON Schema object; the caller owns the result, NULL when memory is out. */
cJSON *flow_options_schema(const flow_option *table);

#endif
