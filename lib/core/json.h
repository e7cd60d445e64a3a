/* JSON documents whose values have paths.
 *
 * cJSON parses and prints. This file adds what specs need: errors with line and column, the refusal of equal keys,
 * paths such as flow[1].hidden in messages, and assignments of the form key.path=value.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_JSON_H
#define FLOW_CORE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

enum { FLOW_JSON_PATH_SIZE = 192, FLOW_JSON_MAX_BYTES = 1 << 22 };

/* A value in a document. `node` is borrowed from the document; NULL if there is nothing at that path. */
typedef struct flow_json {
    cJSON *node;
    char path[FLOW_JSON_PATH_SIZE]; /* "" for the document */
} flow_json;

/* Parses `length` bytes of text. The caller owns *out (cJSON_Delete). `name` is the name of the file in messages.
 * FLOW_SPEC with line and column for a syntax error, with the path for a key that occurs twice. */
flow_status flow_json_parse(cJSON **out, const char *text, size_t length, const char *name, flow_error *err);

/* The same for a file of at most FLOW_JSON_MAX_BYTES; "-" is standard input. */
flow_status flow_json_read(cJSON **out, const char *file, flow_error *err);

/* Whether a text begins as an object does. */
bool flow_json_begins(const char *text, size_t size);

flow_json flow_json_root(cJSON *document);
flow_json flow_json_member(const flow_json *object, const char *key);
/* The same for a node that is a member of the object, without a search. */
flow_json flow_json_child(const flow_json *object, cJSON *node);
flow_json flow_json_element(const flow_json *array, int index);

/* What is at a path such as train.epochs or flow[1].hidden, borrowed; NULL: nothing. */
cJSON *flow_json_find(cJSON *document, const char *path);

/* Sets one value from "train.epochs=5" or "flow[1].hidden=[64,64]". The value is JSON; what is not valid JSON is taken
 * as a string, so that a command line needs no quotes. Missing objects on the path are made, and a word on the path
 * becomes an object: "nsf" becomes {"type": "nsf"}. */
flow_status flow_json_assign(cJSON *document, const char *assignment, flow_error *err);

/* Replaces the value by `with`, which is taken over. */
void flow_json_replace(flow_json *json, cJSON *with);

/* Replaces a value, "affine", by an object, {KEY: "affine"}. */
flow_status flow_json_wrap(flow_json *json, const char *key, flow_error *err);
/* The same for a text. Other values stay. */
flow_status flow_json_expand(flow_json *json, const char *key, flow_error *err);

/* The document as indented text in UTF-8 (core/bytes.h), owned by the caller (free); NULL when memory is out. Numbers
 * read back as the same doubles. cJSON_Print allows a relative error of 2^-52, which changes seeds of 16 digits. */
char *flow_json_print(const cJSON *document);

/* The same laid out for people, with a newline at the end: what fits on a line is on one line. */
char *flow_json_layout(const cJSON *document);

/* Writes a description of the value for messages: "an object", "3", "\"relu\"". */
void flow_json_describe(char *out, size_t size, const flow_json *json);

/* FLOW_SPEC with "PATH: message". */
flow_status flow_json_fail(const flow_json *json, flow_error *err, const char *format, ...) FLOW_PRINTF(3, 4);

/* FLOW_SPEC for a key of `object` that is none of the `known` ones; the message suggests the nearest. */
flow_status flow_json_unknown(const flow_json *object, const char *key, const char *const *known, int n_known,
                              flow_error *err);

#endif
