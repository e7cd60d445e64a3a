/* The model spec: a JSON document that says what to train, on what, and where the result goes (docs/spec.md).
 *
 * Reading checks the top level, "data", "seed" and "output"; "flow" and "base" are checked by flow_new and "train" by
 * flow_train_options_read, each with the path in its messages. Together they fill in every default, and the resolved
 * document is what a model file stores.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_H
#define FLOW_MODEL_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/json.h"

enum { FLOW_SPEC_COLUMNS_MAX = 65536 };

/* The members are borrowed from the document, which the spec owns. Paths are as written; flow_spec_path resolves them.
 */
typedef struct flow_spec {
    cJSON *document;
    flow_arena arena; /* for structs of options that are read from the document */
    char *source; /* the name of the spec for messages: its file, "standard input"; owned */
    char *dir;    /* what relative paths are relative to; owned */
    const char *name;
    const char *train, *validation, *test; /* locations of data; NULL: not given */
    double share;                          /* "validation": 0.1; 0 when validation is a location or absent */
    const char **columns;                  /* the columns to model; NULL: all others. The list is owned */
    int n_columns;
    const char **context; /* the columns that are given and not modelled. The list is owned */
    int n_context;
    const char *weight; /* the column of the rows' weights; NULL: none */
    bool allow_negative_weights;
    bool skip_invalid;
    double memory; /* GiB that held rows may take */
    flow_json flow, base, embedding; /* a node may be NULL */
    flow_json training;              /* the object "train"; made when absent */
    uint64_t seed;
    const char *output;
} flow_spec;

/* Reads FILE ("-" is standard input) and applies the overrides ("train.epochs=5") in order. *out is the caller's. */
flow_status flow_spec_read(flow_spec **out, const char *file, const char *const *overrides, int n_overrides,
                           flow_error *err);
/* The same from a text, for instance from a model file. `dir` may be NULL. */
flow_status flow_spec_parse(flow_spec **out, const char *text, size_t length, const char *name, const char *dir,
                            const char *const *overrides, int n_overrides, flow_error *err);
void flow_spec_free(flow_spec *spec);

/* `path` of the spec relative to the spec's folder, owned by the caller. */
char *flow_spec_path(const flow_spec *spec, const char *path);

/* The resolved document, indented; owned by the caller (free). */
char *flow_spec_print(const flow_spec *spec);

/* Adds the top level and "data" of the JSON Schema to `schema`, whose "definitions" others fill. */
void flow_spec_schema(cJSON *schema);

#endif
