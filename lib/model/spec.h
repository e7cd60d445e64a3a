/* The model spec: a JSON document that says what to train, on what, and where the result goes (docs/spec.md).
 *
 * Reading checks the whole document; flow_build checks what depends on the columns of the data. Reading writes every
 * default into the document, and a model file stores the document that results.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_H
#define FLOW_MODEL_SPEC_H

#include "core/arena.h"
#include "core/compare.h"
#include "flow/design.h"
#include "flow/flow.h"
#include "model/spec_data.h"
#include "model/spec_defaults.h"
#include "model/spec_image.h"
#include "model/spec_tune.h"
#include "train/options.h"

/* Everything is of the spec. Paths are as written; flow_spec_path resolves them. */
typedef struct flow_spec {
    cJSON *document;
    flow_arena arena;   /* of the members below */
    const char *source; /* the name of the spec for messages: its file, "standard input" */
    const char *dir;    /* relative paths start from here */
    const char *schema, *name, *output;
    const flow_data_options *data;
    const flow_image_options *image; /* NULL: the data say whether their rows are images */
    flow_design design;
    const flow_train_options *train;
    const flow_tune_options *tune; /* NULL without */
    int64_t seed;
    const char *added[SPEC_DEFAULTS + 1]; /* keys that were not written, and have the defaults of this flow */
} flow_spec;

/* Reads FILE ("-" is standard input) and applies the overrides ("train.epochs=5") in order. *out is the caller's. */
flow_status flow_spec_read(flow_spec **out, const char *file, const char *const *overrides, int n_overrides,
                           flow_error *err);
/* Applies overrides to a document that was not read yet. */
flow_status flow_spec_override(cJSON *document, const char *const *overrides, int n_overrides, flow_error *err);
/* The same from a text, for instance from a model file. `dir` may be NULL. */
flow_status flow_spec_parse(flow_spec **out, const char *text, size_t length, const char *name, const char *dir,
                            const char *const *overrides, int n_overrides, flow_error *err);
/* The same from a document, which is taken over, also after an error. */
flow_status flow_spec_make(flow_spec **out, cJSON *document, const char *name, const char *dir,
                           const char *const *overrides, int n_overrides, flow_error *err);
void flow_spec_free(flow_spec *spec);

/* `path` of the spec relative to the spec's folder, owned by the caller. */
char *flow_spec_path(const flow_spec *spec, const char *path);
/* The same for each of the locations of data that are joined. */
char *flow_spec_location(const flow_spec *spec, const char *location);

/* Says in the document and in the options that the rows are images of this shape. Defaults that depend on it change,
 * and the options of the spec are read again: what was taken from it is taken anew. */
flow_status flow_spec_set_shape(flow_spec *spec, flow_shape shape, flow_error *err);

/* Says likewise how many classes the labels have. */
flow_status flow_spec_set_classes(flow_spec *spec, int n, flow_error *err);

/* Says likewise how many rows and columns a training has: defaults that depend on them are then in the document. */
flow_status flow_spec_set_rows(flow_spec *spec, int64_t rows, int columns, flow_error *err);
/* Whether the spec has a batch; without it, the options have one that counts for nothing. */
bool flow_spec_has_batch(const flow_spec *spec);

/* What rows of `dim` columns look like to a flow. */
flow_row_layout flow_spec_layout(const flow_spec *spec, int dim, const char *const *columns);

/* Reports each difference that makes `is` another training than `was` (core/compare.h). */
void flow_spec_compare(const flow_spec *was, const flow_spec *is, flow_report_difference *report, void *context);

/* The JSON Schema of specs, the caller's; NULL or incomplete when memory is out. */
cJSON *flow_spec_schema(void);

#endif
