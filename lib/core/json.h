/* JSON with a memory of where it stands: every cursor carries its path, so that every error can name it.
 *
 * Parsing and printing are cJSON's; this adds what a spec for people needs: errors with line and column, duplicate
 * keys refused, paths such as flow[1].hidden in messages, and `key.path=value` overrides.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_JSON_H
#define FLOW_CORE_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "core/error.h"

enum { FLOW_JSON_PATH_SIZE = 192, FLOW_JSON_MAX_BYTES = 1 << 22 };

/* A place in a document. `node` is borrowed from the document, NULL when there is nothing at that path. */
typedef struct flow_json {
    cJSON *node;
    char path[FLOW_JSON_PATH_SIZE]; /* "" is the document itself */
} flow_json;

/* Parses `length` bytes of text; the caller owns *out (cJSON_Delete). `name` stands in messages as the file's name.
 * FLOW_SPEC with line and column for a syntax error, with the path for a duplicate key. */
flow_status flow_json_parse(cJSON **out, const char *text, size_t length, const char *name, flow_error *err);

/* The same for a file of at most FLOW_JSON_MAX_BYTES; "-" is standard input. */
flow_status flow_json_read(cJSON **out, const char *file, flow_error *err);

flow_json flow_json_root(cJSON *document);
flow_json flow_json_member(const flow_json *object, const char *key);
/* The same for a node that is a member of the object, without a search. */
flow_json flow_json_child(const flow_json *object, cJSON *node);
flow_json flow_json_element(const flow_json *array, int index);

/* Sets one value from "train.epochs=5" or "flow[1].hidden=[64,64]". The value is JSON; what is not valid JSON is taken
 * as a string, so that quotes are not needed on a command line. Objects on the way are made when missing, and a word
 * there becomes an object: "nsf" becomes {"type": "nsf"}. */
flow_status flow_json_assign(cJSON *document, const char *assignment, flow_error *err);

/* Puts `with` (taken over) in the place of the value at `at`, under the same key: "affine" becomes {"type": "affine",
 * ...}. */
void flow_json_replace(flow_json *at, cJSON *with);

/* "affine" becomes {KEY: "affine"}; what is no text stays as it is. */
flow_status flow_json_expand(flow_json *at, const char *key, flow_error *err);

/* The document as indented text, owned by the caller (free); NULL when memory is out. Numbers read back as the very
 * same doubles, which cJSON_Print does not promise: it is content with a relative 2^-52, and a seed of 16 digits would
 * change. */
char *flow_json_print(const cJSON *document);

/* "an object", "the number 3", "\"relu\"": what stands at a place, for messages. */
void flow_json_describe(char *out, size_t size, const flow_json *at);

/* FLOW_SPEC with "PATH: message". */
flow_status flow_json_fail(const flow_json *at, flow_error *err, const char *format, ...) FLOW_PRINTF(3, 4);

/* FLOW_SPEC for key `key` of `object` that is none of `known`, with the nearest one suggested. */
flow_status flow_json_unknown(const flow_json *object, const char *key, const char *const *known, int n_known,
                              flow_error *err);

#endif
